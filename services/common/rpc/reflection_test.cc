#include "services/common/rpc/reflection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caravan/api/v1/annotations.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/sync_stream.h"

namespace caravan::rpc {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

template <typename Version>
class ReflectionTest : public ::testing::Test {
 protected:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  ReflectionTest() {
    // Links the options, which are then in the generated pool.
    caravan::api::v1::Access::descriptor();
    services_ = MakeReflectionServices({"caravan.a.A", "caravan.b.B"});
    grpc::ServerBuilder builder;
    builder.RegisterService(services_.v1.get());
    builder.RegisterService(services_.v1alpha.get());
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_.reset(grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(
        channel_.get(),
        grpc::internal::RpcMethod(Version::kMethod, grpc::internal::RpcMethod::BIDI_STREAMING),
        &context_));
  }

  ~ReflectionTest() override {
    stream_->WritesDone();
    EXPECT_TRUE(stream_->Finish().ok());
  }

  Response Ask(const Request& request) {
    Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    return response;
  }

  static std::string FileName(const Response& response) {
    EXPECT_EQ(response.file_descriptor_response().file_descriptor_proto_size(), 1);
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(response.file_descriptor_response().file_descriptor_proto(0)));
    return file.name();
  }

  ReflectionServices services_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

using Versions = ::testing::Types<V1, V1Alpha>;
TYPED_TEST_SUITE(ReflectionTest, Versions);

TYPED_TEST(ReflectionTest, ListsServices) {
  typename TypeParam::Request request;
  request.set_host("h");
  request.set_list_services("");
  const auto response = this->Ask(request);
  EXPECT_EQ(response.valid_host(), "h");
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_THAT(names, ElementsAre("caravan.a.A", "caravan.b.B"));
}

TYPED_TEST(ReflectionTest, FindsFiles) {
  const std::string annotations = "caravan/api/v1/annotations.proto";
  typename TypeParam::Request request;
  request.set_file_by_filename(annotations);
  EXPECT_EQ(this->FileName(this->Ask(request)), annotations);
  request.set_file_containing_symbol("caravan.api.v1.Limits.pattern");
  EXPECT_EQ(this->FileName(this->Ask(request)), annotations);
  request.mutable_file_containing_extension()->set_containing_type("google.protobuf.FieldOptions");
  request.mutable_file_containing_extension()->set_extension_number(80001);
  EXPECT_EQ(this->FileName(this->Ask(request)), annotations);
}

TYPED_TEST(ReflectionTest, ListsExtensions) {
  typename TypeParam::Request request;
  request.set_all_extension_numbers_of_type("google.protobuf.MethodOptions");
  const auto response = this->Ask(request).all_extension_numbers_response();
  EXPECT_EQ(response.base_type_name(), "google.protobuf.MethodOptions");
  EXPECT_THAT(response.extension_number(), Contains(80001));
  EXPECT_THAT(response.extension_number(), Contains(80002));
}

TYPED_TEST(ReflectionTest, NamesWhatItDoesNotFindAndGoesOn) {
  typename TypeParam::Request request;
  const auto expect_error = [&](grpc::StatusCode code, const std::string& message) {
    const auto error = this->Ask(request).error_response();
    EXPECT_EQ(error.error_code(), code);
    EXPECT_THAT(error.error_message(), HasSubstr(message));
  };
  request.set_file_by_filename("no.proto");
  expect_error(grpc::StatusCode::NOT_FOUND, "no.proto");
  request.set_file_containing_symbol("no.Symbol");
  expect_error(grpc::StatusCode::NOT_FOUND, "no.Symbol");
  request.mutable_file_containing_extension()->set_containing_type("no.Type");
  expect_error(grpc::StatusCode::NOT_FOUND, "no.Type");
  request.mutable_file_containing_extension()->set_containing_type("google.protobuf.FieldOptions");
  request.mutable_file_containing_extension()->set_extension_number(7);
  expect_error(grpc::StatusCode::NOT_FOUND, "extension 7");
  request.set_all_extension_numbers_of_type("no.Type");
  expect_error(grpc::StatusCode::NOT_FOUND, "no.Type");
  request.Clear();
  expect_error(grpc::StatusCode::INVALID_ARGUMENT, "nothing");
  request.set_list_services("");
  EXPECT_EQ(this->Ask(request).list_services_response().service_size(), 2);
}

}  // namespace
}  // namespace caravan::rpc
