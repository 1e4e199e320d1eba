#include "services/gateway/edge_handlers.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/gateway/grpc_status.h"

namespace caravan::gateway {
namespace {

constexpr std::string_view kGrpcType = "application/grpc";
constexpr std::string_view kHealthPath = "/grpc.health.v1.Health/";

// `application/grpc`, `application/grpc+proto`; not `application/grpc-web`.
bool IsGrpc(std::string_view content_type) {
  if (!content_type.starts_with(kGrpcType)) return false;
  content_type.remove_prefix(kGrpcType.size());
  return content_type.empty() || content_type[0] == '+' || content_type[0] == ';';
}

// Gives one answer to whatever is asked.
class FixedAnswer final : public StreamHandler {
 public:
  FixedAnswer(ServerStream& stream, HeaderBlock header, std::string_view text)
      : stream_(stream), header_(std::move(header)) {
    if (!text.empty()) body_.body().Append(text);
    body_.body().End();
  }

  void OnRequest(bool) override {
    stream_.Respond(header_, body_.body().available() > 0 ? &body_ : nullptr);
  }
  void OnBody(std::string_view bytes) override { stream_.Consume(bytes.size()); }
  void OnBodyEnd() override {}
  void OnShutdown() override {}

 private:
  class Body final : public BodySource {
   public:
    void OnTaken(size_t) override {}
  };

  ServerStream& stream_;
  const HeaderBlock header_;
  Body body_;
};

std::unique_ptr<StreamHandler> HttpError(ServerStream& stream, std::string_view status,
                                         std::string_view text) {
  HeaderBlock header;
  header.Add(":status", status);
  header.Add("content-type", "text/plain; charset=utf-8");
  if (status == "405") header.Add("allow", "POST");
  return std::make_unique<FixedAnswer>(stream, std::move(header), text);
}

}  // namespace

std::unique_ptr<StreamHandler> EdgeHandlers::Make(ServerStream& stream) {
  const HeaderBlock& request = stream.request();
  if (!IsGrpc(request.Find("content-type").value_or(""))) {
    return HttpError(stream, "415", "This is a gRPC server: use content-type application/grpc.\n");
  }
  if (request.Find(":method").value_or("") != "POST") {
    return HttpError(stream, "405", "gRPC calls are POST requests.\n");
  }
  const std::string_view path = request.Find(":path").value_or("");
  if (path.starts_with(kHealthPath)) {
    return MakeHealthHandler(stream, serving_, path.substr(kHealthPath.size()));
  }
  if (serves_ == Serves::kHealth) {
    const absl::Status status =
        api::Error(absl::StatusCode::kUnimplemented, "ONLY_HEALTH",
                   absl::StrCat("this port serves grpc.health.v1.Health only, not ", path));
    return std::make_unique<FixedAnswer>(stream, TrailersOnly(status), "");
  }
  return std::make_unique<Exchange>(stream, context_);
}

std::unique_ptr<StreamHandler> EdgeHandlers::MakeForTooLarge(ServerStream& stream) {
  const Limits& limits = context_.limits;
  if (!IsGrpc(stream.request().Find("content-type").value_or(""))) {
    return HttpError(stream, "431", "The header of the request is too large.\n");
  }
  const absl::Status status = api::Error(
      absl::StatusCode::kResourceExhausted, "METADATA_TOO_LARGE",
      absl::StrCat("the metadata of a request may have ", limits.header_count, " fields and ",
                   limits.header_bytes, " bytes, with 32 more for each field"));
  return std::make_unique<FixedAnswer>(stream, TrailersOnly(status), "");
}

}  // namespace caravan::gateway
