// Calls of the zones service.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "services/common/api/errors.h"

namespace caravan::fault {

// A service that has been killed needs its time to come back.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(60);

inline constexpr char kEnterprises[] = "/caravan.zones.v1.EnterpriseService/";
inline constexpr char kPilotZones[] = "/caravan.zones.v1.PilotZoneService/";
inline constexpr char kChanges[] = "/caravan.api.v1.ChangeService/";

// The same bytes for the same message: maps have no order of their own.
inline std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

// With the details of the error.
inline absl::Status ToStatus(const grpc::Status& status) {
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    return api::FromRpcStatus(details);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

struct CallOptions {
  int64_t min_revision = 0;     // sent along, unless 0
  int64_t* revision = nullptr;  // takes that of the answer
};

inline absl::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                         const google::protobuf::Message& request,
                         google::protobuf::Message* response, const CallOptions& options = {}) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  if (options.min_revision > 0) {
    context.AddMetadata("caravan-min-revision", absl::StrCat(options.min_revision));
  }
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall(channel.get(), rpc, &context, request, response);
  if (options.revision != nullptr) {
    *options.revision = 0;
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("caravan-revision");
    if (found != trailers.end()) {
      (void)absl::SimpleAtoi(std::string_view(found->second.data(), found->second.size()),
                             options.revision);
    }
  }
  return ToStatus(status);
}

// Repeats the same request until it is answered, however often the service or
// its database dies meanwhile.
inline absl::Status CallUntilAnswered(const std::shared_ptr<grpc::Channel>& channel,
                                      const std::string& method,
                                      const google::protobuf::Message& request,
                                      google::protobuf::Message* response) {
  const absl::Time end = absl::Now() + kCallTimeout;
  while (true) {
    const absl::Status status = Call(channel, method, request, response);
    if (!absl::IsUnavailable(status) || absl::Now() > end) return status;
  }
}

}  // namespace caravan::fault
