#include "services/common/api/name.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"

namespace caravan::api {
namespace {

absl::Status Invalid(std::string_view field, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_NAME", absl::StrCat(field, ": ", what))
      .Field(field, std::string(what));
}

// kDefaultIdPattern by hand: every call has a name, and most names have ids of
// this form.
bool FitsDefault(std::string_view id) {
  constexpr size_t kLongest = 63;
  if (id.empty() || id.size() > kLongest || id.front() == '-' || id.back() == '-') return false;
  for (char c : id) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') return false;
  }
  return true;
}

bool Fits(std::string_view id, const RE2& pattern) {
  return pattern.pattern() == kDefaultIdPattern
             ? FitsDefault(id)
             : RE2::FullMatch(re2::StringPiece(id.data(), id.size()), pattern);
}

}  // namespace

absl::StatusOr<NamePattern> NamePattern::Parse(
    std::string_view pattern, std::string_view id_pattern,
    const std::map<std::string, std::string>& ancestors) {
  const auto wrong = [&](std::string_view what) {
    return absl::InternalError(absl::StrCat("name pattern ", Quoted(pattern), ": ", what));
  };
  NamePattern result;
  result.pattern_ = std::string(pattern);
  std::vector<std::string> ids;  // the RE2 of each variable
  for (std::string_view part : absl::StrSplit(pattern, '/')) {
    if (part.empty()) return wrong("has an empty segment");
    if (part[0] != '{') {
      result.segments_.push_back({.literal = std::string(part), .id = nullptr});
      continue;
    }
    if (part.size() < 3 || part.back() != '}') return wrong("has a broken variable");
    part = part.substr(1, part.size() - 2);
    const auto ancestor = ancestors.find(std::string(part));
    ids.emplace_back(ancestor == ancestors.end() ? kDefaultIdPattern : ancestor->second);
    result.variables_.emplace_back(part);
    result.segments_.emplace_back();
  }
  if (ids.empty()) return wrong("has no variable");
  if (!id_pattern.empty()) ids.back() = std::string(id_pattern);
  auto id = ids.begin();
  for (Segment& segment : result.segments_) {
    if (!segment.literal.empty()) continue;
    auto re = std::make_shared<RE2>(*id, RE2::Quiet);
    if (!re->ok()) return wrong(absl::StrCat("id pattern ", *id, ": ", re->error()));
    // Names are taken apart at slashes, and `-` stands for any id.
    if (Fits("-", *re) || Fits("", *re) || Fits("a/b", *re)) {
      return wrong(absl::StrCat("id pattern ", *id, " must not match '', '-' or a slash"));
    }
    segment.id = std::move(re);
    ++id;
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> NamePattern::MatchSegments(std::string_view name,
                                                                    std::string_view field,
                                                                    bool wildcards) const {
  if (name.empty()) return Invalid(field, absl::StrCat("it is empty; expected ", pattern_));
  if (name.size() > kMaxNameLength) {
    return Invalid(field, absl::StrCat("it has ", name.size(), " bytes, more than ", kMaxNameLength,
                                       "; expected ", pattern_));
  }
  const std::vector<std::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != segments_.size()) {
    return Invalid(field, absl::StrCat(Quoted(name), " has ", parts.size(),
                                       parts.size() == 1 ? " segment" : " segments", ", not ",
                                       segments_.size(), "; expected ", pattern_));
  }
  std::vector<std::string> ids;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Segment& segment = segments_[i];
    if (segment.id == nullptr) {
      if (parts[i] == segment.literal) continue;
      return Invalid(field, absl::StrCat("the segment ", Quoted(parts[i]), " of ", Quoted(name),
                                         " must be '", segment.literal, "'; expected ", pattern_));
    }
    if (!(wildcards && parts[i] == kAnyId) && !Fits(parts[i], *segment.id)) {
      return Invalid(field,
                     absl::StrCat("the segment ", Quoted(parts[i]), " of ", Quoted(name),
                                  " must match ", segment.id->pattern(), "; expected ", pattern_));
    }
    ids.emplace_back(parts[i]);
  }
  return ids;
}

absl::StatusOr<std::vector<std::string>> NamePattern::Match(std::string_view name,
                                                            std::string_view field) const {
  return MatchSegments(name, field, /*wildcards=*/false);
}

absl::StatusOr<std::vector<std::string>> NamePattern::MatchWithWildcards(
    std::string_view name, std::string_view field) const {
  return MatchSegments(name, field, /*wildcards=*/true);
}

bool NamePattern::Matches(std::string_view name) const {
  if (segments_.empty() || name.size() > kMaxNameLength) return false;
  size_t begin = 0;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const bool last = i + 1 == segments_.size();
    const size_t slash = name.find('/', begin);
    if (last != (slash == std::string_view::npos)) return false;
    const std::string_view part = name.substr(begin, last ? slash : slash - begin);
    const Segment& segment = segments_[i];
    if (segment.id == nullptr ? part != segment.literal : !Fits(part, *segment.id)) return false;
    begin = slash + 1;
  }
  return true;
}

absl::Status NamePattern::CheckId(std::string_view id, std::string_view field) const {
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (segment->id == nullptr) continue;
    if (Fits(id, *segment->id)) return absl::OkStatus();
    return Invalid(field, absl::StrCat(Quoted(id), " must match ", segment->id->pattern()));
  }
  return Invalid(field, absl::StrCat(Quoted(id), " is the id of nothing"));
}

absl::StatusOr<std::string> NamePattern::Build(const std::vector<std::string>& ids,
                                               std::string_view field) const {
  std::vector<std::string> parts;
  auto id = ids.begin();
  for (const Segment& segment : segments_) {
    if (segment.id == nullptr) {
      parts.push_back(segment.literal);
    } else {
      if (id == ids.end()) break;
      parts.push_back(*id++);
    }
  }
  if (id != ids.end() || ids.size() != variables_.size()) {
    return Invalid(field, absl::StrCat("it takes ", variables_.size(), " ids, not ", ids.size(),
                                       "; expected ", pattern_));
  }
  std::string name = absl::StrJoin(parts, "/");
  auto matched = Match(name, field);
  if (!matched.ok()) return matched.status();
  return name;
}

size_t NamePattern::ParentSize() const {
  size_t size = segments_.size();
  // A singleton, `fairs/{fair}/settings`, has no id at its end.
  if (size > 0 && segments_[size - 1].id != nullptr) --size;
  while (size > 0 && segments_[size - 1].id == nullptr) --size;
  return size;
}

std::string NamePattern::Parent(std::string_view name) const {
  if (!Matches(name)) return "";
  std::vector<std::string_view> parts = absl::StrSplit(name, '/');
  parts.resize(ParentSize());
  return absl::StrJoin(parts, "/");
}

NamePattern NamePattern::ParentPattern() const {
  NamePattern parent;
  std::vector<std::string> parts;
  for (size_t i = 0; i < ParentSize(); ++i) {
    const Segment& segment = segments_[i];
    if (segment.id == nullptr) {
      parts.push_back(segment.literal);
    } else {
      parent.variables_.push_back(variables_[parent.variables_.size()]);
      parts.push_back(absl::StrCat("{", parent.variables_.back(), "}"));
    }
    parent.segments_.push_back(segment);
  }
  parent.pattern_ = absl::StrJoin(parts, "/");
  return parent;
}

bool IsSelfOrBelow(std::string_view name, std::string_view prefix) {
  if (prefix.empty()) return true;
  return absl::StartsWith(name, prefix) &&
         (name.size() == prefix.size() || name[prefix.size()] == '/');
}

}  // namespace caravan::api
