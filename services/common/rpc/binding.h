// What the runtime knows of a method besides its handler, worked out at start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/validation.h"
#include "services/common/rpc/service.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::rpc {

struct BoundMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::string path;  // /caravan.zones.v1.PilotZoneService/GetPilotZone
  std::string name;  // caravan.zones.v1.PilotZoneService/GetPilotZone
  caravan::api::v1::Access access;
  const google::protobuf::Message* request_prototype = nullptr;
  const caravan::api::Validator* validator = nullptr;
  caravan::api::Validator::Options validation;
  // The path of the access's resource field; empty where it has none.
  std::vector<const google::protobuf::FieldDescriptor*> resource_field;
  const google::protobuf::FieldDescriptor* request_id = nullptr;
  const google::protobuf::FieldDescriptor* validate_only = nullptr;
  // The handler checks owners itself: it is a standard method or a transition.
  bool checks_owners = false;
  Method handler;
  telemetry::MethodMetrics* metrics = nullptr;

  // Visits the names of the resources that a request touches, until the visitor
  // returns false.
  void ForEachResource(const google::protobuf::Message& request,
                       absl::FunctionRef<bool(const std::string& name)> visit) const;
};

// Works out all but the handler. An error names what is wrong with the contract.
absl::StatusOr<BoundMethod> DescribeMethod(const google::protobuf::MethodDescriptor& method);

}  // namespace caravan::rpc
