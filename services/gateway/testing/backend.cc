#include "services/gateway/testing/backend.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/rpc_method.h"

namespace caravan::gateway::testing {
namespace {

std::multimap<std::string, std::string> Copy(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::multimap<std::string, std::string> copy;
  for (const auto& [name, value] : metadata) {
    copy.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  return copy;
}

}  // namespace

class Backend::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(Backend& backend, grpc::GenericCallbackServerContext* context)
      : backend_(backend), context_(context), metadata_(Copy(context->client_metadata())) {
    const std::string& path = context->method();
    method_ = path.substr(path.rfind('/') + 1);
    {
      absl::MutexLock lock(&backend_.mutex_);
      backend_.last_metadata_ = metadata_;
    }
    if (const auto header = metadata_.find("echo-header"); header != metadata_.end()) {
      context->AddInitialMetadata("echo-header", header->second);
    }
    if (method_ == "Refuse") {
      Finish({grpc::StatusCode::NOT_FOUND, "there is no such thing"});
    } else if (method_ == "Time") {
      const absl::Time deadline = absl::FromChrono(context->deadline());
      out_ = Bytes(absl::StrCat(absl::ToInt64Milliseconds(deadline - absl::Now())));
      StartWriteAndFinish(&out_, {}, grpc::Status::OK);
    } else if (method_ != "Hang") {
      StartRead(&in_);
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      FinishEcho();
      return;
    }
    if (method_ == "Flood") {
      const std::vector<std::string> words = absl::StrSplit(Text(in_), ' ');
      if (!absl::SimpleAtoi(words.at(0), &left_) || !absl::SimpleAtoi(words.at(1), &size_)) {
        Finish({grpc::StatusCode::INVALID_ARGUMENT, "not <count> <size>"});
        return;
      }
      out_ = Bytes(std::string(size_, 'x'));
      WriteNext();
    } else {
      out_ = in_;
      StartWrite(&out_);
    }
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      if (method_ == "Flood") Finish({grpc::StatusCode::CANCELLED, ""});
      return;
    }
    if (method_ == "Flood") {
      backend_.flooded_ += size_;
      WriteNext();
    } else {
      StartRead(&in_);
    }
  }

  void OnCancel() override {
    {
      absl::MutexLock lock(&backend_.mutex_);
      ++backend_.cancelled_;
    }
    if (method_ == "Hang") Finish({grpc::StatusCode::CANCELLED, ""});
  }

  void OnDone() override { delete this; }  // as grpc++ has it

 private:
  void WriteNext() {
    if (left_-- > 0) {
      StartWrite(&out_);
    } else {
      Finish(grpc::Status::OK);
    }
  }

  void FinishEcho() {
    grpc::Status status;
    for (const auto& [name, value] : metadata_) {
      if (name == "echo-status") {
        int code = 0;
        if (!absl::SimpleAtoi(value, &code)) code = grpc::StatusCode::INVALID_ARGUMENT;
        status = {static_cast<grpc::StatusCode>(code), "as you say: 50 % \xE4\xBD\xA0",
                  std::string("some\0details", 12)};
      } else if (absl::StartsWith(name, "echo-") && name != "echo-header") {
        context_->AddTrailingMetadata(name, value);
      }
    }
    Finish(status);
  }

  Backend& backend_;
  grpc::GenericCallbackServerContext* const context_;
  const std::multimap<std::string, std::string> metadata_;
  std::string method_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  int64_t left_ = 0;
  int64_t size_ = 0;
};

Backend::Backend(const std::string& address, std::shared_ptr<grpc::ServerCredentials> credentials) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(this);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.AddListeningPort(
      address, credentials == nullptr ? grpc::InsecureServerCredentials() : credentials, &port_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) std::abort();
  address_ = absl::StartsWith(address, "unix:")
                 ? address
                 : absl::StrCat(address.substr(0, address.rfind(':')), ":", port_);
}

Backend::~Backend() { Shutdown(absl::ZeroDuration()); }

void Backend::SayNotServing() { server_->GetHealthCheckService()->Shutdown(); }

void Backend::Shutdown(absl::Duration timeout) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + timeout));
  server_->Wait();
  server_.reset();
}

bool Backend::AwaitCancelled(int count) {
  absl::MutexLock lock(&mutex_);
  const auto enough = [&] { return cancelled_ >= count; };
  return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
}

std::multimap<std::string, std::string> Backend::last_metadata() {
  absl::MutexLock lock(&mutex_);
  return last_metadata_;
}

grpc::ServerGenericBidiReactor* Backend::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new Call(*this, context);
}

std::unique_ptr<Stream> Start(const std::shared_ptr<grpc::Channel>& channel,
                              const std::string& path, grpc::ClientContext& context) {
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
  return std::unique_ptr<Stream>(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, &context));
}

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (bytes.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return text;
}

Answer Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
            const std::string& message, const std::multimap<std::string, std::string>& metadata,
            absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
  const auto stream = Start(channel, path, context);
  stream->WriteLast(Bytes(message), {});
  Answer answer;
  grpc::ByteBuffer reply;
  while (stream->Read(&reply)) answer.message = Text(reply);
  answer.status = stream->Finish();
  answer.headers = Copy(context.GetServerInitialMetadata());
  answer.trailers = Copy(context.GetServerTrailingMetadata());
  return answer;
}

}  // namespace caravan::gateway::testing
