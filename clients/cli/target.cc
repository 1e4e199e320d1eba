#include "clients/cli/target.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/flags.h"

namespace caravan::cli {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

absl::StatusOr<Target> TargetOf(Session& session, const std::string& command,
                                const std::vector<std::string>& args, const std::string& parent) {
  if (args.empty() || args.size() > 2) {
    return UsageError(absl::StrCat(command, " takes COLLECTION ID"));
  }
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  Target target;
  if (args.size() == 1) {
    target.collection = (*catalog)->Owning(args[0]);
    target.name = args[0];
    if (target.collection != nullptr) return target;
  }
  const auto found = (*catalog)->Find(args[0]);
  if (!found.ok()) return found.status();
  target.collection = *found;
  if (args.size() == 1) return UsageError(absl::StrCat(command, " ", args[0], " needs an id"));
  auto name = target.collection->NameOf(args[1], parent);
  if (!name.ok()) return name.status();
  target.name = *std::move(name);
  return target;
}

bool IsServersOwn(const Collection& collection, const FieldDescriptor& field, bool loading) {
  return field.name() == "name" || field.name() == "etag" || collection.IsReadOnly(field, loading);
}

std::unique_ptr<Message> WithoutServersOwn(const Collection& collection, const Message& resource,
                                           bool loading) {
  auto copy = std::unique_ptr<Message>(resource.New());
  copy->CopyFrom(resource);
  const auto& type = *resource.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    if (field->name() != "name" && IsServersOwn(collection, *field, loading)) {
      copy->GetReflection()->ClearField(copy.get(), field);
    }
  }
  return copy;
}

}  // namespace caravan::cli
