#include "services/common/rpc/binding.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/standard_method.h"

namespace caravan::rpc {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// Returns whether the visitor wants more.
bool Visit(const Message& message, absl::Span<const FieldDescriptor* const> path,
           absl::FunctionRef<bool(const std::string& name)> visit) {
  const FieldDescriptor* field = path[0];
  const auto* reflection = message.GetReflection();
  const int count = field->is_repeated()                   ? reflection->FieldSize(message, field)
                    : reflection->HasField(message, field) ? 1
                                                           : 0;
  std::string scratch;
  for (int i = 0; i < count; ++i) {
    bool more = false;
    if (path.size() > 1) {
      more = Visit(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                        : reflection->GetMessage(message, field),
                   path.subspan(1), visit);
    } else {
      more = visit(field->is_repeated()
                       ? reflection->GetRepeatedStringReference(message, field, i, &scratch)
                       : reflection->GetStringReference(message, field, &scratch));
    }
    if (!more) return false;
  }
  return true;
}

}  // namespace

void BoundMethod::ForEachResource(const Message& request,
                                  absl::FunctionRef<bool(const std::string& name)> visit) const {
  if (!resource_field.empty()) Visit(request, resource_field, visit);
}

absl::StatusOr<BoundMethod> DescribeMethod(const google::protobuf::MethodDescriptor& method) {
  const auto wrong = [&](std::string_view what) {
    return absl::InternalError(absl::StrCat("contract of ", method.full_name(), ": ", what));
  };
  BoundMethod bound;
  bound.descriptor = &method;
  bound.name = absl::StrCat(method.service()->full_name(), "/", method.name());
  bound.path = absl::StrCat("/", bound.name);
  bound.access = method.options().GetExtension(caravan::api::v1::access);
  const auto& request = *method.input_type();
  bound.request_prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&request);
  if (bound.request_prototype == nullptr) return wrong("its request is not compiled in");
  bound.validator = &caravan::api::Validator::For(request);
  const auto standard = caravan::api::ClassifyStandardMethod(method);
  // What an update sets is complete only once it is merged.
  bound.validation.required = standard != caravan::api::StandardMethod::kUpdate &&
                              standard != caravan::api::StandardMethod::kBatchUpdate;
  bound.request_id = request.FindFieldByName("request_id");
  bound.validate_only = request.FindFieldByName("validate_only");
  if (!bound.access.resource_field().empty()) {
    const google::protobuf::Descriptor* at = &request;
    for (std::string_view part : absl::StrSplit(bound.access.resource_field(), '.')) {
      const auto* field = at == nullptr ? nullptr : at->FindFieldByName(std::string(part));
      if (field == nullptr) return wrong("its access names no field of the request");
      bound.resource_field.push_back(field);
      at = field->message_type();
    }
    if (bound.resource_field.back()->type() != FieldDescriptor::TYPE_STRING) {
      return wrong("the resource field of its access is no name");
    }
  }
  return bound;
}

}  // namespace caravan::rpc
