// Reads configuration files: YAML whose schema is a protobuf message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace caravan::settings {

// Fills `message`, which should be empty, from YAML text. Keys are field names
// as in the .proto file or in lowerCamelCase. Supported are messages, lists,
// strings, numbers, booleans, enums (by name, or in lower case without the
// prefix of their type) and google.protobuf.Duration. An unknown or repeated
// key and a value of the wrong type are INVALID_ARGUMENT and named as
// `<file>:<line>:<column>: ...`.
absl::Status ParseYaml(std::string_view text, std::string_view file,
                       google::protobuf::Message* message);

// Sets a field, or adds to it where it is repeated, from text: what ParseYaml()
// does with a scalar. The error says which values are right; it doesn't name
// the field.
absl::Status SetFromText(std::string_view text, const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message* message);

// A key of a flat mapping, whose value is a scalar or a list of scalars.
struct YamlEntry {
  std::string key;
  std::vector<std::string> values;
  bool is_list = false;
  std::string position;  // <file>:<line>:<column>
};

// Reads a flat mapping, in its order and without the keys that have no value.
absl::StatusOr<std::vector<YamlEntry>> ParseFlatYaml(std::string_view text, std::string_view file);

// `30s`, `1h30m`, `90d`; at most about 290,000 years, to the nanosecond.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

// The candidate nearest to `name`, as " Did you mean `x`?"; empty where none
// comes near.
std::string Suggest(std::string_view name, const std::vector<std::string>& candidates);

// The content of a file of at most 16 MiB; errors name the file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace caravan::settings
