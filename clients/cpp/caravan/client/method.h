// A method as a client sees it: its path, and when a call of it may be
// repeated.
#pragma once

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace caravan::client {

// When a call may be made once more after it failed on the way.
enum class Repeat {
  kNever,          // it may have happened, and would happen twice
  kSafe,           // it changes nothing, or nothing more the second time
  kWithRequestId,  // its `request_id` makes the server answer a repeat as the first time
};

struct Method {
  std::string path;  // "/caravan.zones.v1.PilotZoneService/GetPilotZone"
  Repeat repeat = Repeat::kNever;
};

// What the contract says: a method that declares NO_SIDE_EFFECTS or IDEMPOTENT
// and one whose request has a `request_id` may be repeated. Get and List change
// nothing whatever they declare (AIP-131, 132).
inline Repeat RepeatOf(const google::protobuf::MethodDescriptor& method) {
  using google::protobuf::FieldDescriptor;
  const auto level = method.options().idempotency_level();
  const std::string& name = method.name();
  if (level != google::protobuf::MethodOptions::IDEMPOTENCY_UNKNOWN || name.rfind("Get", 0) == 0 ||
      name.rfind("List", 0) == 0) {
    return Repeat::kSafe;
  }
  const FieldDescriptor* id = method.input_type()->FindFieldByName("request_id");
  const bool has_id =
      id != nullptr && !id->is_repeated() && id->type() == FieldDescriptor::TYPE_STRING;
  return has_id ? Repeat::kWithRequestId : Repeat::kNever;
}

inline std::string PathOf(const google::protobuf::MethodDescriptor& method) {
  return "/" + method.service()->full_name() + "/" + method.name();
}

inline Method MethodOf(const google::protobuf::MethodDescriptor& method) {
  return {PathOf(method), RepeatOf(method)};
}

}  // namespace caravan::client
