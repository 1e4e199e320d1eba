#include "services/common/api/validation.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/type/date.pb.h"
#include "re2/re2.h"
#include "services/common/api/date.h"
#include "services/common/api/resource.h"
#include "services/common/api/text.h"
#include "services/common/codes/codes.h"

namespace caravan::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

constexpr int kDefaultStringLength = 1024;
constexpr int kDefaultBytesLength = 64 * 1024;
constexpr int kDefaultItems = 1000;
std::string Number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15
             ? absl::StrCat(static_cast<int64_t>(value))
             : absl::StrCat(value);
}

}  // namespace

struct Validator::FieldRule {
  const FieldDescriptor* field = nullptr;
  v1::Limits limits;
  bool required = false;
  bool output_only = false;
  std::unique_ptr<RE2> pattern;
  const Validator* nested = nullptr;  // of a message field with rules of its own
  bool reference = false;
  bool date = false;
  bool timestamp = false;
};

struct Validator::Rules {
  std::vector<FieldRule> fields;
};

Validator::~Validator() = default;

// The rules of the messages that were asked for, and of all below them.
class Validator::Cache {
 public:
  const Validator& Get(const Descriptor& message) {
    absl::MutexLock lock(&mutex_);
    return Find(message);
  }

 private:
  const Validator& Find(const Descriptor& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (const auto found = validators_.find(&message); found != validators_.end()) {
      return *found->second;
    }
    auto* validator = new Validator(message);
    // Kept before the nested ones are looked for, so that a recursive message
    // ends; nobody else sees it before they are there.
    validators_.emplace(&message, validator);
    for (FieldRule& rule : validator->rules_->fields) {
      const Descriptor* type = rule.field->message_type();
      if (type == nullptr || rule.date || rule.timestamp || rule.field->is_map()) continue;
      rule.nested = &Find(*type);
    }
    return *validator;
  }

  absl::Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<Validator>> validators_
      ABSL_GUARDED_BY(mutex_);
};

const Validator& Validator::For(const Descriptor& message) {
  static Cache& cache = *new Cache;
  return cache.Get(message);
}

Validator::Validator(const Descriptor& message) : rules_(std::make_unique<Rules>()) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    FieldRule rule;
    rule.field = &field;
    rule.limits = field.options().GetExtension(v1::limits);
    rule.required = HasBehavior(field, google::api::REQUIRED);
    rule.output_only = HasBehavior(field, google::api::OUTPUT_ONLY);
    rule.reference = field.options().HasExtension(google::api::resource_reference);
    if (field.message_type() != nullptr) {
      rule.date = field.message_type()->full_name() == "google.type.Date";
      rule.timestamp = field.message_type()->full_name() == "google.protobuf.Timestamp";
    }
    if (!rule.limits.pattern().empty()) {
      rule.pattern = std::make_unique<RE2>(rule.limits.pattern(), RE2::Quiet);
    }
    const bool known_format = rule.limits.format().empty() || rule.limits.format() == "filter" ||
                              codes::IsKnownFormat(rule.limits.format());
    if ((rule.pattern != nullptr && !rule.pattern->ok()) || !known_format) {
      std::fprintf(stderr, "contract of %s: its limits make no sense\n", field.full_name().c_str());
      std::abort();
    }
    rules_->fields.push_back(std::move(rule));
  }
}

void Validator::Check(const Message& message, const std::string& prefix, const Options& options,
                      Violations& violations) const {
  for (const FieldRule& rule : rules_->fields) {
    CheckField(rule, message, prefix, options, violations);
  }
}

void Validator::CheckField(const FieldRule& rule, const Message& message, const std::string& prefix,
                           const Options& options, Violations& violations) const {
  const FieldDescriptor& field = *rule.field;
  const Reflection* reflection = message.GetReflection();
  const v1::Limits& limits = rule.limits;
  const auto path = [&] { return absl::StrCat(prefix, field.name()); };

  if (rule.output_only && !options.output_only) return;
  if (!field.is_repeated()) {
    if (!reflection->HasField(message, &field)) {
      if (rule.required && options.required) {
        violations.Add(path(), "is required");
      } else if (limits.has_min() && limits.min() > 0 && !field.has_presence() &&
                 field.cpp_type() != FieldDescriptor::CPPTYPE_STRING && options.required) {
        violations.Add(path(), absl::StrCat("is 0; must be at least ", Number(limits.min())));
      }
      return;
    }
  } else {
    const int count = reflection->FieldSize(message, &field);
    const int most = limits.max_items() > 0 ? limits.max_items() : kDefaultItems;
    if (count == 0 && rule.required && options.required) {
      violations.Add(path(), "is required: at least one entry");
      return;
    }
    if (count < limits.min_items()) {
      violations.Add(path(), absl::StrCat("has ", count, " entries; at least ", limits.min_items(),
                                          " are needed"));
    }
    if (count > most) {
      violations.Add(path(), absl::StrCat("has ", count, " entries; at most ", most, " may be"));
      return;
    }
  }

  const auto number = [&](double value, const auto& at) {
    if (limits.has_min() && value < limits.min()) {
      violations.Add(
          at(), absl::StrCat("is ", Number(value), "; must be at least ", Number(limits.min())));
    }
    if (limits.has_max() && value > limits.max()) {
      violations.Add(
          at(), absl::StrCat("is ", Number(value), "; must be at most ", Number(limits.max())));
    }
  };
  const auto text = [&](const std::string& value, const auto& at) {
    const bool bytes = field.type() == FieldDescriptor::TYPE_BYTES;
    const int64_t length =
        bytes ? static_cast<int64_t>(value.size()) : static_cast<int64_t>(CountCharacters(value));
    const int64_t most = limits.max_length() > 0 ? limits.max_length()
                         : bytes                 ? kDefaultBytesLength
                                                 : kDefaultStringLength;
    const char* unit = bytes ? " bytes" : " characters";
    if (length > most) {
      violations.Add(at(), absl::StrCat("has ", length, unit, "; at most ", most, " may be"));
      return;
    }
    if (length < limits.min_length()) {
      violations.Add(at(), absl::StrCat("has ", length, unit, "; at least ", limits.min_length(),
                                        " are needed"));
    }
    if (value.empty()) return;
    if (rule.pattern != nullptr && !RE2::FullMatch(value, *rule.pattern)) {
      violations.Add(at(), absl::StrCat("is ", Quoted(value), "; must match ", limits.pattern()));
    }
    if (!limits.format().empty() && limits.format() != "filter") {
      if (auto problem = codes::FormatProblem(limits.format(), value)) {
        violations.Add(at(), *std::move(problem));
      }
    }
    if (rule.reference) {
      const std::string& type =
          field.options().GetExtension(google::api::resource_reference).type();
      if (auto problem = ReferenceProblem(type, value)) violations.Add(at(), *std::move(problem));
    }
  };
  const auto enumeration = [&](int value, const auto& at) {
    if (field.enum_type()->FindValueByNumber(value) == nullptr) {
      std::string names;
      for (int i = 0; i < field.enum_type()->value_count(); ++i) {
        if (field.enum_type()->value(i)->number() == 0) continue;
        absl::StrAppend(&names, names.empty() ? "" : ", ", field.enum_type()->value(i)->name());
      }
      violations.Add(at(),
                     absl::StrCat("is ", value, ", which is no value; must be one of ", names));
    }
  };
  const auto submessage = [&](const Message& value, const auto& at) {
    if (rule.date) {
      google::type::Date date;
      date.ParseFromString(value.SerializeAsString());
      if (auto problem = DateProblem(date)) violations.Add(at(), *std::move(problem));
    } else if (rule.timestamp) {
      const auto* reflection_of = value.GetReflection();
      const auto* type = value.GetDescriptor();
      const int64_t seconds = reflection_of->GetInt64(value, type->FindFieldByName("seconds"));
      const int32_t nanos = reflection_of->GetInt32(value, type->FindFieldByName("nanos"));
      if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999) {
        violations.Add(at(), "is no time; must be between the years 0001 and 9999");
      }
    } else if (rule.nested != nullptr) {
      rule.nested->Check(value, at() + ".", options, violations);
    }
  };

  if (field.is_map()) {
    for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
      const Message& entry = reflection->GetRepeatedMessage(message, &field, i);
      const auto* type = entry.GetDescriptor();
      for (const char* part : {"key", "value"}) {
        const auto* half = type->FindFieldByName(part);
        if (half->type() != FieldDescriptor::TYPE_STRING) continue;
        const std::string value = entry.GetReflection()->GetString(entry, half);
        if (static_cast<int64_t>(CountCharacters(value)) > kDefaultStringLength) {
          violations.Add(
              path(),
              absl::StrCat("has a ", part, " of ", static_cast<int64_t>(CountCharacters(value)),
                           " characters; at most ", kDefaultStringLength, " may be"));
        }
      }
    }
    return;
  }

  const int count = field.is_repeated() ? reflection->FieldSize(message, &field) : 1;
  absl::flat_hash_set<std::string> seen;
  for (int i = 0; i < count; ++i) {
    const bool repeated = field.is_repeated();
    const auto at = [&] { return repeated ? absl::StrCat(path(), "[", i, "]") : path(); };
    std::string key;  // where items are to be unique
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& value =
            repeated ? reflection->GetRepeatedStringReference(message, &field, i, &scratch)
                     : reflection->GetStringReference(message, &field, &scratch);
        text(value, at);
        if (limits.unique_items()) key = value;
        break;
      }
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT: {
        double value = 0;
        switch (field.cpp_type()) {
          case FieldDescriptor::CPPTYPE_INT32:
            value = repeated ? reflection->GetRepeatedInt32(message, &field, i)
                             : reflection->GetInt32(message, &field);
            break;
          case FieldDescriptor::CPPTYPE_INT64:
            value = static_cast<double>(repeated ? reflection->GetRepeatedInt64(message, &field, i)
                                                 : reflection->GetInt64(message, &field));
            break;
          case FieldDescriptor::CPPTYPE_UINT32:
            value = repeated ? reflection->GetRepeatedUInt32(message, &field, i)
                             : reflection->GetUInt32(message, &field);
            break;
          case FieldDescriptor::CPPTYPE_UINT64:
            value = static_cast<double>(repeated ? reflection->GetRepeatedUInt64(message, &field, i)
                                                 : reflection->GetUInt64(message, &field));
            break;
          case FieldDescriptor::CPPTYPE_DOUBLE:
            value = repeated ? reflection->GetRepeatedDouble(message, &field, i)
                             : reflection->GetDouble(message, &field);
            break;
          default:
            value = repeated ? reflection->GetRepeatedFloat(message, &field, i)
                             : reflection->GetFloat(message, &field);
        }
        if (!std::isfinite(value)) {
          violations.Add(at(), "is not a finite number");
        } else {
          number(value, at);
        }
        if (limits.unique_items()) key = absl::StrCat(value);
        break;
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value = repeated ? reflection->GetRepeatedEnumValue(message, &field, i)
                                   : reflection->GetEnumValue(message, &field);
        enumeration(value, at);
        if (limits.unique_items()) key = absl::StrCat(value);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        const Message& value = repeated ? reflection->GetRepeatedMessage(message, &field, i)
                                        : reflection->GetMessage(message, &field);
        submessage(value, at);
        if (limits.unique_items()) key = value.SerializeAsString();
        break;
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        break;
    }
    if (limits.unique_items() && !seen.insert(key).second) {
      violations.Add(at(), "is there twice; each entry may be there once");
    }
  }
}

}  // namespace caravan::api
