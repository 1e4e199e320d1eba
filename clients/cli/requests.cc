#include "clients/cli/requests.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/standard_method.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

absl::Status OddShape(const Message& request) {
  return api::Error(absl::StatusCode::kUnimplemented, "ODD_METHOD",
                    absl::StrCat(request.GetDescriptor()->full_name(),
                                 " has not the shape of a standard method's request"));
}

void SetText(Message* message, const FieldDescriptor* field, std::string text) {
  if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    message->GetReflection()->SetString(message, field, std::move(text));
  }
}

}  // namespace

const FieldDescriptor* ResourceField(const Descriptor& request) {
  for (int i = 0; i < request.field_count(); ++i) {
    const auto* field = request.field(i);
    if (!field->is_repeated() && field->message_type() != nullptr &&
        api::IsResource(*field->message_type())) {
      return field;
    }
  }
  return nullptr;
}

absl::Status FillCreate(const Collection& collection, const std::string& name,
                        const std::string& parent, const Message& resource, Message* request) {
  const Descriptor& type = *request->GetDescriptor();
  const auto* resource_field = ResourceField(type);
  if (resource_field == nullptr) return OddShape(*request);
  request->GetReflection()->MutableMessage(request, resource_field)->CopyFrom(resource);
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) {
    const auto* id = type.FindFieldByName(resource_field->name() + "_id");
    if (id == nullptr) {
      return api::Error(
          absl::StatusCode::kInvalidArgument, "ID_NOT_CHOSEN",
          absl::StrCat("the server chooses the ids of ", collection.id, "; leave it out"));
    }
    SetText(request, id, name.substr(slash + 1));
  }
  // `fairs/x/halls/y` is created in `fairs/x`.
  std::string owner = parent;
  if (owner.empty() && collection.IsNested() && slash != std::string::npos) {
    owner = name.substr(0, name.rfind('/', slash - 1));
  }
  if (!owner.empty()) SetText(request, type.FindFieldByName("parent"), owner);
  return absl::OkStatus();
}

absl::Status FillUpdate(const Message& resource, const std::vector<std::string>& paths,
                        Message* request) {
  const Descriptor& type = *request->GetDescriptor();
  const auto* reflection = request->GetReflection();
  const auto* resource_field = ResourceField(type);
  const auto* mask = type.FindFieldByName("update_mask");
  const auto* allow_missing = type.FindFieldByName("allow_missing");
  const auto* mask_paths = mask == nullptr || mask->message_type() == nullptr
                               ? nullptr
                               : mask->message_type()->FindFieldByName("paths");
  if (resource_field == nullptr || mask_paths == nullptr || allow_missing == nullptr) {
    return OddShape(*request);
  }
  reflection->MutableMessage(request, resource_field)->CopyFrom(resource);
  Message* mask_message = reflection->MutableMessage(request, mask);
  for (const std::string& path : paths) {
    mask_message->GetReflection()->AddString(mask_message, mask_paths, path);
  }
  reflection->SetBool(request, allow_missing, true);
  return absl::OkStatus();
}

}  // namespace caravan::cli
