// Single values as people write them, to and from the fields of messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

// A field somewhere in a message: `office.email`, `labels.sector`.
struct FieldPath {
  std::vector<const google::protobuf::FieldDescriptor*> fields;  // at least one
  std::string map_key;  // where the last field is a map: the key, if the path has one
  std::string path;     // as declared, for masks and messages

  const google::protobuf::FieldDescriptor& leaf() const { return *fields.back(); }
};

// The field of a message with this name, spelled as declared, as in JSON, or
// with hyphens; null where there is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                                   std::string_view name);

// Why there is none: "PilotZone has no field "bach"; did you mean batch?".
std::string NoSuchField(const google::protobuf::Descriptor& type, std::string_view name);

// Resolves a dotted path. INVALID_ARGUMENT (wrong use) where it names no
// field, or leads through a repeated field.
absl::StatusOr<FieldPath> ResolvePath(const google::protobuf::Descriptor& type,
                                      std::string_view path);

// Whether a message type is written as one value: dates, times, durations,
// decimals, field masks and wrappers.
bool IsScalarLike(const google::protobuf::Descriptor& type);

// Whether values of this field are written as one word.
bool IsScalar(const google::protobuf::FieldDescriptor& field);

// Sets a scalar field, or adds to a repeated one, from its text:
// - google.type.Date: `2018-10-01`, `2025-04`, `2025`
// - google.protobuf.Timestamp: RFC 3339; Duration: `90s`, `1h30m`
// - enums: their names in any case; booleans: true, false; bytes: base64
// - references to a top-level collection: the full name or the id alone
// - a map entry: `key=value`
// INVALID_ARGUMENT says what is wrong with the value and what would be right.
class ValueReader {
 public:
  explicit ValueReader(const Catalog& catalog) : catalog_(catalog) {}

  absl::Status Set(google::protobuf::Message* message,
                   const google::protobuf::FieldDescriptor& field, std::string_view text) const;

  // Sets the field at a path, making the messages on the way.
  absl::Status SetPath(google::protobuf::Message* message, const FieldPath& path,
                       std::string_view text) const;

  // Sets one entry of a map from the texts of its key and value.
  absl::Status SetEntry(google::protobuf::Message* message,
                        const google::protobuf::FieldDescriptor& field, std::string_view key,
                        std::string_view value) const;

 private:
  absl::Status SetMessage(google::protobuf::Message* message, std::string_view text) const;

  const Catalog& catalog_;
};

// A scalar field's value (or its entry `index`, if it is repeated), as
// ValueReader reads it.
std::string FormatValue(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field, int index = -1);

// A scalar-like message as its value: `2015-03-07`.
std::string FormatScalarMessage(const google::protobuf::Message& message);

// Whether a field is set: has presence and is there, or is not empty or zero.
bool IsSet(const google::protobuf::Message& message,
           const google::protobuf::FieldDescriptor& field);

// A string field by its name; empty where there is none.
std::string StringField(const google::protobuf::Message& message, const std::string& name);

}  // namespace caravan::cli
