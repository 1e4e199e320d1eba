#include "services/logistics/tracking_code.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

api::Error Malformed(int line, std::string_view problem) {
  return api::Error(absl::StatusCode::kInvalidArgument, "TRACKING_TABLE_MALFORMED",
                    absl::StrCat("line ", line, ": ", problem));
}

// Calls `row` with the line number and the cells of each row behind the header.
absl::Status ForEachRow(
    std::string_view csv, std::string_view header,
    absl::FunctionRef<absl::Status(int, const std::vector<std::string_view>&)> row) {
  const size_t columns = 1 + static_cast<size_t>(std::count(header.begin(), header.end(), ','));
  int line = 0;
  for (std::string_view text : absl::StrSplit(csv, '\n')) {
    ++line;
    if (absl::EndsWith(text, "\r")) text.remove_suffix(1);
    if (line == 1) {
      if (text == header) continue;
      return Malformed(1, absl::StrCat("'", text, "' would be the header '", header, "'"));
    }
    if (text.empty()) continue;
    const std::vector<std::string_view> cells = absl::StrSplit(text, ',');
    if (cells.size() != columns) {
      return Malformed(line, absl::StrCat("has ", cells.size(), " cells, not ", columns));
    }
    if (cells[0].empty()) return Malformed(line, "has no vocabulary");
    if (absl::Status status = row(line, cells); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TrackingCodes::AddCodes(std::string_view csv) {
  absl::flat_hash_map<std::string, Codes> added;
  const auto add = [&](int line, const std::vector<std::string_view>& cells) -> absl::Status {
    const std::optional<TrackingStatus> status = ParseTrackingStatus(cells[2]);
    const std::optional<TrackingReason> reason = ParseTrackingReason(cells[3]);
    if (cells[1].empty()) return Malformed(line, "has no code");
    if (!status) return Malformed(line, absl::StrCat("'", cells[2], "' is no canonical status"));
    if (!reason) return Malformed(line, absl::StrCat("'", cells[3], "' is no reason"));
    if (!added[cells[0]].emplace(cells[1], TrackingMeaning{*status, *reason, true}).second) {
      return Malformed(line, absl::StrCat("'", cells[1], "' is there twice"));
    }
    return absl::OkStatus();
  };
  absl::Status status = ForEachRow(csv, "vocabulary,code,status,reason,note", add);
  if (!status.ok()) return status;
  for (auto& [vocabulary, codes] : added) {
    Codes& all = vocabularies_[vocabulary];
    for (auto& [code, meaning] : codes) all[code] = meaning;
  }
  return absl::OkStatus();
}

absl::Status TrackingCodes::AddVocabularies(std::string_view csv) {
  absl::flat_hash_map<std::string, TimeRule> added;
  const auto add = [&](int line, const std::vector<std::string_view>& cells) -> absl::Status {
    const absl::StatusOr<TimeRule> rule = TimeRule::Parse(cells[1]);
    if (!rule.ok()) return Malformed(line, rule.status().message());
    if (!added.emplace(cells[0], *rule).second) {
      return Malformed(line, absl::StrCat("'", cells[0], "' is there twice"));
    }
    return absl::OkStatus();
  };
  absl::Status status = ForEachRow(csv, "vocabulary,times,note", add);
  if (!status.ok()) return status;
  for (auto& [vocabulary, rule] : added) time_rules_.insert_or_assign(vocabulary, rule);
  return absl::OkStatus();
}

void TrackingCodes::Add(std::string_view vocabulary, std::string_view code,
                        TrackingMeaning meaning) {
  vocabularies_[vocabulary][code] = meaning;
}

TrackingMeaning TrackingCodes::Find(std::string_view vocabulary, std::string_view code) const {
  const auto codes = vocabularies_.find(vocabulary);
  if (codes == vocabularies_.end()) return {};
  const auto meaning = codes->second.find(code);
  return meaning == codes->second.end() ? TrackingMeaning() : meaning->second;
}

const TimeRule* TrackingCodes::FindTimeRule(std::string_view vocabulary) const {
  const auto rule = time_rules_.find(vocabulary);
  return rule == time_rules_.end() ? nullptr : &rule->second;
}

size_t TrackingCodes::size() const {
  size_t size = 0;
  for (const auto& [vocabulary, codes] : vocabularies_) size += codes.size();
  return size;
}

void UnknownCodes::Count(std::string_view vocabulary, std::string_view code) {
  if (const auto codes = counts_.find(vocabulary); codes != counts_.end()) {
    if (const auto count = codes->second.find(code); count != codes->second.end()) {
      ++count->second;
      return;
    }
  }
  if (codes_ == kMaxCodes) {
    ++other_;
    return;
  }
  ++codes_;
  ++counts_[vocabulary][code];
}

std::vector<UnknownCodes::Row> UnknownCodes::Rows() const {
  std::vector<Row> rows;
  for (const auto& [vocabulary, codes] : counts_) {
    for (const auto& [code, count] : codes) rows.push_back({vocabulary, code, count});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(b.count, a.vocabulary, a.code) < std::tie(a.count, b.vocabulary, b.code);
  });
  return rows;
}

}  // namespace caravan::logistics
