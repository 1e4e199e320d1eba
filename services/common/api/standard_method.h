// Which methods are standard (AIP-131 to 135, 231 to 235), by name and shape.
#pragma once

#include <optional>

#include "google/protobuf/descriptor.h"

namespace caravan::api {

enum class StandardMethod {
  kGet,
  kList,
  kCreate,
  kUpdate,
  kDelete,
  kBatchGet,
  kBatchCreate,
  kBatchUpdate,
  kLoad,  // creates or replaces with states and dates as given
};

// Whether a message is a resource: it has a name and an etag.
inline bool IsResource(const google::protobuf::Descriptor& message) {
  return message.FindFieldByName("name") != nullptr && message.FindFieldByName("etag") != nullptr;
}

// The repeated resource of a List or batch message; null where there is none.
inline const google::protobuf::FieldDescriptor* RepeatedResource(
    const google::protobuf::Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    const auto* field = message.field(i);
    if (field->is_repeated() && field->message_type() != nullptr &&
        IsResource(*field->message_type())) {
      return field;
    }
  }
  return nullptr;
}

// The standard method that a method is; nothing where it is a custom one. A
// name like `GetPilotZone` with another shape is a custom method.
inline std::optional<StandardMethod> ClassifyStandardMethod(
    const google::protobuf::MethodDescriptor& method) {
  const std::string& name = method.name();
  const auto& input = *method.input_type();
  const auto& output = *method.output_type();
  const auto starts = [&](const char* prefix) { return name.rfind(prefix, 0) == 0; };
  if (method.client_streaming() || method.server_streaming()) return std::nullopt;
  if (IsResource(output)) {
    if (name == "Get" + output.name()) return StandardMethod::kGet;
    if (name == "Create" + output.name()) return StandardMethod::kCreate;
    if (name == "Update" + output.name()) return StandardMethod::kUpdate;
    return std::nullopt;
  }
  if (starts("Delete") && output.full_name() == "google.protobuf.Empty" &&
      input.FindFieldByName("name") != nullptr) {
    return StandardMethod::kDelete;
  }
  if (RepeatedResource(output) == nullptr || output.name() != name + "Response") {
    return std::nullopt;
  }
  if (starts("List") && output.FindFieldByName("next_page_token")) return StandardMethod::kList;
  if (starts("BatchGet")) return StandardMethod::kBatchGet;
  if (starts("BatchCreate")) return StandardMethod::kBatchCreate;
  if (starts("BatchUpdate")) return StandardMethod::kBatchUpdate;
  if (starts("Load")) return StandardMethod::kLoad;
  return std::nullopt;
}

}  // namespace caravan::api
