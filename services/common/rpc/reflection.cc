#include "services/common/rpc/reflection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "services/common/rpc/comments.h"

namespace caravan::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// What the two versions of the contract, which are otherwise equal, call
// themselves.
struct V1 {
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
  static constexpr char kMethod[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
};
struct V1Alpha {
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
  static constexpr char kMethod[] =
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
};

bool WantsComments(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kCommentsMetadata);
  return found != metadata.end() && found->second == "true";
}

template <typename Version>
class Reflection final : public grpc::Service {
 public:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  Reflection(std::vector<std::string> service_names, const DescriptorPool* pool)
      : service_names_(std::move(service_names)), pool_(pool) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        Version::kMethod, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodCallback(0, new grpc::internal::CallbackBidiHandler<Request, Response>(
                              [this](grpc::CallbackServerContext* context) {
                                return new Stream(this, WantsComments(*context));
                              }));
  }

 private:
  // One request after the other, each with one answer.
  class Stream final : public grpc::ServerBidiReactor<Request, Response> {
   public:
    Stream(const Reflection* reflection, bool with_comments)
        : reflection_(reflection), with_comments_(with_comments) {
      this->StartRead(&request_);
    }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) {
        this->Finish(grpc::Status::OK);
        return;
      }
      response_ = reflection_->Answer(request_, with_comments_);
      this->StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
      if (!ok) {
        this->Finish(grpc::Status::CANCELLED);
        return;
      }
      this->StartRead(&request_);
    }
    void OnDone() override { delete this; }

    const Reflection* const reflection_;
    const bool with_comments_;
    Request request_;
    Response response_;
  };

  Response Answer(const Request& request, bool with_comments) const {
    Response response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
      case Request::kListServices:
        for (const std::string& name : service_names_) {
          response.mutable_list_services_response()->add_service()->set_name(name);
        }
        break;
      case Request::kFileByFilename:
        AddFile(pool_->FindFileByName(request.file_by_filename()), request.file_by_filename(),
                with_comments, &response);
        break;
      case Request::kFileContainingSymbol:
        AddFile(pool_->FindFileContainingSymbol(request.file_containing_symbol()),
                request.file_containing_symbol(), with_comments, &response);
        break;
      case Request::kFileContainingExtension:
        AddFileOfExtension(request.file_containing_extension(), with_comments, &response);
        break;
      case Request::kAllExtensionNumbersOfType:
        AddExtensionNumbers(request.all_extension_numbers_of_type(), &response);
        break;
      case Request::MESSAGE_REQUEST_NOT_SET:
        SetError(grpc::StatusCode::INVALID_ARGUMENT, "The request asks for nothing.", &response);
        break;
    }
    return response;
  }

  static void SetError(grpc::StatusCode code, std::string message, Response* response) {
    response->mutable_error_response()->set_error_code(code);
    response->mutable_error_response()->set_error_message(std::move(message));
  }

  static void AddFile(const FileDescriptor* file, const std::string& what, bool with_comments,
                      Response* response) {
    if (file == nullptr) {
      SetError(grpc::StatusCode::NOT_FOUND, absl::StrCat("There is no ", what, "."), response);
      return;
    }
    google::protobuf::FileDescriptorProto proto;
    file->CopyTo(&proto);
    if (with_comments) {
      const std::string_view comments = CommentsOf(file->name());
      proto.mutable_source_code_info()->ParseFromArray(comments.data(),
                                                       static_cast<int>(comments.size()));
    }
    response->mutable_file_descriptor_response()->add_file_descriptor_proto(
        proto.SerializeAsString());
  }

  template <typename ExtensionRequest>
  void AddFileOfExtension(const ExtensionRequest& request, bool with_comments,
                          Response* response) const {
    const Descriptor* type = pool_->FindMessageTypeByName(request.containing_type());
    const FieldDescriptor* extension =
        type == nullptr ? nullptr : pool_->FindExtensionByNumber(type, request.extension_number());
    AddFile(
        extension == nullptr ? nullptr : extension->file(),
        absl::StrCat("extension ", request.extension_number(), " of ", request.containing_type()),
        with_comments, response);
  }

  void AddExtensionNumbers(const std::string& name, Response* response) const {
    const Descriptor* type = pool_->FindMessageTypeByName(name);
    if (type == nullptr) {
      SetError(grpc::StatusCode::NOT_FOUND, absl::StrCat("There is no message ", name, "."),
               response);
      return;
    }
    std::vector<const FieldDescriptor*> extensions;
    pool_->FindAllExtensions(type, &extensions);
    auto* numbers = response->mutable_all_extension_numbers_response();
    numbers->set_base_type_name(name);
    for (const FieldDescriptor* extension : extensions) {
      numbers->add_extension_number(extension->number());
    }
    std::sort(numbers->mutable_extension_number()->begin(),
              numbers->mutable_extension_number()->end());
  }

  const std::vector<std::string> service_names_;
  const DescriptorPool* const pool_;
};

}  // namespace

ReflectionServices MakeReflectionServices(std::vector<std::string> service_names,
                                          const DescriptorPool* pool) {
  return {std::make_unique<Reflection<V1>>(service_names, pool),
          std::make_unique<Reflection<V1Alpha>>(std::move(service_names), pool)};
}

}  // namespace caravan::rpc
