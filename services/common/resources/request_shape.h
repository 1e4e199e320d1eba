// The fields of a standard method's request and response, found once.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/standard_method.h"
#include "services/common/resources/registry.h"

namespace caravan::resources {

// Reads a request by field; a field that the request does not have reads as its
// default.
struct RequestShape {
  const google::protobuf::MethodDescriptor* method = nullptr;
  api::StandardMethod kind = api::StandardMethod::kGet;
  Collection* collection = nullptr;

  using Field = const google::protobuf::FieldDescriptor*;
  Field name = nullptr;
  Field parent = nullptr;
  Field etag = nullptr;
  Field resource = nullptr;     // the embedded resource of Create and Update
  Field resource_id = nullptr;  // `pilot_zone_id`
  Field update_mask = nullptr;
  Field allow_missing = nullptr;
  Field names = nullptr;      // of BatchGet
  Field requests = nullptr;   // of BatchCreate and BatchUpdate
  Field resources = nullptr;  // of Load
  Field page_size = nullptr;
  Field page_token = nullptr;
  Field filter = nullptr;
  Field order_by = nullptr;
  Field effective_date = nullptr;
  int response_resources = 0;  // number of the repeated resource in the response
  int response_token = 0;      // number of next_page_token

  static absl::StatusOr<RequestShape> Of(const Registry& registry,
                                         const google::protobuf::MethodDescriptor& method);
  // Of the requests within a batch.
  absl::StatusOr<RequestShape> Item() const;

  static std::string Text(const google::protobuf::Message& request, Field field);
  static int32_t Int(const google::protobuf::Message& request, Field field);
  static bool Flag(const google::protobuf::Message& request, Field field);

 private:
  absl::Status FindFields(const google::protobuf::Descriptor& request);
};

}  // namespace caravan::resources
