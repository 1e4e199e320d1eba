// Resource names (AIP-122): `fairs/canton-136/applications/a1`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "re2/re2.h"

namespace caravan::api {

// What an id must match where nothing else is declared.
inline constexpr std::string_view kDefaultIdPattern = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

// Most bytes of a resource name.
inline constexpr size_t kMaxNameLength = 1000;

// In place of an id, in a parent: any.
inline constexpr std::string_view kAnyId = "-";

// The shape of the names of one collection: segments that are literal or stand
// for an id. Cheap to copy.
//
// Errors of names are INVALID_ARGUMENT with reason INVALID_NAME, and name the
// offending segment and the pattern expected; `field` is the request's field
// that they blame.
class NamePattern {
 public:
  // Matches nothing.
  NamePattern() = default;

  // `fairs/{fair}/applications/{application}`. `id_pattern` (RE2, matches as a
  // whole; empty: the default) is that of the last variable; `ancestors` has
  // those of others, by variable. INTERNAL where a pattern makes no sense.
  static absl::StatusOr<NamePattern> Parse(
      std::string_view pattern, std::string_view id_pattern = "",
      const std::map<std::string, std::string>& ancestors = {});

  const std::string& pattern() const { return pattern_; }

  // Names of the variables: {"fair", "application"}.
  const std::vector<std::string>& variables() const { return variables_; }

  // The ids of a name: {"canton-136", "a1"}.
  absl::StatusOr<std::vector<std::string>> Match(std::string_view name,
                                                 std::string_view field = "name") const;

  // The same, where an id may also be `-`: any.
  absl::StatusOr<std::vector<std::string>> MatchWithWildcards(
      std::string_view name, std::string_view field = "parent") const;

  bool Matches(std::string_view name) const;

  // Whether `id` may be the last id of a name; `field` is what an error blames.
  absl::Status CheckId(std::string_view id, std::string_view field) const;

  // The name with these ids, one for each variable, which must be valid.
  absl::StatusOr<std::string> Build(const std::vector<std::string>& ids,
                                    std::string_view field = "name") const;

  // The name above a name that matches: `fairs/canton-136`. Empty at the top,
  // and for a name that does not match.
  std::string Parent(std::string_view name) const;

  // The pattern of those parents; one that matches nothing at the top.
  NamePattern ParentPattern() const;

 private:
  struct Segment {
    std::string literal;            // empty: an id
    std::shared_ptr<const RE2> id;  // of an id
  };

  absl::StatusOr<std::vector<std::string>> MatchSegments(std::string_view name,
                                                         std::string_view field,
                                                         bool wildcards) const;
  size_t ParentSize() const;

  std::string pattern_;
  std::vector<Segment> segments_;
  std::vector<std::string> variables_;
};

// Whether `name` is `prefix` or lies below it: `fairs/a/applications/b` lies
// below `fairs/a`, `fairs/ab` does not. Everything lies below the empty prefix.
bool IsSelfOrBelow(std::string_view name, std::string_view prefix);

}  // namespace caravan::api
