#include "tests/load/client.h"

#include <time.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"
#include "services/gateway/grpc_status.h"
#include "services/gateway/headers.h"
#include "services/gateway/loop.h"
#include "services/gateway/resolver.h"
#include "services/gateway/socket.h"
#include "services/gateway/tls.h"
#include "services/gateway/upstream_call.h"
#include "services/gateway/upstream_session.h"

namespace caravan::load {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr char kServerName[] = "localhost";
constexpr uint32_t kWindow = (uint32_t{1} << 31) - 1;  // the largest

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void Prepare(const Endpoint& endpoint, grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  if (!endpoint.token.empty()) context.AddMetadata("authorization", "Bearer " + endpoint.token);
  if (!endpoint.principal.empty()) context.AddMetadata("caravan-principal", endpoint.principal);
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// CPU time used by a process so far.
absl::Duration CpuTime(int pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

using gateway::HeaderBlock;
using gateway::UpstreamSession;

constexpr size_t kFramePrefix = 5;  // of a gRPC message: a flag, and its length in four bytes

void AppendLength(uint32_t length, std::string& to) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(length >> shift));
}

uint32_t LengthAt(std::string_view bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

// The one message of an answer; nothing where it is none.
std::optional<std::string_view> Message(std::string_view body) {
  if (body.size() < kFramePrefix || body[0] != 0) return std::nullopt;
  if (body.size() - kFramePrefix != LengthAt(body.substr(1))) return std::nullopt;
  return body.substr(kFramePrefix);
}

class Runner;

// One slot: what it sends and gets, over and over.
class Slot final : public gateway::UpstreamCall {
 public:
  Slot(Runner& runner, int number, size_t connection)
      : number(number), connection(connection), runner_(runner) {}

  void Prepare(std::string_view message);

  const int number;
  const size_t connection;
  absl::Time start;

 private:
  struct Body final : gateway::BodySource {
    void OnTaken(size_t) override {}
  };

  void FillRequest(gateway::HeaderVector* header) override;
  gateway::BodySource& request_body() override { return *request_; }
  bool has_body() override { return true; }
  void OnStream(gateway::UpstreamStream&) override {}
  void OnResponseHeader(HeaderBlock header, bool ended) override {
    if (ended) OnResponseTrailers(std::move(header));
  }
  // The windows are too large for one answer to fill them.
  void OnResponseBody(std::string_view bytes) override { response_.append(bytes); }
  void OnResponseTrailers(HeaderBlock trailers) override;
  void OnResponseEnd() override { OnResponseTrailers({}); }
  void OnFailure(const gateway::StreamFailure& failure) override;

  Runner& runner_;
  std::optional<Body> request_;
  std::string response_;
};

// One run: a loop with its connections, on the thread that calls Run().
class Runner {
 public:
  Runner(const Endpoint& endpoint, Workload& workload, const LoadOptions& options)
      : endpoint_(endpoint), workload_(workload), options_(options) {
    header_.Add(":method", "POST");
    header_.Add(":scheme", endpoint.ca.empty() ? "http" : "https");
    header_.Add(":path", workload.method());
    header_.Add(":authority", kServerName);
    header_.Add("te", "trailers");
    header_.Add("content-type", "application/grpc");
    header_.Add("grpc-timeout", absl::StrCat(absl::ToInt64Seconds(kCallTimeout), "S"));
    if (!endpoint.token.empty()) header_.Add("authorization", "Bearer " + endpoint.token);
    if (!endpoint.principal.empty()) header_.Add("caravan-principal", endpoint.principal);
  }

  absl::StatusOr<LoadResult> Run() {
    if (absl::Status status = Connect(); !status.ok()) return status;
    loop_.Run();
    if (!down_.ok()) return down_;
    if (!ended_) End(absl::Now());
    return std::move(result_);
  }

  const HeaderBlock& header() const { return header_; }

  void Ended(Slot& slot, absl::Status status, std::string_view response) {
    --under_way_;
    const absl::Time now = absl::Now();
    if (status.ok()) status = workload_.Took(slot.number, response);
    if (!status.ok() && result_.errors++ == 0) result_.first_error = status.ToString();
    if (measuring_ && !ended_ && status.ok()) {
      latencies_.push_back(now - slot.start);
      result_.response_bytes = static_cast<int64_t>(response.size());
    }
    if (!measuring_ && now - begin_ >= options_.warm_up) Measure(now);
    if (!ended_ && measuring_ && now - measured_from_ >= options_.duration) End(now);
    Start(slot);
  }

 private:
  absl::Status Connect() {
    auto target = gateway::Target::Parse(endpoint_.address);
    if (!target.ok()) return target.status();
    auto addresses = gateway::ResolveNow(*target);
    if (!addresses.ok()) return addresses.status();
    std::shared_ptr<const gateway::TlsContext> tls;
    if (!endpoint_.ca.empty()) {
      auto context = gateway::TlsContext::Load(
          gateway::TlsContext::Side::kClient,
          {.certificate = endpoint_.certificate, .key = endpoint_.key, .ca = endpoint_.ca});
      if (!context.ok()) return context.status();
      tls = *std::move(context);
    }
    waiting_.resize(options_.connections);
    for (int i = 0; i < options_.connections; ++i) {
      auto socket = gateway::Socket::Connect(
          loop_, addresses->front(), tls == nullptr ? nullptr : tls->NewSession(kServerName));
      if (!socket.ok()) return socket.status();
      UpstreamSession::Options options;
      options.service = kServerName;
      options.stream_window = kWindow;
      options.connection_window = kWindow;
      options.on_ready = [this](UpstreamSession&) {
        if (++ready_ == options_.connections) Begin();
      };
      options.on_room = [this, i](UpstreamSession&) { StartWaiting(i); };
      options.on_leaving = [this](UpstreamSession& session) { Lost(session); };
      options.on_down = options.on_leaving;
      connections_.push_back(
          std::make_shared<UpstreamSession>(loop_, *std::move(socket), std::move(options)));
      connections_.back()->Start();
    }
    return absl::OkStatus();
  }

  void Begin() {
    begin_ = absl::Now();
    if (options_.warm_up <= absl::ZeroDuration()) Measure(begin_);
    for (int i = 0; i < options_.outstanding; ++i) {
      slots_.push_back(std::make_unique<Slot>(*this, i, i % connections_.size()));
      Start(*slots_.back());
    }
    StopWhenDone();
  }

  void Start(Slot& slot) {
    if (ended_ || (options_.calls > 0 && started_ == options_.calls)) return StopWhenDone();
    ++started_;
    ++under_way_;
    const std::string request = workload_.Next(slot.number);
    result_.request_bytes = static_cast<int64_t>(request.size());
    slot.Prepare(request);
    slot.start = absl::Now();
    waiting_[slot.connection].push_back(&slot);
    StartWaiting(slot.connection);
  }

  // A server allows only so many streams on a connection.
  void StartWaiting(size_t connection) {
    std::deque<Slot*>& waiting = waiting_[connection];
    while (!waiting.empty() && connections_[connection]->HasRoom()) {
      Slot& slot = *waiting.front();
      waiting.pop_front();
      connections_[connection]->Open(slot);
    }
  }

  void StopWhenDone() {
    if (under_way_ == 0) loop_.Stop();
  }

  // Without one of its connections a run means nothing.
  void Lost(UpstreamSession& session) {
    if (!down_.ok()) return;
    down_ = absl::UnavailableError(
        absl::StrCat("the connection to ", endpoint_.address, " has ended: ", session.why()));
    ended_ = true;
    loop_.Stop();
  }

  void Measure(absl::Time now) {
    measuring_ = true;
    measured_from_ = now;
    server_cpu_ = CpuTime(options_.server_pid);
    client_cpu_ = CpuTime(0);
  }

  void End(absl::Time now) {
    ended_ = true;
    result_.elapsed = now - measured_from_;
    if (options_.server_pid > 0) result_.server_cpu = CpuTime(options_.server_pid) - server_cpu_;
    result_.client_cpu = CpuTime(0) - client_cpu_;
    result_.calls = static_cast<int64_t>(latencies_.size());
    std::sort(latencies_.begin(), latencies_.end());
    if (latencies_.empty()) return;
    result_.p50 = latencies_[latencies_.size() / 2];
    result_.p99 = latencies_[latencies_.size() * 99 / 100];
  }

  const Endpoint& endpoint_;
  Workload& workload_;
  const LoadOptions& options_;
  HeaderBlock header_;
  gateway::Loop loop_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::deque<Slot*>> waiting_;  // for room, by connection
  std::vector<std::shared_ptr<UpstreamSession>> connections_;
  int ready_ = 0;  // connections
  absl::Status down_;
  LoadResult result_;
  std::vector<absl::Duration> latencies_;
  int64_t started_ = 0;
  int under_way_ = 0;
  bool measuring_ = false;
  bool ended_ = false;
  absl::Time begin_;
  absl::Time measured_from_;
  absl::Duration server_cpu_;
  absl::Duration client_cpu_;
};

void Slot::Prepare(std::string_view message) {
  std::string prefix(1, '\0');
  AppendLength(static_cast<uint32_t>(message.size()), prefix);
  request_.emplace();
  request_->body().Append(prefix);
  request_->body().Append(message);
  request_->body().End();
  response_.clear();
}

void Slot::FillRequest(gateway::HeaderVector* header) { header->Add(runner_.header()); }

void Slot::OnResponseTrailers(HeaderBlock trailers) {
  const int code = gateway::CodeOf(trailers.Find("grpc-status").value_or(""));
  absl::Status status;
  std::optional<std::string_view> message;
  if (code != 0) {
    status = absl::Status(static_cast<absl::StatusCode>(code),
                          trailers.Find("grpc-message").value_or(""));
  } else if (message = Message(response_); !message) {
    status = absl::DataLossError("the answer is not one message of gRPC");
  }
  runner_.Ended(*this, std::move(status), message.value_or(""));
}

void Slot::OnFailure(const gateway::StreamFailure& failure) {
  runner_.Ended(*this, failure.status, "");
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Otherwise channels of the same arguments share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The machine is shared with what is measured: nothing that a run does not use.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  if (endpoint.ca.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  auto ca = ReadFile(endpoint.ca);
  if (!ca.ok()) return ca.status();
  arguments.SetSslTargetNameOverride(kServerName);
  if (endpoint.certificate.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::SslCredentials({*ca, "", ""}),
                                     arguments);
  }
  auto certificate = ReadFile(endpoint.certificate);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadFile(endpoint.key);
  if (!key.ok()) return key.status();
  return grpc::CreateCustomChannel(endpoint.address,
                                   grpc::SslCredentials({*ca, *key, *certificate}), arguments);
}

absl::Status CallAndWait(const std::shared_ptr<grpc::Channel>& channel, const Endpoint& endpoint,
                         const std::string& method, const google::protobuf::MessageLite& request,
                         google::protobuf::MessageLite* response) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  Prepare(endpoint, context);
  context.set_wait_for_ready(true);
  grpc::ByteBuffer buffer;
  grpc::Status status;
  const grpc::Slice bytes(request.SerializeAsString());
  auto reader = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&bytes, 1), &queue);
  reader->StartCall();
  reader->Finish(&buffer, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) return ToStatus(status);
  grpc::Slice answer;
  if (!buffer.DumpToSingleSlice(&answer).ok() ||
      !response->ParseFromArray(answer.begin(), static_cast<int>(answer.size()))) {
    return absl::DataLossError(absl::StrCat("the answer of ", method, " does not parse"));
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadResult> Run(const Endpoint& endpoint, Workload& workload,
                               const LoadOptions& options) {
  return Runner(endpoint, workload, options).Run();
}

}  // namespace caravan::load
