// Filters of lists, feeds and conditions: the language of AIP-160, whole.
//
//   state = OPERATING AND (batch >= 3 OR office.city = "Hang*") -labels.legacy:*
//
// The right side is a literal, quoted or not; what it may be depends on the
// field:
//   string       any text; with `=`, `!=` and `:`, `*` stands for any text
//                (`\*` in quotes for itself). Case counts. `<` compares bytes.
//   bytes        base64, standard or URL-safe
//   number       in the field's range; whole for an integer field
//   bool, enum   `true`, `false`; the value's name. Only `=`, `!=`, `:`
//   Timestamp    RFC 3339, quoted: "2024-08-02T10:00:00+08:00"
//   Duration     seconds: 1.5s
//   Date         2024-08-02, 2024-08 or 2024; a date without day or month, here
//                and in the field, stands for the first day that it may mean
//   wrappers     as the value within
// A right side in parentheses spreads: `state = (OPERATING OR RECTIFYING)`.
// Names on the left are those of fields; a map's keys follow it like fields,
// quoted where they need it: `labels."a.b" = x`.
//
// `field:*` asks whether a field is set (a number, string or enum without
// `optional`: whether it differs from its default; a list: whether it has an
// entry). On a list `:` asks for an entry (`roles:SELLER`, and
// `clauses.id:"a"`: a clause with this id); on a map for a key, on a message
// for a field that is set; else it is `=`. Lists know no other operator.
//
// A literal alone searches: it holds where a string field of the message, at
// any depth but for `etag`, contains it, ASCII letters in either case.
//
// OR binds tighter than AND, and terms side by side are joined by AND.
//
// A term is TRUE, FALSE or UNKNOWN; AND, OR and NOT follow Kleene, and a
// message matches where the filter is TRUE. UNKNOWN is a term whose field is
// not set: a message, an `optional` field, a member of a oneof, a map's key, or
// anything in a message that is not set. So neither `a.b = 1` nor `a.b != 1`
// nor `NOT a.b = 1` matches where `a` is not set; `NOT a:*` does. Fields
// without `optional` have their default where they are not set. `:*` is never
// UNKNOWN.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace caravan::api {

// Most bytes of a filter, and how deep its parentheses may nest.
inline constexpr size_t kMaxFilterLength = 8192;
inline constexpr int kMaxFilterDepth = 32;

enum class Truth { kFalse, kUnknown, kTrue };

// A condition that every match meets, on a field that could be an indexed
// column. Values are as in store::Value: booleans 0 and 1, enums their number,
// dates yyyymmdd, timestamps microseconds since 1970, rounded down.
struct Pushdown {
  enum class Op { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn };
  std::string path;  // `office.province`
  Op op = Op::kEqual;
  std::vector<std::variant<int64_t, std::string>> values;  // one, or several for kIn

  bool operator==(const Pushdown&) const = default;
};

// A field that a filter looked at.
struct Seen {
  std::string path;  // `*` for a search
  // Its value, as a filter would write it, the first ten entries of a list with
  // commas between; nothing where there is none.
  std::optional<std::string> value;

  bool operator==(const Seen&) const = default;
};

struct Explanation {
  Truth truth = Truth::kTrue;
  // The fields that decided: for FALSE those that made it false, for UNKNOWN
  // those that are missing, for TRUE those that made it true.
  std::vector<Seen> seen;
};

namespace filter {
struct Node;
}  // namespace filter

// A filter, checked against a message type. Immutable, cheap to copy, safe to
// use from several threads.
class Filter {
 public:
  // Matches everything.
  Filter() = default;

  // INVALID_ARGUMENT with reason INVALID_FILTER, blaming `field` of the
  // request, saying at which character and what would be right. `message` must
  // outlive the filter. Blank text matches everything.
  static absl::StatusOr<Filter> Parse(std::string_view text,
                                      const google::protobuf::Descriptor* message,
                                      std::string_view field = "filter");

  // Whether there is nothing to match.
  bool empty() const { return root_ == nullptr; }

  // `message` is of the type for which the filter was parsed, generated or
  // dynamic.
  bool Matches(const google::protobuf::Message& message) const {
    return Evaluate(message) == Truth::kTrue;
  }
  Truth Evaluate(const google::protobuf::Message& message) const;

  // Evaluates, and says why.
  Explanation Explain(const google::protobuf::Message& message) const;

  // Conditions that together are met by a superset of the matches: the
  // comparisons joined by AND at the top, on fields that are reached through
  // singular messages only. A field that is not set has no value that any of
  // them asks for, or is none of the matches.
  std::vector<Pushdown> pushdown() const;

  // The canonical form; its Parse gives an equivalent filter (unless a spread
  // right side makes it longer than kMaxFilterLength).
  std::string ToString() const;

 private:
  std::shared_ptr<const filter::Node> root_;
};

}  // namespace caravan::api
