#include "caravan/client/contracts.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "caravan/client/errors.h"
#include "grpc/reflection/v1/reflection.pb.h"

namespace caravan::client {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::Message;
using ::google::protobuf::MethodDescriptor;
using ::grpc::reflection::v1::ServerReflectionRequest;
using ::grpc::reflection::v1::ServerReflectionResponse;

const Method kReflection = {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                            Repeat::kSafe};

// More files than any deployment has: a server that never stops ends here.
constexpr size_t kMaxFiles = 10'000;

absl::Status BadAnswer(const std::string& message) {
  return MakeError(absl::StatusCode::kDataLoss, "BAD_ANSWER", message);
}

// One question after the other, over one stream.
class Reflection {
 public:
  explicit Reflection(MessageStream& stream) : stream_(stream) {}

  absl::Status Ask(const ServerReflectionRequest& request) {
    stream_.Write(request);
    const auto more = stream_.Next(&answer_);
    if (!more.ok()) return more.status();
    if (!*more) return absl::UnavailableError("the server ended its description");
    if (!answer_.has_error_response()) return absl::OkStatus();
    return absl::Status(static_cast<absl::StatusCode>(answer_.error_response().error_code()),
                        answer_.error_response().error_message());
  }

  // Adds the files that are not known yet.
  absl::Status AskFor(const ServerReflectionRequest& request,
                      std::map<std::string, FileDescriptorProto>* files) {
    if (auto status = Ask(request); !status.ok()) return status;
    for (const std::string& bytes : answer_.file_descriptor_response().file_descriptor_proto()) {
      FileDescriptorProto file;
      if (file.ParseFromString(bytes)) files->emplace(file.name(), std::move(file));
    }
    if (files->size() > kMaxFiles) return BadAnswer("the server's description has no end");
    return absl::OkStatus();
  }

  const ServerReflectionResponse& answer() const { return answer_; }

 private:
  MessageStream& stream_;
  ServerReflectionResponse answer_;
};

absl::StatusOr<Description> DescribeOnce(Connection& connection, const CallOptions& options) {
  auto stream = connection.Stream(kReflection, options);
  if (!stream.ok()) return stream.status();
  Reflection reflection(**stream);
  Description result;
  ServerReflectionRequest request;
  request.set_list_services("*");
  if (auto status = reflection.Ask(request); !status.ok()) return status;
  for (const auto& service : reflection.answer().list_services_response().service()) {
    // gRPC's own services, health and reflection, administer nothing.
    if (!absl::StartsWith(service.name(), "grpc.")) result.services.push_back(service.name());
  }
  std::sort(result.services.begin(), result.services.end());

  std::map<std::string, FileDescriptorProto> files;
  for (const std::string& service : result.services) {
    request.set_file_containing_symbol(service);
    if (auto status = reflection.AskFor(request, &files); !status.ok()) return status;
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
      if (auto status = reflection.AskFor(request, &files); !status.ok()) return status;
      if (!files.contains(name)) {
        return BadAnswer(absl::StrCat("the server's description lacks the file ", name));
      }
      complete = false;
    }
  }
  for (auto& [name, file] : files) *result.files.add_file() = std::move(file);
  (*stream)->WritesDone();
  return result;
}

}  // namespace

absl::StatusOr<Description> Describe(Connection& connection, const CallOptions& options) {
  absl::StatusOr<Description> result;
  const absl::Status status =
      connection.Retry(options, Repeat::kSafe, [&](absl::Duration left) -> absl::Status {
        CallOptions attempt = options;
        attempt.timeout = left;
        result = DescribeOnce(connection, attempt);
        return result.status();
      });
  if (status.ok()) return result;
  if (status.code() == absl::StatusCode::kUnimplemented) {
    return MakeError(absl::StatusCode::kUnimplemented, "NO_REFLECTION",
                     absl::StrCat(connection.options().address,
                                  " does not describe itself (grpc.reflection.v1); "
                                  "switch reflection on, or ask another address"));
  }
  return status;
}

// Keeps what the server gets wrong; protobuf would log it instead.
class Contracts::Problems : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const Message*, ErrorLocation,
                const std::string& message) override {
    if (first_.empty()) first_ = absl::StrCat(file, ": ", element, ": ", message);
  }
  const std::string& first() const { return first_; }

 private:
  std::string first_;
};

Contracts::Contracts() : problems_(std::make_unique<Problems>()) {}

Contracts::~Contracts() = default;

absl::StatusOr<std::unique_ptr<Contracts>> Contracts::Create(const Description& description) {
  auto contracts = std::unique_ptr<Contracts>(new Contracts());
  for (const auto& file : description.files.file()) contracts->files_.Add(file);
  contracts->pool_ = std::make_unique<google::protobuf::DescriptorPool>(&contracts->files_,
                                                                        contracts->problems_.get());
  contracts->factory_ =
      std::make_unique<google::protobuf::DynamicMessageFactory>(contracts->pool_.get());
  for (const std::string& name : description.services) {
    const auto* service = contracts->pool_->FindServiceByName(name);
    if (service == nullptr) {
      return BadAnswer(absl::StrCat("the server's description of ", name, " makes no sense",
                                    contracts->problems_->first().empty() ? "" : ": ",
                                    contracts->problems_->first()));
    }
    contracts->services_.push_back(service);
  }
  return contracts;
}

const MethodDescriptor* Contracts::FindMethod(const std::string& full_name) const {
  return pool_->FindMethodByName(full_name);
}

std::unique_ptr<Message> Contracts::New(const Descriptor& type) const {
  return std::unique_ptr<Message>(factory_->GetPrototype(&type)->New());
}

std::unique_ptr<Message> Contracts::Unpack(const Message& any) const {
  const auto* url_field = any.GetDescriptor()->FindFieldByName("type_url");
  const auto* value_field = any.GetDescriptor()->FindFieldByName("value");
  if (url_field == nullptr || value_field == nullptr) return nullptr;
  const std::string url = any.GetReflection()->GetString(any, url_field);
  const auto* type = pool_->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
  if (type == nullptr) return nullptr;
  auto message = New(*type);
  if (!message->ParseFromString(any.GetReflection()->GetString(any, value_field))) return nullptr;
  return message;
}

std::unique_ptr<Message> Contracts::Adopt(const Message& message) const {
  const auto* type = pool_->FindMessageTypeByName(message.GetDescriptor()->full_name());
  if (type == nullptr) return nullptr;
  auto adopted = New(*type);
  if (!adopted->ParseFromString(message.SerializeAsString())) return nullptr;
  return adopted;
}

absl::StatusOr<std::unique_ptr<Message>> Contracts::Call(Connection& connection,
                                                         const MethodDescriptor& method,
                                                         Message* request,
                                                         const CallOptions& options) const {
  auto response = New(*method.output_type());
  auto status = connection.Call(MethodOf(method), request, response.get(), options);
  if (!status.ok()) return status;
  return response;
}

}  // namespace caravan::client
