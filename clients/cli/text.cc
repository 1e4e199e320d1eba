#include "clients/cli/text.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace caravan::cli {
namespace {

std::string Separate(std::string_view name, char separator) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '_' || c == '-') {
      result += separator;
    } else if (absl::ascii_isupper(c)) {
      if (i > 0 && name[i - 1] != '_' && name[i - 1] != '-' && name[i - 1] != '.') {
        result += separator;
      }
      result += absl::ascii_tolower(c);
    } else {
      result += c;
    }
  }
  return result;
}

// Decodes the code point at `offset` and moves past it; -1, and one byte on,
// where there is none.
int32_t Decode(std::string_view text, size_t& offset) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(offset);
  if (lead < 0x80) {
    ++offset;
    return lead;
  }
  const int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  constexpr std::array<int32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xC2 || lead > 0xF4 || offset + length > text.size()) {
    ++offset;
    return -1;
  }
  int32_t code = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(offset + i) & 0xC0) != 0x80) {
      ++offset;
      return -1;
    }
    code = (code << 6) | (byte(offset + i) & 0x3F);
  }
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    ++offset;
    return -1;
  }
  offset += length;
  return code;
}

struct Range {
  int32_t first;
  int32_t last;
};

// East Asian wide and fullwidth characters, and emoji, by block.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kZero[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}};

bool In(int32_t code, const Range* begin, const Range* end) {
  return std::any_of(begin, end, [&](const Range& r) { return r.first <= code && code <= r.last; });
}

}  // namespace

std::string ToKebab(std::string_view name) { return Separate(name, '-'); }
std::string ToSnake(std::string_view name) { return Separate(name, '_'); }

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = static_cast<int>(j);
  const auto same = [&](size_t i, size_t j) {
    return absl::ascii_tolower(a[i]) == absl::ascii_tolower(b[j]);
  };
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (same(i - 1, j - 1) ? 0 : 1)});
      if (i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1)) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::vector<std::string> NearMatches(std::string_view text,
                                     const std::vector<std::string>& candidates) {
  constexpr size_t kLongest = 100;  // the table above is quadratic
  if (text.size() > kLongest) return {};
  std::vector<std::pair<int, std::string>> near;
  const std::string wanted = ToSnake(text);
  for (const auto& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::string spelled = ToSnake(candidate);
    int distance = EditDistance(wanted, spelled);
    // A part of a longer name, such as `zone` for `pilot_zone`.
    if (wanted.size() >= 3 && spelled.find(wanted) != std::string::npos) {
      distance = std::min(distance, 1);
    }
    if (distance <= std::max<int>(1, static_cast<int>(wanted.size()) / 3)) {
      near.emplace_back(distance, candidate);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> result;
  for (const auto& [distance, candidate] : near) {
    if (result.size() < 3) result.push_back(candidate);
  }
  return result;
}

std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates) {
  const auto near = NearMatches(text, candidates);
  return near.empty() ? "" : absl::StrCat("; did you mean ", absl::StrJoin(near, " or "), "?");
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t i = 0; i < text.size();) {
    const int32_t code = Decode(text, i);
    if (code >= 0 && In(code, std::begin(kZero), std::end(kZero))) continue;
    width += code >= 0 && In(code, std::begin(kWide), std::end(kWide)) ? 2 : 1;
  }
  return width;
}

std::string OneLine(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const int32_t code = Decode(text, i);
    if (code == '\n') {
      result += "\\n";
    } else if (code == '\t') {
      result += "\\t";
    } else if (code >= 0 && (code < 0x20 || (code >= 0x7F && code < 0xA0))) {
      result += absl::StrFormat("\\u%04x", code);
    } else if (code < 0) {
      result += absl::StrFormat("\\x%02x", static_cast<unsigned char>(text[start]));
    } else {
      result += text.substr(start, i - start);
    }
  }
  return result;
}

bool ConsumePrefix(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool ConsumeSuffix(std::string_view* text, std::string_view suffix) {
  if (!text->ends_with(suffix)) return false;
  text->remove_suffix(suffix.size());
  return true;
}

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (Decode(text, i) < 0) return start;
  }
  return std::string_view::npos;
}

}  // namespace caravan::cli
