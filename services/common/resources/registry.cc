#include "services/common/resources/registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/resources/records.pb.h"

namespace caravan::resources {

static_assert(std::is_same_v<api::ColumnValue, store::Value>);
static_assert(api::kUnsetColumn == store::kUnset);

namespace {

store::Column::Type ColumnType(const google::protobuf::FieldDescriptor& field) {
  return field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING
             ? store::Column::Type::kText
             : store::Column::Type::kInteger;
}

bool ParseRow(google::protobuf::Message& message, std::string_view data) {
  return message.ParseFromArray(data.data(), static_cast<int>(data.size()));
}

std::string ColumnName(const std::string& path) {
  std::string name = path;
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

}  // namespace

Registry::Registry() = default;

void Registry::Add(const google::protobuf::Message& prototype,
                   std::function<absl::Status(const Writing&, const google::protobuf::Message*,
                                              google::protobuf::Message&)>
                       prepare) {
  absl::StatusOr<std::unique_ptr<const api::ResourceType>> type =
      api::ResourceType::Of(*prototype.GetDescriptor());
  if (!type.ok()) {
    status_.Update(type.status());
    return;
  }
  if (FindByType((*type)->type()) != nullptr) {
    status_.Update(absl::InternalError(absl::StrCat((*type)->type(), " is registered twice")));
    return;
  }
  auto collection = std::make_unique<Collection>();
  collection->type = *std::move(type);
  collection->table = kFirstCollection + static_cast<store::TableId>(collections_.size());
  collection->prototype = &prototype;
  collection->prepare = std::move(prepare);
  collections_.push_back(std::move(collection));
}

std::vector<store::Table> Registry::Tables(store::Table operations) const {
  std::vector<store::Table> tables(kFirstCollection);
  tables[kGuards].name = "guards";
  tables[kReferences].name = "resource_references";
  tables[kRequests].name = "requests";
  tables[kRequests].columns = {{"expire_time", store::Column::Type::kInteger}};
  tables[kRequests].extract =
      [](std::string_view data) -> absl::StatusOr<std::vector<store::Value>> {
    RequestRecord record;
    if (!ParseRow(record, data)) return absl::DataLossError("row does not parse");
    return std::vector<store::Value>{record.expire_time()};
  };
  tables[kOperations] = std::move(operations);
  for (const auto& collection : collections_) {
    store::Table table;
    table.name = collection->type->table();
    for (const api::FieldPath& path : collection->type->indexes()) {
      table.columns.push_back({ColumnName(path.path()), ColumnType(path.leaf())});
    }
    table.extract = [collection = collection.get()](
                        std::string_view data) -> absl::StatusOr<std::vector<store::Value>> {
      std::unique_ptr<google::protobuf::Message> resource(collection->prototype->New());
      if (!ParseRow(*resource, data)) {
        return absl::DataLossError("row does not parse");
      }
      return collection->type->ColumnValues(*resource);
    };
    tables.push_back(std::move(table));
  }
  return tables;
}

Collection* Registry::FindByMessage(const google::protobuf::Descriptor& message) const {
  for (const auto& collection : collections_) {
    if (&collection->type->message() == &message) return collection.get();
  }
  return nullptr;
}

Collection* Registry::FindByType(std::string_view type) const {
  for (const auto& collection : collections_) {
    if (collection->type->type() == type) return collection.get();
  }
  return nullptr;
}

Collection* Registry::FindByName(std::string_view name) const {
  for (const auto& collection : collections_) {
    if (collection->type->pattern().Matches(name)) return collection.get();
  }
  return nullptr;
}

absl::Status NotFound(const api::ResourceType& type, std::string_view name) {
  return api::Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                    absl::StrCat(name, " does not exist"))
      .With("resource", name)
      .Resource(type.type(), name, absl::StrCat("there is no ", type.singular(), " of this name"));
}

}  // namespace caravan::resources
