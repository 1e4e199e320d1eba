#include "services/common/testing/made_up_contract.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "caravan/api/v1/annotations.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/resources/registry.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/runtime.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::testing {

MadeUpContract::MadeUpContract(const std::string& service)
    : pool_(google::protobuf::DescriptorPool::generated_pool()) {
  file_.set_name(absl::StrCat("made_up/", service, ".proto"));
  file_.set_package("caravan.testing.v1");
  file_.set_syntax("proto3");
  file_.add_dependency(v1::Widget::descriptor()->file()->name());
  file_.add_dependency(google::protobuf::Empty::descriptor()->file()->name());
  file_.add_service()->set_name(service);
}

google::protobuf::MethodDescriptorProto& MadeUpContract::Add(const std::string& method,
                                                             const std::string& request,
                                                             const std::string& response,
                                                             const std::string& permission,
                                                             const std::string& resource_field) {
  const auto full = [](const std::string& name) {
    return absl::StartsWith(name, ".") ? name : absl::StrCat(".caravan.testing.v1.", name);
  };
  auto* added = file_.mutable_service(0)->add_method();
  added->set_name(method);
  added->set_input_type(full(request));
  added->set_output_type(full(response));
  if (!permission.empty()) {
    auto* access = added->mutable_options()->MutableExtension(caravan::api::v1::access);
    access->set_permission(permission);
    access->set_resource_field(resource_field);
  }
  return *added;
}

const google::protobuf::ServiceDescriptor& MadeUpContract::Build() {
  const auto* file = pool_.FindFileByName(file_.name());
  if (file == nullptr) file = pool_.BuildFile(file_);
  if (file == nullptr) {
    std::fprintf(stderr, "the made-up contract %s cannot be built\n", file_.name().c_str());
    std::abort();
  }
  return *file->service(0);
}

absl::Status MadeUpContract::Bind(const std::function<void(rpc::Service& service)>& bind) {
  resources::Registry registry;
  registry.Add<v1::Widget>().Add<v1::Part>();
  telemetry::Metrics metrics;
  rpc::Executor executor(1, 1);
  rpc::RuntimeOptions options;
  options.registry = &registry;
  options.metrics = &metrics;
  options.executor = &executor;
  rpc::Service service(&Build());
  if (bind) bind(service);
  return rpc::Runtime::Create(options, {&service}).status();
}

}  // namespace caravan::testing
