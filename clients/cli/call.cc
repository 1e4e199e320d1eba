#include "clients/cli/call.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::MethodDescriptor;

constexpr int kMaxMessage = 64 << 20;  // a page of 1,000 resources may be large
constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
constexpr char kScanHint[] = "caravan-scan-hint";

grpc::ByteBuffer ToBytes(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status FromBytes(const grpc::ByteBuffer& bytes, Message* message) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok() ||
      !message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return api::Error(
        absl::StatusCode::kDataLoss, "BAD_ANSWER",
        absl::StrCat("the server's answer is no ", message->GetDescriptor()->full_name()));
  }
  return absl::OkStatus();
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status rpc;
  if (!status.error_details().empty() && rpc.ParseFromString(status.error_details()) &&
      rpc.code() == status.error_code()) {
    return api::FromRpcStatus(rpc);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

absl::StatusOr<std::string> ReadPem(const std::string& file, std::string_view what) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!(text << in.rdbuf())) {
    return UsageError(absl::StrCat("cannot read the ", what, " from ", file));
  }
  return text.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const Endpoint& endpoint) {
  const bool is_socket = absl::StartsWith(endpoint.address, "unix:");
  const bool has_tls = !endpoint.ca.empty() || !endpoint.certificate.empty();
  if (endpoint.insecure || (is_socket && !has_tls)) {
    if (!IsLocal(endpoint.address)) {
      return UsageError(absl::StrCat("--insecure is for unix sockets and loopback addresses, and ",
                                     endpoint.address, " is neither; give --ca, --cert and --key"));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (endpoint.certificate.empty() != endpoint.key.empty()) {
    return UsageError("a certificate and its key are given together: --cert and --key");
  }
  grpc::SslCredentialsOptions options;
  const auto read = [](const std::string& file, std::string_view what, std::string* text) {
    if (file.empty()) return absl::OkStatus();
    auto pem = ReadPem(file, what);
    if (pem.ok()) *text = *std::move(pem);
    return pem.status();
  };
  auto status = read(endpoint.ca, "certificate authority", &options.pem_root_certs);
  if (status.ok()) status = read(endpoint.certificate, "certificate", &options.pem_cert_chain);
  if (status.ok()) status = read(endpoint.key, "key", &options.pem_private_key);
  if (!status.ok()) return status;
  return grpc::SslCredentials(options);
}

// Adds the files of an answer that are not known yet.
void AddFiles(const grpc::reflection::v1::FileDescriptorResponse& response,
              std::map<std::string, google::protobuf::FileDescriptorProto>* files) {
  for (const std::string& bytes : response.file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    if (file.ParseFromString(bytes)) files->emplace(file.name(), std::move(file));
  }
}

}  // namespace

Stream::Stream(grpc::GenericStub& stub, const std::string& path, absl::Duration timeout) {
  if (timeout != absl::InfiniteDuration()) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  call_ = stub.PrepareCall(&context_, path, &queue_);
  call_->StartCall(this);
  started_ = Await();
}

Stream::~Stream() {
  if (!finished_) {
    Cancel();
    Finish().IgnoreError();
  }
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool Stream::Await() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

bool Stream::Write(const Message& message) {
  if (!started_) return false;
  call_->Write(ToBytes(message), this);
  return Await();
}

bool Stream::WritesDone() {
  if (!started_) return false;
  call_->WritesDone(this);
  return Await();
}

absl::StatusOr<bool> Stream::Read(Message* message) {
  if (!started_) return false;
  grpc::ByteBuffer bytes;
  call_->Read(&bytes, this);
  if (!Await()) return false;
  if (auto status = FromBytes(bytes, message); !status.ok()) return status;
  return true;
}

absl::Status Stream::Finish() {
  grpc::Status status;
  call_->Finish(&status, this);
  Await();
  finished_ = true;
  return FromGrpc(status);
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const Endpoint& endpoint,
                                                        CallSettings settings) {
  if (endpoint.address.empty()) {
    return UsageError(
        "no server is known; give --address, or make a context: caravanctl config set-context");
  }
  auto credentials = Credentials(endpoint);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  if (!endpoint.server_name.empty()) arguments.SetSslTargetNameOverride(endpoint.server_name);
  return std::unique_ptr<Client>(
      new Client(grpc::CreateCustomChannel(endpoint.address, *credentials, arguments),
                 endpoint.address, std::move(settings)));
}

absl::Status Client::Retry(bool repeatable,
                           const std::function<absl::Status(absl::Time)>& attempt) {
  const absl::Time deadline = absl::Now() + settings_.timeout;
  for (int i = 1;; ++i) {
    absl::Status status = attempt(deadline);
    if (status.code() == absl::StatusCode::kUnavailable && api::ReasonOf(status).empty()) {
      status = absl::UnavailableError(
          absl::StrCat("cannot reach ", address_, ": ", std::string(status.message())));
    }
    if (!repeatable || i == settings_.attempts || !IsTransient(status)) return status;
    const absl::Duration delay = RetryDelay(status, i);
    if (absl::Now() + delay >= deadline) return status;
    settings_.sleep(delay);
  }
}

absl::Status Client::CallOnce(const std::string& path, absl::Time deadline, const Message& request,
                              Message* response) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  const grpc::ByteBuffer sent = ToBytes(request);
  grpc::ByteBuffer received;
  grpc::Status status;
  absl::Notification done;
  stub_.UnaryCall(&context, path, grpc::StubOptions(), &sent, &received, [&](grpc::Status result) {
    status = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto hints = trailers.equal_range(kScanHint);
  for (auto it = hints.first; it != hints.second; ++it) {
    const std::string hint(it->second.data(), it->second.size());
    if (settings_.warn && warned_.insert(hint).second) settings_.warn(hint);
  }
  return status.ok() ? FromBytes(received, response) : FromGrpc(status);
}

absl::Status Client::Call(const MethodDescriptor& method, Message* request, Message* response) {
  const auto* id = method.input_type()->FindFieldByName("request_id");
  const bool has_id = id != nullptr && !id->is_repeated() &&
                      id->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING;
  if (has_id && !IsReadOnly(method) && request->GetReflection()->GetString(*request, id).empty()) {
    request->GetReflection()->SetString(request, id, NewRequestId());
  }
  const bool repeatable =
      has_id || IsReadOnly(method) ||
      method.options().idempotency_level() == google::protobuf::MethodOptions::IDEMPOTENT;
  return Retry(repeatable, [&](absl::Time deadline) {
    return CallOnce(PathOf(method), deadline, *request, response);
  });
}

std::unique_ptr<Stream> Client::Open(const MethodDescriptor& method, const Message& request) {
  auto stream = std::make_unique<Stream>(stub_, PathOf(method), absl::InfiniteDuration());
  if (stream->Write(request)) stream->WritesDone();
  return stream;
}

absl::StatusOr<Description> Client::Describe() {
  absl::StatusOr<Description> result;
  const absl::Status status = Retry(true, [&](absl::Time) {
    result = DescribeOnce();
    return result.status();
  });
  if (status.ok()) return result;
  if (status.code() == absl::StatusCode::kUnimplemented) {
    return api::Error(absl::StatusCode::kUnimplemented, "NO_REFLECTION",
                      absl::StrCat(address_,
                                   " does not describe itself (grpc.reflection.v1); "
                                   "switch reflection on, or ask another address"));
  }
  return status;
}

absl::StatusOr<Description> Client::DescribeOnce() {
  using grpc::reflection::v1::ServerReflectionRequest;
  using grpc::reflection::v1::ServerReflectionResponse;
  Stream stream(stub_, kReflection, settings_.timeout);
  const auto ask = [&](const ServerReflectionRequest& request, ServerReflectionResponse* answer) {
    if (!stream.Write(request)) return stream.Finish();
    const auto more = stream.Read(answer);
    if (!more.ok()) return more.status();
    if (!*more) {
      auto status = stream.Finish();
      return status.ok() ? absl::UnavailableError("the server ended its description") : status;
    }
    if (answer->has_error_response()) {
      return absl::Status(static_cast<absl::StatusCode>(answer->error_response().error_code()),
                          answer->error_response().error_message());
    }
    return absl::OkStatus();
  };

  Description result;
  ServerReflectionRequest request;
  ServerReflectionResponse answer;
  request.set_list_services("*");
  if (auto status = ask(request, &answer); !status.ok()) return status;
  for (const auto& service : answer.list_services_response().service()) {
    // gRPC's own services, health and reflection, administer nothing.
    if (!absl::StartsWith(service.name(), "grpc.")) result.services.push_back(service.name());
  }
  std::sort(result.services.begin(), result.services.end());

  std::map<std::string, google::protobuf::FileDescriptorProto> files;
  for (const std::string& service : result.services) {
    request.set_file_containing_symbol(service);
    if (auto status = ask(request, &answer); !status.ok()) return status;
    AddFiles(answer.file_descriptor_response(), &files);
  }
  // A server may send a file alone or with what it imports: ask for the rest.
  for (bool complete = false; !complete;) {
    complete = true;
    std::set<std::string> missing;
    for (const auto& [name, file] : files) {
      for (const std::string& import : file.dependency()) {
        if (!files.contains(import)) missing.insert(import);
      }
    }
    for (const std::string& name : missing) {
      request.set_file_by_filename(name);
      if (auto status = ask(request, &answer); !status.ok()) return status;
      AddFiles(answer.file_descriptor_response(), &files);
      if (!files.contains(name)) {
        return api::Error(absl::StatusCode::kDataLoss, "BAD_ANSWER",
                          absl::StrCat("the server's description lacks the file ", name));
      }
      complete = false;
    }
  }
  for (auto& [name, file] : files) *result.files.add_file() = std::move(file);
  stream.WritesDone();
  return result;
}

bool IsTransient(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) return true;
  if (status.code() != absl::StatusCode::kResourceExhausted) return false;
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  for (const auto& detail : rpc.details()) {
    if (detail.Is<google::rpc::RetryInfo>()) return true;
  }
  return false;
}

absl::Duration RetryDelay(const absl::Status& status, int attempt) {
  constexpr absl::Duration kLongest = absl::Seconds(30);
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  for (const auto& detail : rpc.details()) {
    google::rpc::RetryInfo info;
    if (!detail.UnpackTo(&info)) continue;
    const auto asked =
        absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
    return std::clamp(asked, absl::ZeroDuration(), kLongest);
  }
  return std::min(absl::Milliseconds(100) * (1 << std::min(attempt - 1, 10)), kLongest);
}

std::string NewRequestId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

bool IsReadOnly(const MethodDescriptor& method) {
  return method.options().idempotency_level() == google::protobuf::MethodOptions::NO_SIDE_EFFECTS;
}

bool IsLocal(std::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  ConsumePrefix(&address, "dns:");
  ConsumePrefix(&address, "///");
  const size_t colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  if (absl::StartsWith(address, "[")) host = address.substr(1, address.find(']') - 1);
  if (host == "localhost" || host == "::1") return true;
  // 127.0.0.0/8, and not a name such as 127.example.org.
  return absl::StartsWith(host, "127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace caravan::cli
