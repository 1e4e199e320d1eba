#include "services/common/api/field_mask.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/errors.h"
#include "services/common/api/scalar.h"
#include "services/common/api/text.h"

namespace caravan::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// How many wrong paths an error names.
constexpr size_t kMostNamed = 10;

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

// The segments of a path; nothing where its back quotes or dots are wrong.
std::optional<std::vector<std::string>> Split(std::string_view text) {
  std::vector<std::string> segments;
  while (true) {
    if (!text.empty() && text[0] == '`') {
      const size_t end = text.find('`', 1);
      if (end == text.npos) return std::nullopt;
      segments.emplace_back(text.substr(1, end - 1));
      text.remove_prefix(end + 1);
    } else {
      const size_t end = std::min(text.find_first_of(".`"), text.size());
      if (end == 0) return std::nullopt;
      segments.emplace_back(text.substr(0, end));
      text.remove_prefix(end);
    }
    if (text.empty()) return segments;
    if (text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

bool IsPlain(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

// The index of a map's entry with a key; -1 where there is none.
int FindEntry(const Message& message, const FieldDescriptor& map, const std::string& key) {
  const FieldDescriptor& key_field = *map.message_type()->map_key();
  std::string storage;
  std::string scratch;
  const auto wanted = ParseScalar(key, key_field, storage);
  const Reflection* reflection = message.GetReflection();
  const int count = reflection->FieldSize(message, &map);
  for (int i = 0; i < count; ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, &map, i);
    if (ReadScalar(entry, key_field, -1, scratch) == *wanted) return i;
  }
  return -1;
}

void CopySingular(const FieldDescriptor* field, const Message& from, Message& to) {
  const Reflection* source = from.GetReflection();
  const Reflection* target = to.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return target->SetInt32(&to, field, source->GetInt32(from, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return target->SetInt64(&to, field, source->GetInt64(from, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return target->SetUInt32(&to, field, source->GetUInt32(from, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return target->SetUInt64(&to, field, source->GetUInt64(from, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return target->SetDouble(&to, field, source->GetDouble(from, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return target->SetFloat(&to, field, source->GetFloat(from, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return target->SetBool(&to, field, source->GetBool(from, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return target->SetEnumValue(&to, field, source->GetEnumValue(from, field));
    case FieldDescriptor::CPPTYPE_STRING:
      return target->SetString(&to, field, source->GetString(from, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return target->MutableMessage(&to, field)->CopyFrom(source->GetMessage(from, field));
  }
}

void AppendEntry(const FieldDescriptor* field, const Message& from, int i, Message& to) {
  const Reflection* source = from.GetReflection();
  const Reflection* target = to.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return target->AddInt32(&to, field, source->GetRepeatedInt32(from, field, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return target->AddInt64(&to, field, source->GetRepeatedInt64(from, field, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return target->AddUInt32(&to, field, source->GetRepeatedUInt32(from, field, i));
    case FieldDescriptor::CPPTYPE_UINT64:
      return target->AddUInt64(&to, field, source->GetRepeatedUInt64(from, field, i));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return target->AddDouble(&to, field, source->GetRepeatedDouble(from, field, i));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return target->AddFloat(&to, field, source->GetRepeatedFloat(from, field, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return target->AddBool(&to, field, source->GetRepeatedBool(from, field, i));
    case FieldDescriptor::CPPTYPE_ENUM:
      return target->AddEnumValue(&to, field, source->GetRepeatedEnumValue(from, field, i));
    case FieldDescriptor::CPPTYPE_STRING:
      return target->AddString(&to, field, source->GetRepeatedString(from, field, i));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return target->AddMessage(&to, field)->CopyFrom(source->GetRepeatedMessage(from, field, i));
  }
}

// Clears what is ignored, at any depth.
void Strip(Message& message, IsIgnored ignored) {
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (ignored(*field)) {
      reflection->ClearField(&message, field);
    } else if (IsMessage(*field) && field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Strip(*reflection->MutableRepeatedMessage(&message, field, i), ignored);
      }
    } else if (IsMessage(*field)) {
      Strip(*reflection->MutableMessage(&message, field), ignored);
    }
  }
}

// Replaces one field, but for what is ignored in it.
void Replace(const FieldDescriptor* field, const Message& from, Message& to, IsIgnored ignored) {
  if (ignored(*field)) return;
  const Reflection* source = from.GetReflection();
  const Reflection* target = to.GetReflection();
  if (field->is_repeated()) {
    target->ClearField(&to, field);
    const int count = source->FieldSize(from, field);
    for (int i = 0; i < count; ++i) {
      AppendEntry(field, from, i, to);
      if (IsMessage(*field)) Strip(*target->MutableRepeatedMessage(&to, field, i), ignored);
    }
  } else if (!source->HasField(from, field)) {
    target->ClearField(&to, field);
  } else if (!IsMessage(*field) || IsValueType(*field->message_type())) {
    CopySingular(field, from, to);
  } else {
    const Message& part = source->GetMessage(from, field);
    Message* replaced = target->MutableMessage(&to, field);
    const Descriptor* type = field->message_type();
    for (int i = 0; i < type->field_count(); ++i) {
      Replace(type->field(i), part, *replaced, ignored);
    }
  }
}

}  // namespace

// Returns what is wrong; empty: nothing.
std::string UpdateMask::ParsePath(std::string_view text, const Descriptor& message, Path& path) {
  const auto segments = Split(text);
  if (!segments) return "is not a path of names with dots between them";
  const Descriptor* type = &message;
  for (size_t i = 0; i < segments->size(); ++i) {
    const std::string& name = (*segments)[i];
    if (type == nullptr) {
      const FieldDescriptor& last = *path.back().field;
      return absl::StrCat("leads beyond ", last.name(), ", which is ",
                          last.is_repeated() && !path.back().keyed
                              ? "a list, and is replaced as a whole"
                              : "no message");
    }
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field == nullptr) return absl::StrCat("leads nowhere: ", NoSuchField(*type, name));
    Step step{.field = field, .keyed = false, .key = ""};
    type = field->is_repeated() ? nullptr : field->message_type();
    if (field->is_map() && i + 1 < segments->size()) {
      const Descriptor* entry = field->message_type();
      step.keyed = true;
      step.key = (*segments)[++i];
      std::string storage;
      const auto key = ParseScalar(step.key, *entry->map_key(), storage);
      if (!key.ok()) {
        return absl::StrCat("has a wrong key for ", name, ": ", key.status().message());
      }
      type = entry->map_value()->message_type();
    }
    path.push_back(std::move(step));
  }
  return "";
}

absl::StatusOr<UpdateMask> UpdateMask::Parse(const google::protobuf::FieldMask& mask,
                                             const Descriptor* message, std::string_view field) {
  UpdateMask result;
  Violations violations;
  bool all = false;
  for (const std::string& text : mask.paths()) {
    if (text == "*") {
      all = true;
      continue;
    }
    Path path;
    if (std::string what = ParsePath(text, *message, path); !what.empty()) {
      violations.Add(std::string(field), absl::StrCat(Quoted(text), " ", what));
      if (violations.size() == kMostNamed) break;
    }
    result.paths_.push_back(std::move(path));
  }
  if (!violations.empty()) return violations.ToStatus("INVALID_UPDATE_MASK");
  if (all) {
    result.paths_.clear();
    for (int i = 0; i < message->field_count(); ++i) {
      result.paths_.push_back({Step{.field = message->field(i), .keyed = false, .key = ""}});
    }
  }
  return result;
}

void UpdateMask::CollectSet(const Message& message, Path& prefix, std::vector<Path>& paths) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    prefix.push_back({.field = field, .keyed = false, .key = ""});
    const size_t before = paths.size();
    if (IsMessage(*field) && !field->is_repeated() && !IsValueType(*field->message_type())) {
      CollectSet(message.GetReflection()->GetMessage(message, field), prefix, paths);
    }
    if (paths.size() == before) paths.push_back(prefix);
    prefix.pop_back();
  }
}

UpdateMask UpdateMask::OfSetFields(const Message& message) {
  UpdateMask mask;
  Path prefix;
  CollectSet(message, prefix, mask.paths_);
  return mask;
}

std::vector<std::string> UpdateMask::paths() const {
  std::vector<std::string> texts;
  for (const Path& path : paths_) {
    std::vector<std::string> segments;
    for (const Step& step : path) {
      segments.push_back(step.field->name());
      if (!step.keyed) continue;
      segments.push_back(IsPlain(step.key) ? step.key : absl::StrCat("`", step.key, "`"));
    }
    texts.push_back(absl::StrJoin(segments, "."));
  }
  return texts;
}

bool UpdateMask::Touches(const FieldDescriptor& field) const {
  return std::any_of(paths_.begin(), paths_.end(),
                     [&](const Path& path) { return path[0].field == &field; });
}

void UpdateMask::ApplyKey(const Path& path, size_t at, const Message& from, Message& to,
                          IsIgnored ignored) {
  const FieldDescriptor* map = path[at].field;
  const Reflection* source = from.GetReflection();
  const Reflection* target = to.GetReflection();
  const int in_from = FindEntry(from, *map, path[at].key);
  int in_to = FindEntry(to, *map, path[at].key);
  const bool last = at + 1 == path.size();
  if (in_from < 0) {
    if (in_to < 0) return;
    if (last) {
      target->SwapElements(&to, map, in_to, target->FieldSize(to, map) - 1);
      target->RemoveLast(&to, map);
      return;
    }
  } else if (in_to < 0 || last) {
    if (in_to < 0) {
      in_to = target->FieldSize(to, map);
      target->AddMessage(&to, map);
    }
    Message* entry = target->MutableRepeatedMessage(&to, map, in_to);
    const Message& given = source->GetRepeatedMessage(from, map, in_from);
    if (last) {
      entry->CopyFrom(given);
      Strip(*entry, ignored);
      return;
    }
    CopySingular(map->message_type()->map_key(), given, *entry);
  }
  // On in the message that is the entry's value.
  const FieldDescriptor* value = map->message_type()->map_value();
  Message* entry = target->MutableRepeatedMessage(&to, map, in_to);
  Message* part = entry->GetReflection()->MutableMessage(entry, value);
  if (in_from >= 0) {
    const Message& given = source->GetRepeatedMessage(from, map, in_from);
    ApplyPath(path, at + 1, given.GetReflection()->GetMessage(given, value), *part, ignored);
  } else {
    const std::unique_ptr<Message> unset(part->New());
    ApplyPath(path, at + 1, *unset, *part, ignored);
  }
}

void UpdateMask::ApplyPath(const Path& path, size_t at, const Message& from, Message& to,
                           IsIgnored ignored) {
  const FieldDescriptor* field = path[at].field;
  if (ignored(*field)) return;
  if (path[at].keyed) return ApplyKey(path, at, from, to, ignored);
  if (at + 1 == path.size()) return Replace(field, from, to, ignored);
  const Reflection* source = from.GetReflection();
  const Reflection* target = to.GetReflection();
  // Nothing there, nothing to put there.
  if (!source->HasField(from, field) && !target->HasField(to, field)) return;
  ApplyPath(path, at + 1, source->GetMessage(from, field), *target->MutableMessage(&to, field),
            ignored);
}

void UpdateMask::Apply(const Message& from, Message& to, IsIgnored ignored) const {
  for (const Path& path : paths_) ApplyPath(path, 0, from, to, ignored);
}

}  // namespace caravan::api
