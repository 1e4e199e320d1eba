#include "services/common/resources/transitions.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/api/v1/annotations.pb.h"
#include "services/common/api/errors.h"
#include "services/common/api/standard_method.h"
#include "services/common/resources/writer.h"

namespace caravan::resources {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

namespace {

constexpr std::string_view kOpenStates = "*";

absl::Status ContractError(const MethodDescriptor& method, std::string_view what) {
  return absl::InternalError(absl::StrCat("contract of ", method.full_name(), ": ", what));
}

// Copies a field between messages of two types.
void CopyField(const Message& from, const FieldDescriptor& source, Message& to,
               const FieldDescriptor& target) {
  const auto* reading = from.GetReflection();
  const auto* writing = to.GetReflection();
  writing->ClearField(&to, &target);
  if (source.is_repeated()) {
    for (int i = 0; i < reading->FieldSize(from, &source); ++i) {
      writing->AddMessage(&to, &target)->CopyFrom(reading->GetRepeatedMessage(from, &source, i));
    }
    return;
  }
  switch (source.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      writing->SetString(&to, &target, reading->GetString(from, &source));
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (reading->HasField(from, &source)) {
        writing->MutableMessage(&to, &target)->CopyFrom(reading->GetMessage(from, &source));
      }
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      writing->SetEnumValue(&to, &target, reading->GetEnumValue(from, &source));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      writing->SetBool(&to, &target, reading->GetBool(from, &source));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      writing->SetInt32(&to, &target, reading->GetInt32(from, &source));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      writing->SetInt64(&to, &target, reading->GetInt64(from, &source));
      break;
    default:
      break;
  }
}

bool Copyable(const FieldDescriptor& source, const FieldDescriptor& target) {
  if (source.is_repeated() || target.is_repeated()) {
    return source.is_repeated() && target.is_repeated() && source.message_type() != nullptr &&
           source.message_type() == target.message_type();
  }
  switch (source.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return source.type() == target.type() && source.message_type() == target.message_type() &&
             source.enum_type() == target.enum_type();
    default:
      return false;
  }
}

struct TransitionPlan {
  Collection* collection = nullptr;
  std::string verb;  // `MergePilotZone`
  std::vector<std::string> from;
  const EnumValueDescriptor* to = nullptr;
  const FieldDescriptor* name = nullptr;
  const FieldDescriptor* etag = nullptr;
  std::vector<api::FieldPath> other_than;
  std::vector<std::pair<const FieldDescriptor*, const FieldDescriptor*>> copied;
};

absl::StatusOr<std::string> Run(const TransitionPlan& plan, Writer& writer,
                                const Message& request) {
  const Collection& collection = *plan.collection;
  const api::ResourceType& type = *collection.type;
  const auto* reading = request.GetReflection();
  const std::string name = reading->GetString(request, plan.name);
  const std::string etag = plan.etag == nullptr ? "" : reading->GetString(request, plan.etag);
  auto before = writer.ReadForChange(collection, name, etag, "etag");
  if (!before.ok()) return before.status();
  const std::string& state =
      before->message->GetReflection()->GetEnum(*before->message, type.state())->name();
  if (std::find(plan.from.begin(), plan.from.end(), state) == plan.from.end()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION",
                      absl::StrCat(name, " is ", state, "; ", plan.verb, " may be called from ",
                                   absl::StrJoin(plan.from, ", ")))
        .With("resource", name)
        .With("state", state)
        .With("from", absl::StrJoin(plan.from, ","))
        .With("to", plan.to->name())
        .Precondition("STATE", name, absl::StrCat("is ", state));
  }
  if (const api::FieldPath* field =
          NamesCaller(plan.other_than, *before->message, writer.caller())) {
    const std::string& caller = writer.caller().principal.name;
    return api::Error(absl::StatusCode::kFailedPrecondition, "FOUR_EYES",
                      absl::StrCat(caller, " is the ", field->path(), " of ", name, "; ", plan.verb,
                                   " is for another person"))
        .With("resource", name)
        .With("principal", caller)
        .With("field", field->path())
        .Precondition("FOUR_EYES", name, absl::StrCat(caller, " is its ", field->path()));
  }
  std::unique_ptr<Message> after(collection.prototype->New());
  after->CopyFrom(*before->message);
  after->GetReflection()->SetEnum(after.get(), type.state(), plan.to);
  for (const auto& [source, target] : plan.copied) CopyField(request, *source, *after, *target);
  return writer.Write(collection, &*before, *after, WriteKind::kTransition, "");
}

}  // namespace

absl::Status DescribeTransitions(Registry& registry,
                                 const google::protobuf::ServiceDescriptor& service) {
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    Collection* collection = registry.FindByMessage(*method.output_type());
    if (collection == nullptr) continue;
    if (api::ClassifyStandardMethod(method) == api::StandardMethod::kGet) {
      collection->read_permission =
          method.options().GetExtension(caravan::api::v1::access).permission();
    }
    if (!method.options().HasExtension(caravan::api::v1::transition)) continue;
    if (collection->type->state() == nullptr) {
      return ContractError(method, "its resource has no state");
    }
    const auto& transition = method.options().GetExtension(caravan::api::v1::transition);
    const auto* states = collection->type->state()->enum_type();
    for (const std::string& state : transition.from()) {
      if (state == kOpenStates) continue;
      if (states->FindValueByName(state) == nullptr) {
        return ContractError(method, absl::StrCat("there is no state ", state));
      }
      auto& open = collection->open_states;
      if (std::find(open.begin(), open.end(), state) == open.end()) open.push_back(state);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<api::FieldPath>> OtherThan(const MethodDescriptor& method,
                                                      const api::ResourceType& type) {
  std::vector<api::FieldPath> fields;
  for (const std::string& path :
       method.options().GetExtension(caravan::api::v1::transition).other_than()) {
    absl::StatusOr<api::FieldPath> field = api::FieldPath::Of(type.message(), path);
    if (!field.ok()) return field.status();
    if (field->leaf().type() != FieldDescriptor::TYPE_STRING || field->leaf().is_repeated()) {
      return ContractError(method, absl::StrCat("other_than ", path, " is no text"));
    }
    fields.push_back(*std::move(field));
  }
  return fields;
}

const api::FieldPath* NamesCaller(const std::vector<api::FieldPath>& fields,
                                  const Message& resource, const Caller& caller) {
  for (const api::FieldPath& field : fields) {
    if (std::get<std::string>(api::ColumnValueOf(resource, field)) == caller.principal.name) {
      return &field;
    }
  }
  return nullptr;
}

absl::StatusOr<Handler> BindTransition(const Registry& registry, const MethodDescriptor& method) {
  const auto& transition = method.options().GetExtension(caravan::api::v1::transition);
  TransitionPlan plan;
  plan.collection = registry.FindByMessage(*method.output_type());
  if (plan.collection == nullptr) return ContractError(method, "its collection is not registered");
  const api::ResourceType& type = *plan.collection->type;
  plan.verb = method.name();
  plan.to = type.state()->enum_type()->FindValueByName(transition.to());
  if (plan.to == nullptr) return ContractError(method, "there is no such state to lead to");
  for (const std::string& state : transition.from()) {
    if (state == kOpenStates) {
      plan.from = plan.collection->open_states;
      break;
    }
    plan.from.push_back(state);
  }
  if (plan.from.empty()) return ContractError(method, "it can be called from no state");
  absl::StatusOr<std::vector<api::FieldPath>> other_than = OtherThan(method, type);
  if (!other_than.ok()) return other_than.status();
  plan.other_than = *std::move(other_than);
  const auto& request = *method.input_type();
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor* field = request.field(i);
    if (field->name() == "name" || field->name() == "etag") {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING || field->is_repeated()) {
        return ContractError(method,
                             absl::StrCat("the ", field->name(), " of its request is no text"));
      }
      (field->name() == "name" ? plan.name : plan.etag) = field;
    } else if (field->name() != "request_id" && field->name() != "validate_only") {
      const FieldDescriptor* target = type.message().FindFieldByName(field->name());
      if (target == nullptr || !Copyable(*field, *target)) {
        return ContractError(method,
                             absl::StrCat("its resource has no field like ", field->name()));
      }
      plan.copied.emplace_back(field, target);
    }
  }
  if (plan.name == nullptr) return ContractError(method, "its request has no name");
  Handler handler;
  handler.write = [plan = std::move(plan), &registry](Caller& caller, store::Transaction& tx,
                                                      const Message& request) {
    Writer writer(registry, caller, tx);
    return Run(plan, writer, request);
  };
  return handler;
}

}  // namespace caravan::resources
