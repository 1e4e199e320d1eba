#include "caravan/client/connection.h"

#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "caravan/client/errors.h"

namespace caravan::client {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::MessageLite;

constexpr char kVersion[] = "caravan-cpp/0.1.0";

// Metadata of requests and replies.
constexpr char kAuthorization[] = "authorization";
constexpr char kService[] = "caravan-service";
constexpr char kMinRevision[] = "caravan-min-revision";
constexpr char kRevision[] = "caravan-revision";
constexpr char kScanHint[] = "caravan-scan-hint";

// Errors that name many fields come in trailers larger than gRPC's bound.
constexpr int kMaxMetadata = 64 << 10;

grpc::ChannelArguments ArgumentsOf(const ConnectionOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadata);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_interval)));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_timeout)));
  // A stream that waits for changes sends nothing itself, and is pinged all the
  // same.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetUserAgentPrefix(
      options.user_agent.empty() ? kVersion : absl::StrCat(options.user_agent, " ", kVersion));
  if (!options.credentials.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.credentials.server_name);
  }
  return arguments;
}

}  // namespace

MessageStream::~MessageStream() {
  if (!finished_) {
    Cancel();
    (void)Finish();
  }
  registration_.reset();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void MessageStream::Start(MessageStub& stub, const std::string& path) {
  call_ = stub.PrepareCall(&context_, path, &queue_);
  call_->StartCall(this);
  started_ = Await();
}

bool MessageStream::Await() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

bool MessageStream::Write(const MessageLite& message) {
  if (!started_ || finished_) return false;
  call_->Write(message, this);
  return Await();
}

bool MessageStream::WritesDone() {
  if (!started_ || finished_) return false;
  call_->WritesDone(this);
  return Await();
}

absl::StatusOr<bool> MessageStream::Next(MessageLite* message) {
  if (started_ && !finished_) {
    call_->Read(message, this);
    if (Await()) return true;
  }
  if (auto status = Finish(); !status.ok()) return status;
  return false;
}

absl::Status MessageStream::Finish() {
  if (!finished_) {
    grpc::Status status;
    call_->Finish(&status, this);
    Await();
    finished_ = true;
    end_ = FromGrpc(status);
  }
  return end_;
}

CallOptions WithDefaults(CallOptions options, const CallOptions& defaults) {
  if (!options.timeout) options.timeout = defaults.timeout;
  if (!options.retry) options.retry = defaults.retry;
  if (options.service.empty()) options.service = defaults.service;
  if (options.session == nullptr) options.session = defaults.session;
  if (options.min_revision == 0) options.min_revision = defaults.min_revision;
  if (!options.cancellation) options.cancellation = defaults.cancellation;
  options.metadata.insert(options.metadata.end(), defaults.metadata.begin(),
                          defaults.metadata.end());
  return options;
}

Connection::Connection(std::shared_ptr<grpc::Channel> channel, ConnectionOptions options,
                       std::unique_ptr<TokenSource> token)
    : options_(std::move(options)), token_(std::move(token)), stub_(std::move(channel)) {}

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(ConnectionOptions options) {
  if (options.address.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "NO_ADDRESS",
                     "a connection needs the address of a gateway: host:port or unix:/path");
  }
  auto credentials = MakeChannelCredentials(options.credentials, options.address);
  if (!credentials.ok()) return credentials.status();
  auto channel = grpc::CreateCustomChannel(options.address, *credentials, ArgumentsOf(options));
  return Over(std::move(channel), std::move(options));
}

absl::StatusOr<std::shared_ptr<Connection>> Connection::Over(std::shared_ptr<grpc::Channel> channel,
                                                             ConnectionOptions options) {
  auto token = MakeTokenSource(options.credentials);
  if (!token.ok()) return token.status();
  return std::shared_ptr<Connection>(
      new Connection(std::move(channel), std::move(options), *std::move(token)));
}

absl::Status Connection::Prepare(const Method& method, const CallOptions& options,
                                 absl::Duration left, grpc::ClientContext* context) {
  if (left != absl::InfiniteDuration()) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + left));
  }
  if (token_ != nullptr) {
    const auto token = token_->Get();
    if (!token.ok()) return token.status();
    context->AddMetadata(kAuthorization, absl::StrCat("Bearer ", *token));
  }
  const std::string own = ServiceOf(method.path);
  const std::string& service = own.empty() ? options.service : own;
  if (own.empty() && !service.empty()) context->AddMetadata(kService, service);
  if (method.repeat == Repeat::kSafe) {
    int64_t revision = options.min_revision;
    if (options.session != nullptr) {
      revision = std::max(revision, options.session->RevisionOf(service));
    }
    if (revision > 0) context->AddMetadata(kMinRevision, absl::StrCat(revision));
  }
  for (const auto& [key, value] : options.metadata) context->AddMetadata(key, value);
  return absl::OkStatus();
}

void Connection::ReadTrailers(const Method& method, const CallOptions& options,
                              const grpc::ClientContext& context) const {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto text = [](const grpc::string_ref& value) {
    return std::string(value.data(), value.size());
  };
  if (options.session != nullptr) {
    const auto found = trailers.find(kRevision);
    const std::string own = ServiceOf(method.path);
    int64_t revision = 0;
    if (found != trailers.end() && absl::SimpleAtoi(text(found->second), &revision)) {
      options.session->Saw(own.empty() ? options.service : own, revision);
    }
  }
  if (!options_.on_hint) return;
  const auto hints = trailers.equal_range(kScanHint);
  for (auto it = hints.first; it != hints.second; ++it) options_.on_hint(text(it->second));
}

absl::Status Connection::Attempt(const Method& method, const Message& request, Message* response,
                                 const CallOptions& options, absl::Duration left) {
  grpc::ClientContext context;
  if (auto status = Prepare(method, options, left, &context); !status.ok()) return status;
  std::optional<Cancellation::Registration> registration;
  if (options.cancellation) {
    registration.emplace(*options.cancellation, [&context] { context.TryCancel(); });
  }
  grpc::Status status;
  absl::Notification done;
  stub_.UnaryCall(&context, method.path, grpc::StubOptions(), &request, response,
                  [&](grpc::Status result) {
                    status = std::move(result);
                    done.Notify();
                  });
  done.WaitForNotification();
  registration.reset();
  ReadTrailers(method, options, context);
  return FromGrpc(status);
}

absl::Status Connection::Retry(const CallOptions& options, Repeat repeat,
                               absl::FunctionRef<absl::Status(absl::Duration)> attempt) const {
  const RetryPolicy& policy = options.retry ? *options.retry : options_.retry;
  const Clock& clock = options_.clock;
  const Cancellation cancellation = options.cancellation.value_or(Cancellation());
  const absl::Time deadline = clock.Now() + options.timeout.value_or(options_.timeout);
  absl::Status status;
  for (int number = 1;; ++number) {
    if (cancellation.cancelled()) return absl::CancelledError("the caller has cancelled the call");
    const absl::Duration left = deadline - clock.Now();
    // The wait took longer than it should: the error says more than a time-out.
    if (number > 1 && left <= absl::ZeroDuration()) return status;
    status = attempt(left);
    if (status.code() == absl::StatusCode::kUnavailable && ReasonOf(status).empty() &&
        !options_.address.empty()) {
      status = absl::UnavailableError(
          absl::StrCat("cannot reach ", options_.address, ": ", std::string(status.message())));
    }
    if (repeat == Repeat::kNever || !IsTransient(status) || number >= policy.max_attempts) {
      return status;
    }
    const absl::Duration wait = WaitAfter(status, number, policy, clock);
    if (clock.Now() + wait >= deadline) return status;
    clock.Sleep(wait, cancellation);
  }
}

absl::Status Connection::Call(const Method& method, const Message& request, Message* response,
                              const CallOptions& options) {
  Repeat repeat = method.repeat;
  if (repeat == Repeat::kWithRequestId) {
    const auto* id = request.GetDescriptor()->FindFieldByName("request_id");
    if (id == nullptr || request.GetReflection()->GetString(request, id).empty()) {
      repeat = Repeat::kNever;
    }
  }
  return Retry(options, repeat, [&](absl::Duration left) {
    return Attempt(method, request, response, options, left);
  });
}

absl::Status Connection::Call(const Method& method, Message* request, Message* response,
                              const CallOptions& options) {
  if (method.repeat == Repeat::kWithRequestId) {
    const auto* id = request->GetDescriptor()->FindFieldByName("request_id");
    if (id != nullptr && request->GetReflection()->GetString(*request, id).empty()) {
      request->GetReflection()->SetString(request, id, NewRequestId());
    }
  }
  return Call(method, *static_cast<const Message*>(request), response, options);
}

absl::StatusOr<std::unique_ptr<MessageStream>> Connection::Stream(const Method& method,
                                                                  const CallOptions& options) {
  std::unique_ptr<MessageStream> stream(new MessageStream());
  auto status = Prepare(method, options, options.timeout.value_or(absl::InfiniteDuration()),
                        &stream->context_);
  if (!status.ok()) {
    // Nothing has begun that could be ended.
    stream->finished_ = true;
    return status;
  }
  if (options.cancellation) {
    stream->cancellation_ = options.cancellation;
    stream->registration_ = std::make_unique<Cancellation::Registration>(
        *stream->cancellation_, [raw = stream.get()] { raw->Cancel(); });
  }
  stream->Start(stub_, method.path);
  return stream;
}

absl::Status Connection::Stream(const Method& method, const CallOptions& options,
                                grpc::ClientContext* context, MessageReactor* reactor) {
  auto status =
      Prepare(method, options, options.timeout.value_or(absl::InfiniteDuration()), context);
  if (!status.ok()) return status;
  stub_.PrepareBidiStreamingCall(context, method.path, grpc::StubOptions(), reactor);
  return absl::OkStatus();
}

std::string ServiceOf(const std::string& path) {
  constexpr std::string_view kOurs = "/caravan.";
  if (!absl::StartsWith(path, kOurs)) return "";
  const size_t dot = path.find('.', kOurs.size());
  if (dot == std::string::npos) return "";
  const std::string service = path.substr(kOurs.size(), dot - kOurs.size());
  return service == "api" ? "" : service;
}

std::string NewRequestId() {
  std::random_device random;
  const auto bits = [&] { return static_cast<uint32_t>(random()); };
  const uint32_t b = bits(), c = bits();
  // RFC 4122, version 4.
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%04x%08x", bits(), b >> 16, b & 0xfff,
                         0x8000 | (c >> 18), c & 0xffff, bits());
}

}  // namespace caravan::client
