// The syntax of AIP-160 filters: text to tree, without regard to any message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::api::filter {

// The text that is parsed, and the request's field that errors blame.
struct Source {
  std::string_view text;
  std::string_view field;

  // INVALID_FILTER at a byte of the text.
  absl::Status Error(size_t offset, std::string_view what) const;
};

enum class Comparator { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kHas };

std::string_view SymbolOf(Comparator comparator);

// A run of text or a quoted string, or several joined by dots.
struct Word {
  // The text, split at its wildcards: one piece where it has none.
  std::vector<std::string> pieces;
  bool quoted = false;
  size_t begin = 0;  // bytes of the source
  size_t end = 0;

  bool wildcard() const { return pieces.size() > 1; }
  // The text, with `*` for wildcards.
  std::string Text() const;
  // Whether it is just `*`, not in quotes.
  bool IsStar() const;
};

struct Expression {
  enum class Kind { kAnd, kOr, kNot, kTerm };
  Kind kind = Kind::kTerm;
  std::vector<std::unique_ptr<Expression>> children;  // of kAnd, kOr, kNot

  // A term: `member`, or `member comparator word`, or
  // `member comparator (spread)`.
  std::vector<Word> member;
  std::optional<Comparator> comparator;
  Word word;
  std::unique_ptr<Expression> spread;
};

// The words of a member as one.
Word Join(const std::vector<Word>& words);

// Parses; null where the text is blank.
absl::StatusOr<std::unique_ptr<Expression>> ParseSyntax(const Source& source);

}  // namespace caravan::api::filter
