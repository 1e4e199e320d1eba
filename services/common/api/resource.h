// What the descriptor of a resource message declares, worked out once.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/name.h"

namespace caravan::api {

// A path through singular messages to a field; the last may be repeated.
class FieldPath {
 public:
  // `path` with dots, from `message`. INTERNAL where there is no such field: the
  // contract is wrong, not a request.
  static absl::StatusOr<FieldPath> Of(const google::protobuf::Descriptor& message,
                                      std::string_view path);

  const std::string& path() const { return path_; }
  const google::protobuf::FieldDescriptor& leaf() const { return *fields_.back(); }

  // The message that holds the leaf; null where one on the way is not set.
  const google::protobuf::Message* Holder(const google::protobuf::Message& message) const;

 private:
  std::string path_;
  std::vector<const google::protobuf::FieldDescriptor*> fields_;
};

// Value of an index column, as the store keeps it: an integer, also for booleans,
// enum numbers, days (yyyymmdd) and times (microseconds since 1970), or text.
using ColumnValue = std::variant<int64_t, std::string>;

// The value of a field that is not set, where that differs from its default: less
// than every other.
inline constexpr int64_t kUnsetColumn = std::numeric_limits<int64_t>::min();

// The column value of a scalar, enum, timestamp or date field.
ColumnValue ColumnValueOf(const google::protobuf::Message& message, const FieldPath& path);

// A field that refers to another resource.
struct Reference {
  std::string field;  // full path, with indexes: `clauses[2].pilot_zones[0]`
  std::string type;   // caravan.dev/PilotZone; `*` for any
  std::string target;
};

class ResourceType {
 public:
  ~ResourceType();

  // INTERNAL, naming the message and what is wrong, where its options do not
  // make sense.
  static absl::StatusOr<std::unique_ptr<const ResourceType>> Of(
      const google::protobuf::Descriptor& message);

  const google::protobuf::Descriptor& message() const { return *message_; }
  const std::string& type() const { return type_; }          // caravan.dev/PilotZone
  const std::string& plural() const { return plural_; }      // pilotZones
  const std::string& singular() const { return singular_; }  // pilotZone
  const std::string& table() const { return table_; }        // pilot_zones
  const NamePattern& pattern() const { return pattern_; }
  const v1::Collection& options() const { return options_; }
  const std::vector<FieldPath>& indexes() const { return indexes_; }
  const std::vector<FieldPath>& owners() const { return owners_; }

  // Position of a path in indexes(), or -1.
  int IndexOf(std::string_view path) const;

  // The field `state` and the value of new resources; null where it has none.
  const google::protobuf::FieldDescriptor* state() const { return state_; }
  const google::protobuf::EnumValueDescriptor* initial_state() const { return initial_state_; }

  bool has_validity() const { return valid_from_ != nullptr || valid_to_ != nullptr; }
  const FieldPath* valid_from() const { return valid_from_.get(); }
  const FieldPath* valid_to() const { return valid_to_.get(); }
  // Whether a resource is valid on a day (yyyymmdd).
  bool ValidOn(const google::protobuf::Message& resource, int64_t day) const;

  // Fields that every resource has.
  std::string NameOf(const google::protobuf::Message& resource) const;
  void SetName(google::protobuf::Message& resource, std::string name) const;
  std::string EtagOf(const google::protobuf::Message& resource) const;
  // `create_time` and `update_time`, in microseconds since 1970; nothing where
  // the message has no such field.
  void SetCreateTime(google::protobuf::Message& resource, int64_t micros) const;
  void SetUpdateTime(google::protobuf::Message& resource, int64_t micros) const;
  void CopySystemFields(const google::protobuf::Message& from, google::protobuf::Message& to) const;

  // Column values, in the order of indexes().
  std::vector<ColumnValue> ColumnValues(const google::protobuf::Message& resource) const;

  // Names of the owners that are set.
  std::vector<std::string> OwnersOf(const google::protobuf::Message& resource) const;

  // Every reference that is set, at any depth, and the parent.
  std::vector<Reference> ReferencesOf(const google::protobuf::Message& resource) const;

  // Clears OUTPUT_ONLY fields at any depth, but for top-level ones in `keep`.
  void ClearOutputOnly(google::protobuf::Message& resource,
                       const std::vector<std::string>& keep = {}) const;

  // Deterministic serialisation with a fresh etag, a digest of all else. Sets
  // the etag in the message as well.
  std::string Seal(google::protobuf::Message& resource) const;

  // Whether Seal would give `sealed`, whose etag is given: then it is the
  // resource's, too. Spares the digest.
  bool SealedAs(google::protobuf::Message& resource, std::string_view sealed,
                const std::string& etag) const;

 private:
  struct ReferenceFields;
  struct References;

  ResourceType();

  std::string SerializeWithoutEtag(google::protobuf::Message& resource) const;
  void AppendEtag(std::string& bytes, const std::string& etag) const;

  const google::protobuf::Descriptor* message_ = nullptr;
  std::string type_, plural_, singular_, table_;
  NamePattern pattern_;
  v1::Collection options_;
  const google::protobuf::FieldDescriptor* name_ = nullptr;
  const google::protobuf::FieldDescriptor* etag_ = nullptr;
  const google::protobuf::FieldDescriptor* create_time_ = nullptr;
  const google::protobuf::FieldDescriptor* update_time_ = nullptr;
  const google::protobuf::FieldDescriptor* state_ = nullptr;
  const google::protobuf::EnumValueDescriptor* initial_state_ = nullptr;
  std::vector<FieldPath> indexes_, owners_;
  std::unique_ptr<FieldPath> valid_from_, valid_to_;
  std::unique_ptr<FieldPath> parent_;
  const std::unique_ptr<References> references_;
};

// Whether a field has a behaviour (google.api.field_behavior).
bool HasBehavior(const google::protobuf::FieldDescriptor& field, int behavior);

// A sentence that says why a value cannot be the name of a resource of a type;
// nothing where it can. Types are known once ResourceType::Of has seen them; of
// others any well-formed name may be one.
std::optional<std::string> ReferenceProblem(std::string_view type, std::string_view value);

// `pilotZones` -> `pilot_zones`.
std::string SnakeCase(std::string_view camel);

}  // namespace caravan::api
