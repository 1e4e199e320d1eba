#include "services/common/rpc/service.h"

#include <cstdio>
#include <cstdlib>

namespace caravan::rpc {

Service::Service(const google::protobuf::ServiceDescriptor* descriptor) : descriptor_(descriptor) {
  methods_.resize(static_cast<size_t>(descriptor->method_count()));
  for (int i = 0; i < descriptor->method_count(); ++i) {
    methods_[static_cast<size_t>(i)].descriptor = descriptor->method(i);
  }
}

Method& Service::method(std::string_view name) {
  const auto* method = descriptor_->FindMethodByName(std::string(name));
  if (method == nullptr) {
    std::fprintf(stderr, "%s has no method %.*s\n", descriptor_->full_name().c_str(),
                 static_cast<int>(name.size()), name.data());
    std::abort();
  }
  return methods_[static_cast<size_t>(method->index())];
}

void Service::CheckRequest(const Method& method, const google::protobuf::Descriptor& request) {
  if (method.descriptor->input_type() == &request) return;
  std::fprintf(stderr, "%s takes no %s\n", method.descriptor->full_name().c_str(),
               request.full_name().c_str());
  std::abort();
}

}  // namespace caravan::rpc
