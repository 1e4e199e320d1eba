#include "services/common/resources/request_shape.h"

#include "absl/strings/str_cat.h"

namespace caravan::resources {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

namespace {

absl::Status ContractError(const MethodDescriptor& method, std::string_view what) {
  return absl::InternalError(absl::StrCat("contract of ", method.full_name(), ": ", what));
}

// The resource message that a standard method is about.
const Descriptor* ResourceOf(const MethodDescriptor& method, api::StandardMethod kind,
                             const Registry& registry) {
  switch (kind) {
    case api::StandardMethod::kGet:
    case api::StandardMethod::kCreate:
    case api::StandardMethod::kUpdate:
      return method.output_type();
    case api::StandardMethod::kDelete:
      for (const auto& collection : registry.collections()) {
        if (method.name() == "Delete" + collection->type->message().name() &&
            collection->type->message().file()->package() == method.file()->package()) {
          return &collection->type->message();
        }
      }
      return nullptr;
    default:
      return api::RepeatedResource(*method.output_type())->message_type();
  }
}

}  // namespace

absl::StatusOr<RequestShape> RequestShape::Of(const Registry& registry,
                                              const MethodDescriptor& method) {
  RequestShape shape;
  shape.method = &method;
  shape.kind = *api::ClassifyStandardMethod(method);
  const Descriptor* resource = ResourceOf(method, shape.kind, registry);
  if (resource != nullptr) shape.collection = registry.FindByMessage(*resource);
  if (shape.collection == nullptr) {
    return ContractError(method, "its collection is not registered");
  }
  if (absl::Status s = shape.FindFields(*method.input_type()); !s.ok()) return s;
  if (const auto* repeated = api::RepeatedResource(*method.output_type())) {
    shape.response_resources = repeated->number();
  }
  if (const auto* token = method.output_type()->FindFieldByName("next_page_token")) {
    shape.response_token = token->number();
  }
  return shape;
}

absl::StatusOr<RequestShape> RequestShape::Item() const {
  RequestShape item;
  item.method = method;
  item.collection = collection;
  item.kind = kind == api::StandardMethod::kBatchCreate ? api::StandardMethod::kCreate
                                                        : api::StandardMethod::kUpdate;
  if (absl::Status s = item.FindFields(*requests->message_type()); !s.ok()) return s;
  return item;
}

absl::Status RequestShape::FindFields(const Descriptor& request) {
  const auto find = [&](const char* field_name, FieldDescriptor::CppType type) -> Field {
    const auto* field = request.FindFieldByName(field_name);
    return field != nullptr && field->cpp_type() == type ? field : nullptr;
  };
  name = find("name", FieldDescriptor::CPPTYPE_STRING);
  parent = find("parent", FieldDescriptor::CPPTYPE_STRING);
  etag = find("etag", FieldDescriptor::CPPTYPE_STRING);
  names = find("names", FieldDescriptor::CPPTYPE_STRING);
  page_size = find("page_size", FieldDescriptor::CPPTYPE_INT32);
  page_token = find("page_token", FieldDescriptor::CPPTYPE_STRING);
  filter = find("filter", FieldDescriptor::CPPTYPE_STRING);
  order_by = find("order_by", FieldDescriptor::CPPTYPE_STRING);
  allow_missing = find("allow_missing", FieldDescriptor::CPPTYPE_BOOL);
  update_mask = find("update_mask", FieldDescriptor::CPPTYPE_MESSAGE);
  effective_date = find("effective_date", FieldDescriptor::CPPTYPE_MESSAGE);
  requests = find("requests", FieldDescriptor::CPPTYPE_MESSAGE);
  const Descriptor& message = collection->type->message();
  for (int i = 0; i < request.field_count(); ++i) {
    const auto* field = request.field(i);
    if (field->message_type() != &message) continue;
    (field->is_repeated() ? resources : resource) = field;
  }
  resource_id = find((api::SnakeCase(collection->type->singular()) + "_id").c_str(),
                     FieldDescriptor::CPPTYPE_STRING);

  const auto need = [&](Field field, std::string_view what) -> absl::Status {
    return field != nullptr ? absl::OkStatus()
                            : ContractError(*method, absl::StrCat("its request has no ", what));
  };
  const bool nested = !collection->type->pattern().ParentPattern().pattern().empty();
  switch (kind) {
    case api::StandardMethod::kGet:
    case api::StandardMethod::kDelete:
      return need(name, "name");
    case api::StandardMethod::kList:
      if (nested) {
        if (absl::Status s = need(parent, "parent"); !s.ok()) return s;
      }
      return need(page_token, "page_token");
    case api::StandardMethod::kCreate:
      if (nested) {
        if (absl::Status s = need(parent, "parent"); !s.ok()) return s;
      }
      return need(resource, "resource");
    case api::StandardMethod::kUpdate:
      return need(resource, "resource");
    case api::StandardMethod::kBatchGet:
      return need(names, "names");
    case api::StandardMethod::kBatchCreate:
    case api::StandardMethod::kBatchUpdate:
      return need(requests, "requests");
    case api::StandardMethod::kLoad:
      return need(resources, "repeated resource");
  }
  return absl::OkStatus();
}

std::string RequestShape::Text(const Message& request, Field field) {
  return field == nullptr ? "" : request.GetReflection()->GetString(request, field);
}

int32_t RequestShape::Int(const Message& request, Field field) {
  return field == nullptr ? 0 : request.GetReflection()->GetInt32(request, field);
}

bool RequestShape::Flag(const Message& request, Field field) {
  return field != nullptr && request.GetReflection()->GetBool(request, field);
}

}  // namespace caravan::resources
