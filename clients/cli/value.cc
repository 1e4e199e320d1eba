#include "clients/cli/value.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "google/api/resource.pb.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr char kDate[] = "google.type.Date";
constexpr char kDecimal[] = "google.type.Decimal";
constexpr char kTimestamp[] = "google.protobuf.Timestamp";
constexpr char kDuration[] = "google.protobuf.Duration";
constexpr char kFieldMask[] = "google.protobuf.FieldMask";

absl::Status Wrong(std::string_view text, std::string_view wanted) {
  // A long value is not repeated whole.
  const std::string shown =
      text.size() > 80 ? absl::StrCat(text.substr(0, 77), "...") : std::string(text);
  return absl::InvalidArgumentError(absl::StrCat("must be ", wanted, ", and is \"", shown, "\""));
}

const FieldDescriptor& Part(const Message& message, const char* name) {
  return *message.GetDescriptor()->FindFieldByName(name);
}

absl::Status SetDate(Message* message, std::string_view text) {
  constexpr std::string_view kWanted = "a date such as 2018-10-01, 2018-10 or 2018";
  const std::vector<std::string_view> parts = absl::StrSplit(text, '-');
  int numbers[3] = {0, 0, 0};
  constexpr size_t kDigits[3] = {4, 2, 2};
  if (parts.size() > 3) return Wrong(text, kWanted);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].size() != kDigits[i] ||
        !std::all_of(parts[i].begin(), parts[i].end(), absl::ascii_isdigit) ||
        !absl::SimpleAtoi(parts[i], &numbers[i]) || numbers[i] == 0) {
      return Wrong(text, kWanted);
    }
  }
  const auto [year, month, day] = numbers;
  const absl::CivilDay civil(year, std::max(month, 1), std::max(day, 1));
  if ((month > 0 && civil.month() != month) || (day > 0 && civil.day() != day)) {
    return Wrong(text, "a day of the calendar");
  }
  const auto* reflection = message->GetReflection();
  message->Clear();
  reflection->SetInt32(message, &Part(*message, "year"), year);
  reflection->SetInt32(message, &Part(*message, "month"), month);
  reflection->SetInt32(message, &Part(*message, "day"), day);
  return absl::OkStatus();
}

void SetSeconds(Message* message, absl::Duration value) {
  const int64_t seconds = absl::IDivDuration(value, absl::Seconds(1), &value);
  // A timestamp's nanoseconds count forward, a duration's have its sign.
  const bool borrow =
      message->GetDescriptor()->full_name() == kTimestamp && value < absl::ZeroDuration();
  const auto* reflection = message->GetReflection();
  reflection->SetInt64(message, &Part(*message, "seconds"), seconds - (borrow ? 1 : 0));
  if (borrow) value += absl::Seconds(1);
  reflection->SetInt32(message, &Part(*message, "nanos"),
                       static_cast<int32_t>(absl::ToInt64Nanoseconds(value)));
}

absl::Duration GetSeconds(const Message& message) {
  const auto* reflection = message.GetReflection();
  return absl::Seconds(reflection->GetInt64(message, &Part(message, "seconds"))) +
         absl::Nanoseconds(reflection->GetInt32(message, &Part(message, "nanos")));
}

bool IsWrapper(const Descriptor& type) {
  return absl::StartsWith(type.full_name(), "google.protobuf.") &&
         absl::EndsWith(type.name(), "Value") && type.field_count() == 1 &&
         type.field(0)->name() == "value";
}

std::string EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<int> EnumNumber(const EnumDescriptor& type, std::string_view text) {
  std::string name = absl::AsciiStrToUpper(absl::StrReplaceAll(text, {{"-", "_"}, {" ", "_"}}));
  const auto* value = type.FindValueByName(name);
  if (value == nullptr) value = type.FindValueByName(std::string(text));
  if (value == nullptr) return Wrong(text, absl::StrCat("one of ", EnumNames(type)));
  return value->number();
}

// One setter for singular and repeated fields.
template <typename T>
void Put(Message* message, const FieldDescriptor& field, T value,
         void (google::protobuf::Reflection::*set)(Message*, const FieldDescriptor*, T) const,
         void (google::protobuf::Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
  (message->GetReflection()->*(field.is_repeated() ? add : set))(message, &field, value);
}

template <typename T>
absl::Status PutNumber(Message* message, const FieldDescriptor& field, std::string_view text,
                       void (google::protobuf::Reflection::*set)(Message*, const FieldDescriptor*,
                                                                 T) const,
                       void (google::protobuf::Reflection::*add)(Message*, const FieldDescriptor*,
                                                                 T) const) {
  T value;
  if constexpr (std::is_same_v<T, double>) {
    if (!absl::SimpleAtod(text, &value)) return Wrong(text, "a number");
  } else if constexpr (std::is_same_v<T, float>) {
    if (!absl::SimpleAtof(text, &value)) return Wrong(text, "a number");
  } else if (!absl::SimpleAtoi(text, &value)) {
    return Wrong(text, absl::StrCat("a whole number from ", std::numeric_limits<T>::min(), " to ",
                                    std::numeric_limits<T>::max()));
  }
  Put<T>(message, field, value, set, add);
  return absl::OkStatus();
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor& type, std::string_view name) {
  const std::string spelled = ToSnake(name);
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    if (field->name() == name || field->json_name() == name || field->name() == spelled) {
      return field;
    }
  }
  return nullptr;
}

std::string NoSuchField(const Descriptor& type, std::string_view name) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return absl::StrCat(type.name(), " has no field \"", name, "\"", DidYouMean(name, names));
}

absl::StatusOr<FieldPath> ResolvePath(const Descriptor& type, std::string_view path) {
  FieldPath result;
  const Descriptor* at = &type;
  std::string_view rest = path;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view name = rest.substr(0, dot);
    const auto* field = FindField(*at, name);
    if (field == nullptr) return UsageError(NoSuchField(*at, name));
    result.fields.push_back(field);
    absl::StrAppend(&result.path, result.path.empty() ? "" : ".", field->name());
    if (dot == std::string_view::npos) return result;
    rest.remove_prefix(dot + 1);
    if (field->is_map()) {
      result.map_key = rest;
      return result;
    }
    if (field->message_type() == nullptr || field->is_repeated()) {
      return UsageError(absl::StrCat("\"", path, "\" is no field: ", result.path,
                                     field->is_repeated() ? " is a list" : " has no parts"));
    }
    at = field->message_type();
  }
}

bool IsScalarLike(const Descriptor& type) {
  const std::string& name = type.full_name();
  return name == kDate || name == kDecimal || name == kTimestamp || name == kDuration ||
         name == kFieldMask || IsWrapper(type);
}

bool IsScalar(const FieldDescriptor& field) {
  return !field.is_map() &&
         (field.message_type() == nullptr || IsScalarLike(*field.message_type()));
}

absl::Status ValueReader::SetMessage(Message* message, std::string_view text) const {
  const Descriptor& type = *message->GetDescriptor();
  const std::string& name = type.full_name();
  if (name == kDate) return SetDate(message, text);
  if (name == kDecimal) {
    double ignored;
    if (!absl::SimpleAtod(text, &ignored)) return Wrong(text, "a decimal number such as 12.50");
    message->GetReflection()->SetString(message, &Part(*message, "value"), std::string(text));
    return absl::OkStatus();
  }
  if (name == kTimestamp) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error) ||
        time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
      return Wrong(text, "a time such as 2024-08-02T09:30:00Z");
    }
    SetSeconds(message, time - absl::UnixEpoch());
    return absl::OkStatus();
  }
  if (name == kDuration) {
    absl::Duration value;
    if (!absl::ParseDuration(text, &value) || value == absl::InfiniteDuration() ||
        value == -absl::InfiniteDuration()) {
      return Wrong(text, "a duration such as 90s or 1h30m");
    }
    SetSeconds(message, value);
    return absl::OkStatus();
  }
  if (name == kFieldMask) {
    for (std::string_view path : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      message->GetReflection()->AddString(message, &Part(*message, "paths"),
                                          ToSnake(absl::StripAsciiWhitespace(path)));
    }
    return absl::OkStatus();
  }
  if (IsWrapper(type)) return Set(message, *type.field(0), text);
  return Wrong(text, absl::StrCat("given by its fields (it is a ", type.name(), ")"));
}

absl::Status ValueReader::Set(Message* message, const FieldDescriptor& field,
                              std::string_view text) const {
  using google::protobuf::Reflection;
  const auto* reflection = message->GetReflection();
  if (field.is_map()) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return Wrong(text, "an entry such as key=value");
    return SetEntry(message, field, text.substr(0, equals), text.substr(equals + 1));
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return PutNumber<int32_t>(message, field, text, &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return PutNumber<int64_t>(message, field, text, &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return PutNumber<uint32_t>(message, field, text, &Reflection::SetUInt32,
                                 &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return PutNumber<uint64_t>(message, field, text, &Reflection::SetUInt64,
                                 &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return PutNumber<double>(message, field, text, &Reflection::SetDouble,
                               &Reflection::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return PutNumber<float>(message, field, text, &Reflection::SetFloat, &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return Wrong(text, "true or false");
      Put<bool>(message, field, text == "true", &Reflection::SetBool, &Reflection::AddBool);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto number = EnumNumber(*field.enum_type(), text);
      if (!number.ok()) return number.status();
      Put<int>(message, field, *number, &Reflection::SetEnumValue, &Reflection::AddEnumValue);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(field.is_repeated() ? reflection->AddMessage(message, &field)
                                            : reflection->MutableMessage(message, &field),
                        text);
    case FieldDescriptor::CPPTYPE_STRING:
      break;
  }
  std::string value(text);
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    if (!absl::Base64Unescape(text, &value) && !absl::WebSafeBase64Unescape(text, &value)) {
      return Wrong(text, "base64");
    }
  } else if (const size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrFormat("must be UTF-8, and byte %d (0x%02X) is not",
                                                      bad + 1,
                                                      static_cast<unsigned char>(text[bad])));
  } else if (field.options().HasExtension(google::api::resource_reference) && !text.empty() &&
             text.find('/') == std::string_view::npos) {
    const auto* target =
        catalog_.OfType(field.options().GetExtension(google::api::resource_reference).type());
    // A lone `*` or `-` may mean something else to the method.
    if (target != nullptr && !target->IsNested() && absl::ascii_isalnum(text[0])) {
      value = absl::StrCat(target->id, "/", text);
    }
  }
  if (field.is_repeated()) {
    reflection->AddString(message, &field, std::move(value));
  } else {
    reflection->SetString(message, &field, std::move(value));
  }
  return absl::OkStatus();
}

absl::Status ValueReader::SetEntry(Message* message, const FieldDescriptor& field,
                                   std::string_view key, std::string_view value) const {
  const auto& entry_type = *field.message_type();
  auto entry = catalog_.New(entry_type);
  auto status = Set(entry.get(), *entry_type.map_key(), key);
  if (status.ok()) status = Set(entry.get(), *entry_type.map_value(), value);
  if (!status.ok()) return status;
  message->GetReflection()->AddMessage(message, &field)->CopyFrom(*entry);
  return absl::OkStatus();
}

absl::Status ValueReader::SetPath(Message* message, const FieldPath& path,
                                  std::string_view text) const {
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    message = message->GetReflection()->MutableMessage(message, path.fields[i]);
  }
  if (!path.map_key.empty()) return SetEntry(message, path.leaf(), path.map_key, text);
  return Set(message, path.leaf(), text);
}

std::string FormatScalarMessage(const Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  const std::string& name = type.full_name();
  if (name == kDate) {
    const int year = reflection->GetInt32(message, &Part(message, "year"));
    const int month = reflection->GetInt32(message, &Part(message, "month"));
    const int day = reflection->GetInt32(message, &Part(message, "day"));
    std::string text = absl::StrFormat("%04d", year);
    if (month > 0) absl::StrAppendFormat(&text, "-%02d", month);
    if (month > 0 && day > 0) absl::StrAppendFormat(&text, "-%02d", day);
    return text;
  }
  if (name == kTimestamp) {
    return absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E*SZ", absl::UnixEpoch() + GetSeconds(message),
                            absl::UTCTimeZone());
  }
  if (name == kDuration) return absl::FormatDuration(GetSeconds(message));
  if (name == kFieldMask) {
    std::vector<std::string> paths;
    const auto& field = Part(message, "paths");
    for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
      paths.push_back(reflection->GetRepeatedString(message, &field, i));
    }
    return absl::StrJoin(paths, ",");
  }
  return FormatValue(message, Part(message, "value"));
}

std::string FormatValue(const Message& message, const FieldDescriptor& field, int index) {
  const auto* r = message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(repeated ? r->GetRepeatedInt32(message, &field, index)
                                   : r->GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(repeated ? r->GetRepeatedInt64(message, &field, index)
                                   : r->GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(repeated ? r->GetRepeatedUInt32(message, &field, index)
                                   : r->GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(repeated ? r->GetRepeatedUInt64(message, &field, index)
                                   : r->GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrFormat("%.17g", repeated ? r->GetRepeatedDouble(message, &field, index)
                                               : r->GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrFormat("%.9g", repeated ? r->GetRepeatedFloat(message, &field, index)
                                              : r->GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? r->GetRepeatedBool(message, &field, index) : r->GetBool(message, &field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = repeated ? r->GetRepeatedEnumValue(message, &field, index)
                                  : r->GetEnumValue(message, &field);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      return value != nullptr ? value->name() : absl::StrCat(number);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FormatScalarMessage(repeated ? r->GetRepeatedMessage(message, &field, index)
                                          : r->GetMessage(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      break;
  }
  const std::string text =
      repeated ? r->GetRepeatedString(message, &field, index) : r->GetString(message, &field);
  return field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text;
}

bool IsSet(const Message& message, const FieldDescriptor& field) {
  return field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) > 0
                             : message.GetReflection()->HasField(message, &field);
}

std::string StringField(const Message& message, const std::string& name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return message.GetReflection()->GetString(message, field);
}

}  // namespace caravan::cli
