#include "services/common/settings/yaml.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "services/common/api/text.h"

namespace caravan::settings {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxFileBytes = 16 << 20;
// A file of a few bytes can repeat itself to any size by aliases.
constexpr int kMaxNodes = 1'000'000;

// LogLevel -> LOG_LEVEL_
std::string EnumPrefix(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(c);
  }
  return prefix + "_";
}

absl::StatusOr<int> ParseEnum(std::string_view text, const EnumDescriptor& type) {
  const std::string prefix = EnumPrefix(type);
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    std::string name(absl::StripPrefix(value.name(), prefix));
    absl::AsciiStrToLower(&name);
    if (value.name() == text || name == text) return value.number();
    if (value.number() != 0) names.push_back(name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("`", text, "` is none of ", absl::StrJoin(names, ", ")));
}

template <typename T>
absl::StatusOr<T> ParseInteger(std::string_view text) {
  T value;
  if (absl::SimpleAtoi(text, &value)) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("`", text, "` is no whole number", std::is_signed_v<T> ? "" : " from 0 on"));
}

absl::StatusOr<double> ParseNumber(std::string_view text) {
  double value;
  if (absl::SimpleAtod(text, &value) && std::isfinite(value)) return value;
  return absl::InvalidArgumentError(absl::StrCat("`", text, "` is no number"));
}

absl::Status SetDuration(std::string_view text, const FieldDescriptor& field, Message* message) {
  const absl::StatusOr<absl::Duration> value = ParseDuration(text);
  if (!value.ok()) return value.status();
  google::protobuf::Duration duration;
  absl::Duration rest;
  duration.set_seconds(absl::IDivDuration(*value, absl::Seconds(1), &rest));
  duration.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  const auto& reflection = *message->GetReflection();
  Message* target = field.is_repeated() ? reflection.AddMessage(message, &field)
                                        : reflection.MutableMessage(message, &field);
  target->CopyFrom(duration);
  return absl::OkStatus();
}

std::string Position(std::string_view file, const YAML::Mark& mark) {
  return absl::StrCat(file, ":", mark.line + 1, ":", mark.column + 1);
}

class YamlReader {
 public:
  explicit YamlReader(std::string_view file) : file_(file) {}

  absl::Status Read(const YAML::Node& node, Message* message) {
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsMap()) return ErrorAt(node, "expected a mapping of keys to values");
    std::set<const FieldDescriptor*> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return ErrorAt(entry.first, "expected a key");
      const std::string& key = entry.first.Scalar();
      const FieldDescriptor* field = FindField(*message->GetDescriptor(), key);
      if (field == nullptr) return UnknownKey(entry.first, *message->GetDescriptor());
      if (!seen.insert(field).second) {
        return ErrorAt(entry.first, absl::StrCat("the key `", key, "` is there twice"));
      }
      if (absl::Status status = ReadField(entry.second, key, *field, message); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  static const FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                          const std::string& key) {
    const FieldDescriptor* field = type.FindFieldByName(key);
    if (field != nullptr) return field;
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->json_name() == key) return type.field(i);
    }
    return nullptr;
  }

  absl::Status UnknownKey(const YAML::Node& node, const google::protobuf::Descriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    return ErrorAt(
        node, absl::StrCat("unknown key `", node.Scalar(), "`.", Suggest(node.Scalar(), names)));
  }

  absl::Status ReadField(const YAML::Node& node, const std::string& key,
                         const FieldDescriptor& field, Message* message) {
    if (node.IsNull()) return absl::OkStatus();
    if (!field.is_repeated()) return ReadValue(node, key, field, message);
    if (!node.IsSequence()) return ErrorAt(node, absl::StrCat("`", key, "` must be a list"));
    for (const auto& item : node) {
      if (absl::Status status = ReadValue(item, key, field, message); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadValue(const YAML::Node& node, const std::string& key,
                         const FieldDescriptor& field, Message* message) {
    if (++nodes_ > kMaxNodes) return ErrorAt(node, "the file has more than a million values");
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                            field.message_type()->full_name() != "google.protobuf.Duration";
    if (is_message) {
      const auto& reflection = *message->GetReflection();
      return Read(node, field.is_repeated() ? reflection.AddMessage(message, &field)
                                            : reflection.MutableMessage(message, &field));
    }
    if (!node.IsScalar()) return ErrorAt(node, absl::StrCat("`", key, "` must be one value"));
    const absl::Status status = SetFromText(node.Scalar(), field, message);
    if (!status.ok()) return ErrorAt(node, absl::StrCat(key, ": ", status.message()));
    return status;
  }

  absl::Status ErrorAt(const YAML::Node& node, std::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(Position(file_, node.Mark()), ": ", what));
  }

  const std::string_view file_;
  int nodes_ = 0;
};

}  // namespace

absl::Status ParseYaml(std::string_view text, std::string_view file, Message* message) {
  try {
    return YamlReader(file).Read(YAML::Load(std::string(text)), message);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(Position(file, error.mark), ": ", error.msg));
  }
}

absl::StatusOr<std::vector<YamlEntry>> ParseFlatYaml(std::string_view text, std::string_view file) {
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    std::vector<YamlEntry> entries;
    std::set<std::string> keys;
    const auto failed = [&](const YAML::Node& node, std::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat(Position(file, node.Mark()), ": ", what));
    };
    if (root.IsNull()) return entries;
    if (!root.IsMap()) return failed(root, "expected a mapping of keys to values");
    for (const auto& pair : root) {
      if (!pair.first.IsScalar()) return failed(pair.first, "expected a key");
      YamlEntry entry{
          pair.first.Scalar(), {}, pair.second.IsSequence(), Position(file, pair.first.Mark())};
      if (!keys.insert(entry.key).second) {
        return failed(pair.first, absl::StrCat("the key `", entry.key, "` is there twice"));
      }
      if (pair.second.IsNull()) continue;
      if (pair.second.IsScalar()) entry.values.push_back(pair.second.Scalar());
      for (const auto& item : pair.second) {
        if (!entry.is_list || !item.IsScalar()) {
          return failed(pair.second, absl::StrCat("`", entry.key, "` must be a value or a list"));
        }
        entry.values.push_back(item.Scalar());
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(Position(file, error.mark), ": ", error.msg));
  }
}

absl::Status SetFromText(std::string_view text, const FieldDescriptor& field, Message* message) {
  const auto& reflection = *message->GetReflection();
  const auto set = [&](auto value, auto setter, auto adder) {
    if (!value.ok()) return value.status();
    if (field.is_repeated()) {
      (reflection.*adder)(message, &field, *std::move(value));
    } else {
      (reflection.*setter)(message, &field, *std::move(value));
    }
    return absl::OkStatus();
  };
  using Reflection = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return set(absl::StatusOr<std::string>(text), &Reflection::SetString, &Reflection::AddString);
    case FieldDescriptor::CPPTYPE_INT32:
      return set(ParseInteger<int32_t>(text), &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return set(ParseInteger<int64_t>(text), &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return set(ParseInteger<uint32_t>(text), &Reflection::SetUInt32, &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return set(ParseInteger<uint64_t>(text), &Reflection::SetUInt64, &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return set(ParseNumber(text), &Reflection::SetDouble, &Reflection::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return set(ParseNumber(text), &Reflection::SetFloat, &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_ENUM:
      return set(ParseEnum(text, *field.enum_type()), &Reflection::SetEnumValue,
                 &Reflection::AddEnumValue);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") {
        return absl::InvalidArgumentError(absl::StrCat("`", text, "` is neither true nor false"));
      }
      return set(absl::StatusOr<bool>(text == "true"), &Reflection::SetBool, &Reflection::AddBool);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->full_name() == "google.protobuf.Duration") {
        return SetDuration(text, field, message);
      }
      return absl::InvalidArgumentError("a mapping is needed, not one value");
  }
  return absl::InvalidArgumentError("a value of unknown type");
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  // absl has no days; they may only come first.
  absl::Duration total;
  std::string_view rest = text;
  int64_t days = 0;
  const size_t d = text.find('d');
  if (d != std::string_view::npos && absl::SimpleAtoi(text.substr(0, d), &days)) {
    total = absl::Hours(24) * days;
    rest = text.substr(d + 1);
  }
  absl::Duration part;
  const bool only_days = d != std::string_view::npos && rest.empty();
  if ((!only_days && !absl::ParseDuration(rest, &part)) || text.empty() ||
      total == absl::InfiniteDuration() || part == absl::InfiniteDuration() ||
      total == -absl::InfiniteDuration() || part == -absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "`", text, "` is no duration; write for example 250ms, 30s, 5m, 12h, 90d or 1h30m"));
  }
  return total + part;
}

std::string Suggest(std::string_view name, const std::vector<std::string>& candidates) {
  const std::vector<std::string> near = api::NearNames(name, candidates);
  return near.empty() ? "" : absl::StrCat(" Did you mean `", near[0], "`?");
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto failed = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the file ", path, ": ", why));
  };
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) return failed(std::strerror(errno));
  std::string content;
  char buffer[65536];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) {
    content.append(buffer, n);
    if (content.size() > kMaxFileBytes) return failed("it is larger than 16 MiB");
  }
  if (std::ferror(file.get())) return failed(std::strerror(errno));
  return content;
}

}  // namespace caravan::settings
