#include "services/common/api/resource.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/type/date.pb.h"
#include "services/common/api/sha256.h"
#include "services/common/api/text.h"

namespace caravan::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// Bytes of a digest that make an etag.
constexpr size_t kEtagBytes = 12;

absl::Status ContractError(const Descriptor& message, std::string_view what) {
  return absl::InternalError(absl::StrCat("contract of ", message.full_name(), ": ", what));
}

bool IsMessage(const FieldDescriptor& field, std::string_view full_name) {
  return field.message_type() != nullptr && field.message_type()->full_name() == full_name;
}

bool Indexable(const FieldDescriptor& field) {
  if (field.is_repeated()) return false;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_ENUM:
      return true;
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_STRING;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsMessage(field, "google.type.Date") || IsMessage(field, "google.protobuf.Timestamp");
    default:
      return false;
  }
}

int64_t IntField(const Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  const auto* reflection = message.GetReflection();
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ? reflection->GetInt32(message, field)
                                                             : reflection->GetInt64(message, field);
}

// The first day that a date may mean, as yyyymmdd.
int64_t FirstDayIn(const Message& date) {
  return IntField(date, "year") * 10000 + std::max<int64_t>(IntField(date, "month"), 1) * 100 +
         std::max<int64_t>(IntField(date, "day"), 1);
}

void SetTimestamp(Message& message, const FieldDescriptor* field, int64_t micros) {
  if (field == nullptr) return;
  Message* timestamp = message.GetReflection()->MutableMessage(&message, field);
  const auto* type = timestamp->GetDescriptor();
  const auto* reflection = timestamp->GetReflection();
  reflection->SetInt64(timestamp, type->FindFieldByName("seconds"), micros / 1'000'000);
  reflection->SetInt32(timestamp, type->FindFieldByName("nanos"),
                       static_cast<int32_t>(micros % 1'000'000 * 1000));
}

}  // namespace

// Where a message has references: the other fields need not be looked at.
struct ResourceType::ReferenceFields {
  struct Entry {
    const FieldDescriptor* field = nullptr;
    std::string type;                         // of what a reference refers to
    const ReferenceFields* nested = nullptr;  // of a field that holds messages
  };
  std::vector<Entry> entries;  // by number, as ListFields has them

  void Append(const Message& message, const std::string& prefix,
              std::vector<Reference>& out) const {
    const Reflection* reflection = message.GetReflection();
    for (const Entry& entry : entries) {
      const FieldDescriptor* field = entry.field;
      const bool repeated = field->is_repeated();
      const int count = repeated ? reflection->FieldSize(message, field)
                        : reflection->HasField(message, field) ? 1
                                                               : 0;
      for (int i = 0; i < count; ++i) {
        std::string path = absl::StrCat(prefix, field->name());
        if (repeated) absl::StrAppend(&path, "[", i, "]");
        if (entry.nested != nullptr) {
          entry.nested->Append(repeated ? reflection->GetRepeatedMessage(message, field, i)
                                        : reflection->GetMessage(message, field),
                               path + ".", out);
          continue;
        }
        std::string target = repeated ? reflection->GetRepeatedString(message, field, i)
                                      : reflection->GetString(message, field);
        if (target.empty()) continue;
        out.push_back({std::move(path), entry.type, std::move(target)});
      }
    }
  }

  // Of a message; `found` has those that were worked out, or are being.
  static const ReferenceFields* Of(
      const Descriptor& message,
      absl::flat_hash_map<const Descriptor*, std::unique_ptr<ReferenceFields>>& found) {
    if (const auto known = found.find(&message); known != found.end()) return known->second.get();
    auto* made = (found[&message] = std::make_unique<ReferenceFields>()).get();
    // A message within itself: what is below is not known yet, so it is kept.
    std::vector<Entry> made_entries;
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor* field = message.field(i);
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        if (!field->options().HasExtension(google::api::resource_reference)) continue;
        made_entries.push_back(
            {field, field->options().GetExtension(google::api::resource_reference).type()});
      } else if (!field->is_map()) {
        const bool recursive = found.contains(field->message_type());
        const ReferenceFields* nested = Of(*field->message_type(), found);
        if (recursive || !nested->entries.empty()) made_entries.push_back({field, "", nested});
      }
    }
    std::sort(made_entries.begin(), made_entries.end(),
              [](const Entry& x, const Entry& y) { return x.field->number() < y.field->number(); });
    made->entries = std::move(made_entries);
    return made;
  }
};

// The messages below a resource's that were looked at for references.
struct ResourceType::References {
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<ReferenceFields>> found;
  const ReferenceFields* of_resource = nullptr;
};

ResourceType::ResourceType() : references_(std::make_unique<References>()) {}
ResourceType::~ResourceType() = default;

namespace {

void ClearOutputOnlyIn(Message& message, const std::vector<std::string>& keep) {
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (HasBehavior(*field, google::api::OUTPUT_ONLY)) {
      if (std::find(keep.begin(), keep.end(), field->name()) == keep.end()) {
        reflection->ClearField(&message, field);
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map()) {
      const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        ClearOutputOnlyIn(field->is_repeated()
                              ? *reflection->MutableRepeatedMessage(&message, field, i)
                              : *reflection->MutableMessage(&message, field),
                          {});
      }
    }
  }
}

// Patterns by type, for the check of references by form. Types are few, are
// added at start, and stay.
absl::Mutex patterns_mutex;
absl::flat_hash_map<std::string, NamePattern>& Patterns() {
  static auto& patterns = *new absl::flat_hash_map<std::string, NamePattern>;
  return patterns;
}

}  // namespace

std::optional<std::string> ReferenceProblem(std::string_view type, std::string_view value) {
  absl::ReaderMutexLock lock(&patterns_mutex);
  const auto pattern = Patterns().find(type);
  if (pattern != Patterns().end()) {
    if (pattern->second.Matches(value)) return std::nullopt;
    return absl::StrCat("is ", Quoted(value), "; must be a name such as ",
                        pattern->second.pattern());
  }
  if (value.size() <= 1000 && absl::StrContains(value, '/') && value.front() != '/' &&
      value.back() != '/') {
    return std::nullopt;
  }
  return absl::StrCat("is ", Quoted(value), "; must be the name of a resource");
}

bool HasBehavior(const FieldDescriptor& field, int behavior) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == behavior) return true;
  }
  return false;
}

std::string SnakeCase(std::string_view camel) {
  std::string snake;
  for (char c : camel) {
    if (absl::ascii_isupper(c) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(c);
  }
  return snake;
}

absl::StatusOr<FieldPath> FieldPath::Of(const Descriptor& message, std::string_view path) {
  FieldPath result;
  result.path_ = std::string(path);
  const Descriptor* at = &message;
  for (std::string_view name : absl::StrSplit(path, '.')) {
    const auto* field = at == nullptr ? nullptr : at->FindFieldByName(std::string(name));
    if (field == nullptr || (!result.fields_.empty() && result.fields_.back()->is_repeated())) {
      return ContractError(message, absl::StrCat("there is no singular path ", path));
    }
    result.fields_.push_back(field);
    at = field->message_type();
  }
  return result;
}

const Message* FieldPath::Holder(const Message& message) const {
  const Message* at = &message;
  for (size_t i = 0; i + 1 < fields_.size(); ++i) {
    const Reflection* reflection = at->GetReflection();
    if (!reflection->HasField(*at, fields_[i])) return nullptr;
    at = &reflection->GetMessage(*at, fields_[i]);
  }
  return at;
}

ColumnValue ColumnValueOf(const Message& message, const FieldPath& path) {
  const Message* holder = path.Holder(message);
  const FieldDescriptor& leaf = path.leaf();
  if (leaf.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return holder == nullptr ? std::string() : holder->GetReflection()->GetString(*holder, &leaf);
  }
  if (holder == nullptr) return kUnsetColumn;
  const Reflection* reflection = holder->GetReflection();
  switch (leaf.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection->GetInt32(*holder, &leaf)};
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->GetInt64(*holder, &leaf);
    case FieldDescriptor::CPPTYPE_UINT32:
      return int64_t{reflection->GetUInt32(*holder, &leaf)};
    case FieldDescriptor::CPPTYPE_BOOL:
      return int64_t{reflection->GetBool(*holder, &leaf)};
    case FieldDescriptor::CPPTYPE_ENUM:
      return int64_t{reflection->GetEnumValue(*holder, &leaf)};
    default:
      break;
  }
  if (!reflection->HasField(*holder, &leaf)) return kUnsetColumn;
  const Message& value = reflection->GetMessage(*holder, &leaf);
  if (IsMessage(leaf, "google.type.Date")) return FirstDayIn(value);
  return IntField(value, "seconds") * 1'000'000 + IntField(value, "nanos") / 1000;
}

absl::StatusOr<std::unique_ptr<const ResourceType>> ResourceType::Of(const Descriptor& message) {
  if (!message.options().HasExtension(google::api::resource)) {
    return ContractError(message, "it has no google.api.resource");
  }
  const auto& resource = message.options().GetExtension(google::api::resource);
  std::unique_ptr<ResourceType> type(new ResourceType);
  type->message_ = &message;
  type->references_->of_resource = ReferenceFields::Of(message, type->references_->found);
  type->type_ = resource.type();
  type->plural_ = resource.plural();
  type->singular_ = resource.singular();
  type->options_ = message.options().GetExtension(v1::collection);
  if (type->type_.empty() || type->plural_.empty() || type->singular_.empty() ||
      resource.pattern_size() != 1) {
    return ContractError(message, "google.api.resource needs type, plural, singular, one pattern");
  }
  absl::StatusOr<NamePattern> pattern =
      NamePattern::Parse(resource.pattern(0), type->options_.id_pattern());
  if (!pattern.ok()) return pattern.status();
  type->pattern_ = *std::move(pattern);
  // Collections of different parents may have one plural; tables may not.
  for (std::string_view segment : absl::StrSplit(resource.pattern(0), '/')) {
    if (absl::StartsWith(segment, "{")) continue;
    absl::StrAppend(&type->table_, type->table_.empty() ? "" : "_", SnakeCase(segment));
  }

  type->name_ = message.FindFieldByName("name");
  type->etag_ = message.FindFieldByName("etag");
  if (type->name_ == nullptr || type->etag_ == nullptr) {
    return ContractError(message, "a resource has the fields name and etag");
  }
  type->create_time_ = message.FindFieldByName("create_time");
  type->update_time_ = message.FindFieldByName("update_time");
  type->state_ = message.FindFieldByName("state");
  if (type->state_ != nullptr) {
    if (type->state_->enum_type() == nullptr) return ContractError(message, "state is no enum");
    type->initial_state_ =
        type->state_->enum_type()->FindValueByName(type->options_.initial_state());
    if (type->initial_state_ == nullptr) {
      return ContractError(message, "initial_state names no value of its state");
    }
  }
  const auto paths = [&](const auto& names, std::vector<FieldPath>& out) -> absl::Status {
    for (const std::string& name : names) {
      absl::StatusOr<FieldPath> path = FieldPath::Of(message, name);
      if (!path.ok()) return path.status();
      out.push_back(*std::move(path));
    }
    return absl::OkStatus();
  };
  if (absl::Status s = paths(type->options_.indexes(), type->indexes_); !s.ok()) return s;
  for (const FieldPath& path : type->indexes_) {
    if (!Indexable(path.leaf())) {
      return ContractError(message, absl::StrCat(path.path(), " is of no type that has an index"));
    }
  }
  if (absl::Status s = paths(type->options_.owners(), type->owners_); !s.ok()) return s;
  for (const FieldPath& path : type->owners_) {
    if (path.leaf().type() != FieldDescriptor::TYPE_STRING) {
      return ContractError(message, absl::StrCat("owner ", path.path(), " is no resource name"));
    }
  }
  for (const auto& [name, slot] : {std::pair{&type->options_.validity().from(), &type->valid_from_},
                                   std::pair{&type->options_.validity().to(), &type->valid_to_}}) {
    if (name->empty()) continue;
    absl::StatusOr<FieldPath> path = FieldPath::Of(message, *name);
    if (!path.ok()) return path.status();
    if (!IsMessage(path->leaf(), "google.type.Date")) {
      return ContractError(message, absl::StrCat("validity ", *name, " is no date"));
    }
    *slot = std::make_unique<FieldPath>(*std::move(path));
  }
  absl::MutexLock lock(&patterns_mutex);
  Patterns().insert_or_assign(type->type_, type->pattern_);
  return type;
}

int ResourceType::IndexOf(std::string_view path) const {
  for (size_t i = 0; i < indexes_.size(); ++i) {
    if (indexes_[i].path() == path) return static_cast<int>(i);
  }
  return -1;
}

bool ResourceType::ValidOn(const Message& resource, int64_t day) const {
  if (valid_from_ != nullptr) {
    const int64_t from = std::get<int64_t>(ColumnValueOf(resource, *valid_from_));
    // An unset day is the least of all.
    if (from > day) return false;
    if (from == kUnsetColumn && options_.validity().from_required()) return false;
  }
  if (valid_to_ != nullptr) {
    const int64_t to = std::get<int64_t>(ColumnValueOf(resource, *valid_to_));
    if (to != kUnsetColumn && to <= day) return false;
  }
  return true;
}

std::string ResourceType::NameOf(const Message& resource) const {
  return resource.GetReflection()->GetString(resource, name_);
}

void ResourceType::SetName(Message& resource, std::string name) const {
  resource.GetReflection()->SetString(&resource, name_, std::move(name));
}

std::string ResourceType::EtagOf(const Message& resource) const {
  return resource.GetReflection()->GetString(resource, etag_);
}

void ResourceType::SetCreateTime(Message& resource, int64_t micros) const {
  SetTimestamp(resource, create_time_, micros);
}

void ResourceType::SetUpdateTime(Message& resource, int64_t micros) const {
  SetTimestamp(resource, update_time_, micros);
}

void ResourceType::CopySystemFields(const Message& from, Message& to) const {
  const Reflection* reflection = to.GetReflection();
  SetName(to, NameOf(from));
  for (const FieldDescriptor* field : {create_time_, update_time_}) {
    if (field == nullptr) continue;
    if (reflection->HasField(from, field)) {
      reflection->MutableMessage(&to, field)->CopyFrom(reflection->GetMessage(from, field));
    } else {
      reflection->ClearField(&to, field);
    }
  }
}

std::vector<ColumnValue> ResourceType::ColumnValues(const Message& resource) const {
  std::vector<ColumnValue> values;
  values.reserve(indexes_.size());
  for (const FieldPath& path : indexes_) values.push_back(ColumnValueOf(resource, path));
  return values;
}

std::vector<std::string> ResourceType::OwnersOf(const Message& resource) const {
  std::vector<std::string> owners;
  for (const FieldPath& path : owners_) {
    const Message* holder = path.Holder(resource);
    if (holder == nullptr) continue;
    const Reflection* reflection = holder->GetReflection();
    if (path.leaf().is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(*holder, &path.leaf()); ++i) {
        owners.push_back(reflection->GetRepeatedString(*holder, &path.leaf(), i));
      }
    } else if (std::string owner = reflection->GetString(*holder, &path.leaf()); !owner.empty()) {
      owners.push_back(std::move(owner));
    }
  }
  return owners;
}

std::vector<Reference> ResourceType::ReferencesOf(const Message& resource) const {
  std::vector<Reference> references;
  if (std::string parent = pattern_.Parent(NameOf(resource)); !parent.empty()) {
    references.push_back({"name", "*", std::move(parent)});
  }
  references_->of_resource->Append(resource, "", references);
  return references;
}

void ResourceType::ClearOutputOnly(Message& resource, const std::vector<std::string>& keep) const {
  ClearOutputOnlyIn(resource, keep);
}

std::string ResourceType::SerializeWithoutEtag(Message& resource) const {
  resource.GetReflection()->ClearField(&resource, etag_);
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    resource.SerializeToCodedStream(&out);
  }
  return bytes;
}

void ResourceType::AppendEtag(std::string& bytes, const std::string& etag) const {
  // Fields may come in any order, so the etag goes behind.
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(static_cast<uint32_t>(etag_->number()) << 3 | 2);
  out.WriteVarint32(static_cast<uint32_t>(etag.size()));
  out.WriteString(etag);
}

std::string ResourceType::Seal(Message& resource) const {
  std::string bytes = SerializeWithoutEtag(resource);
  const std::string etag = absl::BytesToHexString(AsText(Sha256(bytes)).substr(0, kEtagBytes));
  resource.GetReflection()->SetString(&resource, etag_, etag);
  AppendEtag(bytes, etag);
  return bytes;
}

bool ResourceType::SealedAs(Message& resource, std::string_view sealed,
                            const std::string& etag) const {
  std::string bytes = SerializeWithoutEtag(resource);
  AppendEtag(bytes, etag);
  if (bytes != sealed) return false;
  resource.GetReflection()->SetString(&resource, etag_, etag);
  return true;
}

}  // namespace caravan::api
