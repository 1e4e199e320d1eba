#include "tests/conformance/probe_service.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/conformance/bytes.h"

namespace caravan::conformance {
namespace {

// As a service of ours does: between saying that it does not serve and refusing
// calls.
constexpr absl::Duration kLameDuck = absl::Milliseconds(300);

}  // namespace

class ProbeService::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(ProbeService* probe, grpc::GenericCallbackServerContext* context)
      : probe_(probe), method_(context->method().substr(context->method().rfind('/') + 1)) {
    std::multimap<std::string, std::string> metadata;
    for (const auto& [key, value] : context->client_metadata()) {
      metadata.emplace(std::string(key.data(), key.size()),
                       std::string(value.data(), value.size()));
    }
    for (const auto& [key, value] : metadata) {
      if (absl::StartsWith(key, "reply-")) context->AddInitialMetadata(key.substr(6), value);
      if (absl::StartsWith(key, "trailer-")) context->AddTrailingMetadata(key.substr(8), value);
    }
    const auto one = [&](const char* key) {
      const auto found = metadata.find(key);
      return found == metadata.end() ? "" : found->second;
    };
    int code = 0;
    if (absl::SimpleAtoi(one("fail-code"), &code)) {
      status_ = grpc::Status(static_cast<grpc::StatusCode>(code), one("fail-message-bin"),
                             one("fail-details-bin"));
    }
    const bool fail_first = !one("fail-first").empty();
    (void)absl::SimpleAtoi(one("fail-after"), &fail_after_);
    {
      absl::MutexLock lock(&probe_->mutex_);
      ++probe_->record_.started;
      ++probe_->record_.active;
      probe_->record_.deadline = absl::FromChrono(context->deadline()) - absl::Now();
      probe_->record_.metadata = std::move(metadata);
    }
    if (context->method().find("/caravan.probe.v1.Probe/") != 0) {
      Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "there is no such method"));
      return;
    }
    if (fail_first) {
      Finish(status_);
      return;
    }
    if (context->client_metadata().count("reply-early") > 0) StartSendInitialMetadata();
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return EndOfRequest();
    ++messages_;
    bytes_ += message_.Length();
    if (messages_ == fail_after_) return Finish(status_);
    if (method_ == "Stall") return;
    if (method_ == "Echo") {
      StartWrite(&message_);
      return;
    }
    if (method_ == "Produce") {
      const std::vector<std::string> words = absl::StrSplit(ToText(message_), ' ');
      if (words.size() != 2 || !absl::SimpleAtoi(words[0], &to_send_) ||
          !absl::SimpleAtoi(words[1], &bytes_each_)) {
        Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not <count> <bytes>"));
        return;
      }
      SendNext();
      return;
    }
    StartRead(&message_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    if (method_ == "Echo") return StartRead(&message_);
    if (method_ == "Produce") return SendNext();
    Finish(status_);
  }

  void OnCancel() override {
    {
      absl::MutexLock lock(&probe_->mutex_);
      ++probe_->record_.cancelled;
    }
    if (method_ == "Hang" || method_ == "Stall") Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override {
    {
      absl::MutexLock lock(&probe_->mutex_);
      --probe_->record_.active;
    }
    delete this;
  }

 private:
  void EndOfRequest() {
    if (method_ == "Collect") {
      message_ = FromText(absl::StrCat(messages_, " ", bytes_));
      StartWrite(&message_);
    } else if (method_ == "Hang") {
      // Ends by OnCancel.
    } else {
      Finish(status_);
    }
  }

  void SendNext() {
    if (sent_ == to_send_) return Finish(status_);
    const std::string number = absl::StrCat(sent_++);
    std::string text(static_cast<size_t>(bytes_each_), '.');
    text.replace(text.size() - std::min(text.size(), number.size()), number.size(), number);
    message_ = FromText(text);
    {
      absl::MutexLock lock(&probe_->mutex_);
      probe_->record_.produced_bytes += static_cast<int64_t>(text.size());
    }
    StartWrite(&message_);
  }

  ProbeService* const probe_;
  const std::string method_;
  grpc::Status status_;
  grpc::ByteBuffer message_;
  int64_t fail_after_ = 0, messages_ = 0, to_send_ = 0, bytes_each_ = 0, sent_ = 0;
  size_t bytes_ = 0;
};

grpc::ServerGenericBidiReactor* ProbeService::Service::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new Reactor(probe_, context);
}

ProbeService::ProbeService() = default;

ProbeService::~ProbeService() { Stop(absl::ZeroDuration()); }

void ProbeService::Start(int port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                           &port_);
  service_ = std::make_unique<Service>(this);
  builder.RegisterCallbackGenericService(service_.get());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr) << "on port " << port;
}

void ProbeService::Stop(absl::Duration timeout) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->Shutdown();
  absl::SleepFor(timeout > absl::ZeroDuration() ? kLameDuck : absl::ZeroDuration());
  server_->Shutdown(absl::ToChronoTime(absl::Now() + timeout));
  server_->Wait();
  server_.reset();
}

ProbeService::Record ProbeService::record() const {
  absl::MutexLock lock(&mutex_);
  return record_;
}

}  // namespace caravan::conformance
