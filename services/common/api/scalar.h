// Single values of fields, as filters and orders compare them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace caravan::api {

enum class ScalarKind {
  kBool,
  kInteger,   // all integers that fit an int64
  kUnsigned,  // uint64, fixed64
  kDouble,    // double, float
  kString,
  kBytes,
  kEnum,
  kTimestamp,
  kDuration,
  kDate,
  kMessage,  // any other message: not a scalar
};

// Of one entry, where the field is repeated.
ScalarKind KindOf(const google::protobuf::FieldDescriptor& field);

// What the kind is called in a sentence: "a whole number".
std::string_view NameOf(ScalarKind kind);

// Whether a message type wraps one value (google.protobuf.StringValue, ...).
bool IsWrapper(const google::protobuf::Descriptor& message);

// Whether a message type is one value to its users: a well-known type or one of
// google.type, though it may have fields.
bool IsValueType(const google::protobuf::Descriptor& message);

// A value: bool as 0 or 1, enum as its number, date as yyyymmdd (without day or
// month: the first that it may mean). Two of one kind compare as variants do.
using Scalar =
    std::variant<int64_t, uint64_t, double, std::string_view, absl::Time, absl::Duration>;

// Reads a field, or its entry `index` where it is repeated. Text may point into
// `scratch`.
Scalar ReadScalar(const google::protobuf::Message& message,
                  const google::protobuf::FieldDescriptor& field, int index, std::string& scratch);

// Parses a literal; the message of an error says what would be right. Text goes
// into `storage`, to which the result points.
absl::StatusOr<Scalar> ParseScalar(std::string_view text,
                                   const google::protobuf::FieldDescriptor& field,
                                   std::string& storage);

// The value as a filter writes it, so that ParseScalar gives it back.
std::string FormatScalar(const Scalar& scalar, const google::protobuf::FieldDescriptor& field);

// `text` in double quotes, as a filter writes it.
std::string QuoteForFilter(std::string_view text);

// A sentence: there is no such field, which ones are near or exist.
std::string NoSuchField(const google::protobuf::Descriptor& message, std::string_view name);

}  // namespace caravan::api
