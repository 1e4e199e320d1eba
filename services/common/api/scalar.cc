#include "services/common/api/scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/common/api/text.h"

namespace caravan::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// google.protobuf.Duration has this range.
constexpr int64_t kMostSeconds = 315'576'000'000;

absl::Status Wrong(std::string_view text, std::string_view right) {
  return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is not ", right));
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Both fields of Timestamp and Duration.
std::pair<int64_t, int32_t> ReadSeconds(const Message& message) {
  const Descriptor* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  return {reflection->GetInt64(message, type->FindFieldByNumber(1)),
          reflection->GetInt32(message, type->FindFieldByNumber(2))};
}

int64_t ReadDate(const Message& date) {
  const Descriptor* type = date.GetDescriptor();
  const auto part = [&](int number) -> int64_t {
    return date.GetReflection()->GetInt32(date, type->FindFieldByNumber(number));
  };
  return part(1) * 10000 + std::max<int64_t>(part(2), 1) * 100 + std::max<int64_t>(part(3), 1);
}

Scalar ReadMessageScalar(const Message& value, ScalarKind kind) {
  if (kind == ScalarKind::kDate) return ReadDate(value);
  const auto [seconds, nanos] = ReadSeconds(value);
  const absl::Duration duration = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  if (kind == ScalarKind::kDuration) return duration;
  return absl::UnixEpoch() + duration;
}

absl::StatusOr<Scalar> ParseInteger(std::string_view text, const FieldDescriptor& field) {
  if (!IsDigits(text.substr(text.substr(0, 1) == "-" ? 1 : 0))) {
    return Wrong(text, "a whole number");
  }
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t value = 0;
      if (absl::SimpleAtoi(text, &value)) return value;
      return Wrong(text, absl::StrCat("between 0 and ", std::numeric_limits<uint64_t>::max()));
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      least = 0;
      most = std::numeric_limits<uint32_t>::max();
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      least = std::numeric_limits<int32_t>::min();
      most = std::numeric_limits<int32_t>::max();
      break;
    default:
      break;
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < least || value > most) {
    return Wrong(text, absl::StrCat("between ", least, " and ", most));
  }
  return value;
}

absl::StatusOr<Scalar> ParseDouble(std::string_view text, const FieldDescriptor& field) {
  double value = 0;
  if (text.find_first_not_of("0123456789+-.eE") != text.npos || !absl::SimpleAtod(text, &value)) {
    return Wrong(text, "a number");
  }
  const bool is_float = field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT;
  const double most =
      is_float ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  if (std::abs(value) > most) return Wrong(text, "in the range of the field");
  // 0.1 must find what was stored as a float 0.1.
  return is_float ? static_cast<double>(static_cast<float>(value)) : value;
}

absl::StatusOr<Scalar> ParseEnum(std::string_view text, const FieldDescriptor& field) {
  const auto* type = field.enum_type();
  if (const auto* value = type->FindValueByName(std::string(text))) {
    return static_cast<int64_t>(value->number());
  }
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return Wrong(text,
               absl::StrCat("a value of ", type->name(), "; it has ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<Scalar> ParseTimestamp(std::string_view text) {
  absl::Time time;
  std::string error;
  // A digit first: Abseil also takes "infinite-future" and blanks.
  if (text.size() < 20 || !absl::ascii_isdigit(text[0]) || text[4] != '-' ||
      absl::ascii_isspace(text.back()) ||
      !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return Wrong(text, "a time such as \"2024-08-02T10:00:00Z\"");
  }
  return time;
}

absl::StatusOr<Scalar> ParseDuration(std::string_view text) {
  if (text.empty() || text.back() != 's') return Wrong(text, "a duration such as 1.5s");
  std::string_view rest = text.substr(0, text.size() - 1);
  const bool negative = !rest.empty() && rest[0] == '-';
  if (negative) rest.remove_prefix(1);
  const size_t dot = rest.find('.');
  const std::string_view whole = rest.substr(0, dot);
  std::string fraction(dot == rest.npos ? "0" : rest.substr(dot + 1));
  int64_t seconds = 0;
  if (!IsDigits(whole) || !IsDigits(fraction) || fraction.size() > 9 ||
      !absl::SimpleAtoi(whole, &seconds)) {
    return Wrong(text, "a duration such as 1.5s");
  }
  if (seconds > kMostSeconds) return Wrong(text, absl::StrCat("at most ", kMostSeconds, "s"));
  fraction.resize(9, '0');
  int64_t nanos = 0;
  if (!absl::SimpleAtoi(fraction, &nanos)) return Wrong(text, "a duration such as 1.5s");
  const absl::Duration duration = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  return negative ? -duration : duration;
}

absl::StatusOr<Scalar> ParseDate(std::string_view text) {
  const auto wrong = [&] { return Wrong(text, "a day such as 2024-08-02, 2024-08 or 2024"); };
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return wrong();
  int parts[3] = {0, 1, 1};
  for (size_t i = 0, at = 0; at < text.size(); ++i) {
    const size_t digits = i == 0 ? 4 : 2;
    if (!IsDigits(text.substr(at, digits)) ||
        !absl::SimpleAtoi(text.substr(at, digits), &parts[i])) {
      return wrong();
    }
    at += digits;
    if (at < text.size() && text[at++] != '-') return wrong();
  }
  const absl::CivilDay day(parts[0], parts[1], parts[2]);
  if (parts[0] == 0 || day.month() != parts[1] || day.day() != parts[2]) return wrong();
  return int64_t{parts[0]} * 10000 + int64_t{parts[1]} * 100 + parts[2];
}

absl::StatusOr<Scalar> ParseBytes(std::string_view text, std::string& storage) {
  absl::string_view input(text.data(), text.size());
  if (!absl::Base64Unescape(input, &storage) && !absl::WebSafeBase64Unescape(input, &storage)) {
    return Wrong(text, "base64");
  }
  return std::string_view(storage);
}

std::string FormatDouble(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end);
}

std::string FormatSeconds(absl::Duration duration) {
  const bool negative = duration < absl::ZeroDuration();
  if (negative) duration = -duration;
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &rest);
  std::string text = absl::StrCat(negative ? "-" : "", seconds);
  if (const int64_t nanos = absl::ToInt64Nanoseconds(rest); nanos > 0) {
    std::string fraction = absl::StrFormat(".%09d", nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "s";
}

}  // namespace

ScalarKind KindOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return ScalarKind::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
      return ScalarKind::kInteger;
    case FieldDescriptor::CPPTYPE_UINT64:
      return ScalarKind::kUnsigned;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ScalarKind::kDouble;
    case FieldDescriptor::CPPTYPE_ENUM:
      return ScalarKind::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? ScalarKind::kBytes : ScalarKind::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const std::string& type = field.message_type()->full_name();
  if (type == "google.protobuf.Timestamp") return ScalarKind::kTimestamp;
  if (type == "google.protobuf.Duration") return ScalarKind::kDuration;
  if (type == "google.type.Date") return ScalarKind::kDate;
  return ScalarKind::kMessage;
}

std::string_view NameOf(ScalarKind kind) {
  switch (kind) {
    case ScalarKind::kBool:
      return "a boolean";
    case ScalarKind::kInteger:
    case ScalarKind::kUnsigned:
      return "a whole number";
    case ScalarKind::kDouble:
      return "a number";
    case ScalarKind::kString:
      return "a string";
    case ScalarKind::kBytes:
      return "bytes";
    case ScalarKind::kEnum:
      return "an enum";
    case ScalarKind::kTimestamp:
      return "a time";
    case ScalarKind::kDuration:
      return "a duration";
    case ScalarKind::kDate:
      return "a date";
    case ScalarKind::kMessage:
      break;
  }
  return "a message";
}

bool IsWrapper(const Descriptor& message) {
  switch (message.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return true;
    default:
      return false;
  }
}

bool IsValueType(const Descriptor& message) {
  const std::string& package = message.file()->package();
  return package == "google.protobuf" || package == "google.type";
}

Scalar ReadScalar(const Message& message, const FieldDescriptor& field, int index,
                  std::string& scratch) {
  const auto* reflection = message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return int64_t{repeated ? reflection->GetRepeatedBool(message, &field, index)
                              : reflection->GetBool(message, &field)};
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{repeated ? reflection->GetRepeatedInt32(message, &field, index)
                              : reflection->GetInt32(message, &field)};
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? reflection->GetRepeatedInt64(message, &field, index)
                      : reflection->GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return int64_t{repeated ? reflection->GetRepeatedUInt32(message, &field, index)
                              : reflection->GetUInt32(message, &field)};
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? reflection->GetRepeatedUInt64(message, &field, index)
                      : reflection->GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{repeated ? reflection->GetRepeatedFloat(message, &field, index)
                             : reflection->GetFloat(message, &field)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? reflection->GetRepeatedDouble(message, &field, index)
                      : reflection->GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return int64_t{repeated ? reflection->GetRepeatedEnumValue(message, &field, index)
                              : reflection->GetEnumValue(message, &field)};
    case FieldDescriptor::CPPTYPE_STRING:
      return std::string_view(
          repeated ? reflection->GetRepeatedStringReference(message, &field, index, &scratch)
                   : reflection->GetStringReference(message, &field, &scratch));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return ReadMessageScalar(repeated ? reflection->GetRepeatedMessage(message, &field, index)
                                    : reflection->GetMessage(message, &field),
                           KindOf(field));
}

absl::StatusOr<Scalar> ParseScalar(std::string_view text, const FieldDescriptor& field,
                                   std::string& storage) {
  switch (KindOf(field)) {
    case ScalarKind::kBool:
      if (text == "true") return int64_t{1};
      if (text == "false") return int64_t{0};
      return Wrong(text, "true or false");
    case ScalarKind::kInteger:
    case ScalarKind::kUnsigned:
      return ParseInteger(text, field);
    case ScalarKind::kDouble:
      return ParseDouble(text, field);
    case ScalarKind::kString:
      storage = text;
      return std::string_view(storage);
    case ScalarKind::kBytes:
      return ParseBytes(text, storage);
    case ScalarKind::kEnum:
      return ParseEnum(text, field);
    case ScalarKind::kTimestamp:
      return ParseTimestamp(text);
    case ScalarKind::kDuration:
      return ParseDuration(text);
    case ScalarKind::kDate:
      return ParseDate(text);
    case ScalarKind::kMessage:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat(field.name(), " is a message, not a value"));
}

std::string FormatScalar(const Scalar& scalar, const FieldDescriptor& field) {
  switch (KindOf(field)) {
    case ScalarKind::kBool:
      return std::get<int64_t>(scalar) != 0 ? "true" : "false";
    case ScalarKind::kInteger:
      return absl::StrCat(std::get<int64_t>(scalar));
    case ScalarKind::kUnsigned:
      return absl::StrCat(std::get<uint64_t>(scalar));
    case ScalarKind::kDouble:
      return FormatDouble(std::get<double>(scalar));
    case ScalarKind::kString:
      return QuoteForFilter(std::get<std::string_view>(scalar));
    case ScalarKind::kBytes:
      return absl::StrCat("\"", absl::Base64Escape(std::get<std::string_view>(scalar)), "\"");
    case ScalarKind::kEnum: {
      const int64_t number = std::get<int64_t>(scalar);
      const auto* value = field.enum_type()->FindValueByNumber(static_cast<int>(number));
      return value != nullptr ? value->name() : absl::StrCat(number);
    }
    case ScalarKind::kTimestamp:
      return absl::StrCat("\"",
                          absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E*SZ", std::get<absl::Time>(scalar),
                                           absl::UTCTimeZone()),
                          "\"");
    case ScalarKind::kDuration:
      return FormatSeconds(std::get<absl::Duration>(scalar));
    case ScalarKind::kDate: {
      const int64_t day = std::get<int64_t>(scalar);
      return absl::StrFormat("%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
    }
    case ScalarKind::kMessage:
      break;
  }
  return "";
}

std::string QuoteForFilter(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '*') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

std::string NoSuchField(const Descriptor& message, std::string_view name) {
  std::vector<std::string> fields;
  for (int i = 0; i < message.field_count(); ++i) fields.push_back(message.field(i)->name());
  const std::vector<std::string> near = NearNames(name, fields);
  std::string sentence = absl::StrCat(message.name(), " has no field ", Quoted(name));
  if (!near.empty()) {
    absl::StrAppend(&sentence, "; near it is ", absl::StrJoin(near, ", "));
  } else if (fields.empty()) {
    absl::StrAppend(&sentence, "; it has none");
  } else {
    constexpr size_t kMostNames = 25;
    const bool cut = fields.size() > kMostNames;
    if (cut) fields.resize(kMostNames);
    absl::StrAppend(&sentence, "; it has ", absl::StrJoin(fields, ", "), cut ? ", ..." : "");
  }
  return sentence;
}

}  // namespace caravan::api
