#include "services/fairs/placement_explanation.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/points.h"
#include "services/fairs/section_placement.h"
#include "services/fairs/section_pools.h"

namespace caravan::fairs {
namespace {

using v1::SectionInputs;
using v1::SectionResult;

constexpr int64_t kFree = -1;

std::string Cells(int64_t cells) { return absl::StrCat(cells, cells == 1 ? " cell" : " cells"); }

// A section with its stands: who stands in each cell.
class PlacedSection {
 public:
  // Of the stands with a rank up to `last_rank`.
  static absl::StatusOr<PlacedSection> Read(const PlacementInputs& read,
                                            const SectionResult& result) {
    PlacedSection placed(read);
    absl::flat_hash_map<std::string_view, size_t> entries;
    for (size_t i = 0; i < read.entries.size(); ++i) entries[read.entries[i]->pseudonym()] = i;
    std::map<std::tuple<std::string_view, std::string_view, int32_t>, size_t> cells;
    for (size_t i = 0; i < read.cells.size(); ++i) {
      const SectionCell& cell = read.cells[i];
      cells.emplace(std::tuple(std::string_view(cell.run->hall()),
                               std::string_view(cell.run->row()), cell.number),
                    i);
    }
    for (const SectionResult::Decision& decision : result.decisions()) {
      const auto entry = entries.find(decision.pseudonym());
      if (entry == entries.end()) continue;
      placed.ranks_[entry->second] = decision.rank();
      if (decision.booths() == 0) continue;
      const auto first = cells.find({decision.hall(), decision.row(), decision.first_number()});
      if (first == cells.end() || !placed.Put(entry->second, first->second, decision.booths())) {
        return api::Error(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS",
                          absl::StrCat("the position of ", decision.pseudonym(),
                                       " is none of contiguous free cells of these inputs"));
      }
    }
    return placed;
  }

  // The longest run of cells that those of lesser rank have left.
  int64_t LongestFreeBefore(int64_t rank) const {
    return Longest(
        [&](size_t cell) { return holders_[cell] == kFree || ranks_[holders_[cell]] >= rank; });
  }
  int64_t LongestRun() const {
    return Longest([](size_t) { return true; });
  }

  bool AtCorner(size_t entry) const {
    for (size_t cell = 0; cell < holders_.size(); ++cell) {
      if (holders_[cell] == static_cast<int64_t>(entry) && Cell(cell).corner) return true;
    }
    return false;
  }

  // How many of the stands on its two sides show goods of its product group.
  int64_t NeighboursOfGroup(size_t entry) const {
    const std::string& group = read_.entries[entry]->product_group();
    if (group.empty()) return 0;
    int64_t neighbours = 0;
    for (size_t cell = 1; cell < holders_.size(); ++cell) {
      if (read_.cells[cell].run != read_.cells[cell - 1].run) continue;
      int64_t a = holders_[cell - 1];
      int64_t b = holders_[cell];
      if (a == b || a == kFree || b == kFree) continue;
      const auto self = static_cast<int64_t>(entry);
      if (a != self && b != self) continue;
      if (read_.entries[a == self ? b : a]->product_group() == group) ++neighbours;
    }
    return neighbours;
  }

  // How many take part.
  int64_t size() const { return static_cast<int64_t>(ranks_.size()); }

 private:
  explicit PlacedSection(const PlacementInputs& read)
      : read_(read), holders_(read.cells.size(), kFree), ranks_(read.entries.size()) {
    for (const PlacementRun& run : read.section.runs) {
      cells_.insert(cells_.end(), run.cells.begin(), run.cells.end());
    }
  }

  const PlacementCell& Cell(size_t cell) const { return cells_[cell]; }

  bool Put(size_t entry, size_t first, int64_t booths) {
    if (booths > static_cast<int64_t>(holders_.size() - first)) return false;
    for (size_t cell = first; cell < first + booths; ++cell) {
      if (holders_[cell] != kFree || read_.cells[cell].run != read_.cells[first].run) return false;
      holders_[cell] = static_cast<int64_t>(entry);
    }
    return true;
  }

  template <class Predicate>
  int64_t Longest(Predicate free) const {
    int64_t longest = 0;
    int64_t length = 0;
    for (size_t cell = 0; cell < holders_.size(); ++cell) {
      if (cell > 0 && read_.cells[cell].run != read_.cells[cell - 1].run) length = 0;
      length = free(cell) ? length + 1 : 0;
      longest = std::max(longest, length);
    }
    return longest;
  }

  const PlacementInputs& read_;
  std::vector<PlacementCell> cells_;  // of all runs
  std::vector<int64_t> holders_;      // by cell: an index of `entries`, or kFree
  std::vector<int64_t> ranks_;        // by entry
};

std::string_view ClassName(StandClass stand_class) {
  switch (stand_class) {
    case StandClass::kBrand:
      return "brand";
    case StandClass::kCustomBuilt:
      return "custom-built";
    case StandClass::kStandard:
      return "standard";
  }
  return "";
}

std::string TellOrder(size_t index, const PlacementInputs& read, const PlacedSection& placed,
                      int64_t rank) {
  return absl::StrCat(
      "Stands are placed by class (brand, custom-built, standard), then by tier, "
      "then by lottery; this ",
      ClassName(StandClassOf(*read.entries[index])), " stand of tier ",
      read.section.applications[index].tier, " had place ", rank, " of ", placed.size(), ".");
}

std::string TellPosition(size_t index, const PlacementInputs& read, const PlacedSection& placed,
                         const SectionResult::Decision& decision) {
  std::string text =
      absl::StrCat("It has ", Cells(decision.booths()), " side by side in hall ", decision.hall(),
                   ", row ", decision.row(), ", from number ", decision.first_number(),
                   ". When its turn came, the longest free run was of ",
                   Cells(placed.LongestFreeBefore(decision.rank())), ".");
  if (placed.AtCorner(index)) {
    absl::StrAppend(&text, " It stands at a corner: corners go to the better tiers of a class.");
  }
  if (const int64_t neighbours = placed.NeighboursOfGroup(index); neighbours > 0) {
    absl::StrAppend(&text, " ", neighbours == 1 ? "One neighbour is" : "Both neighbours are",
                    " of its product group, ", read.entries[index]->product_group(), ".");
  }
  return text;
}

std::string TellNone(const SectionInputs::Entry& entry, const PlacedSection& placed,
                     const SectionResult::Decision& decision) {
  const std::string need = Cells(entry.booths());
  if (decision.reason() == kNoRunLongEnough) {
    return absl::StrCat("It needs ", need, " side by side; the longest run of the section is of ",
                        Cells(placed.LongestRun()), ".");
  }
  const int64_t longest = placed.LongestFreeBefore(decision.rank());
  if (decision.reason() == kRunsTaken) {
    return absl::StrCat("It needs ", need,
                        " side by side; those before it left no run that is longer than ",
                        Cells(longest), ".");
  }
  return absl::StrCat("It needs ", need, " side by side, and a run of ", Cells(longest),
                      " was free when its turn came; what stands there now serves more booths, or "
                      "as many, of its class or of those before it.");
}

}  // namespace

absl::StatusOr<v1::ExplainApplicationResponse> ExplainPlacement(const v1::Rules& rules,
                                                                const SectionInputs& inputs,
                                                                const SectionResult& result,
                                                                std::string_view seed,
                                                                std::string_view pseudonym) {
  const absl::StatusOr<PlacementInputs> read = ReadPlacementInputs(rules, inputs, seed);
  if (!read.ok()) return read.status();
  const absl::StatusOr<PlacedSection> placed = PlacedSection::Read(*read, result);
  if (!placed.ok()) return placed.status();
  const size_t index =
      std::find_if(read->entries.begin(), read->entries.end(),
                   [&](const auto* entry) { return entry->pseudonym() == pseudonym; }) -
      read->entries.begin();
  const auto decision = std::find_if(result.decisions().begin(), result.decisions().end(),
                                     [&](const auto& d) { return d.pseudonym() == pseudonym; });
  const SectionInputs::Entry& entry = *read->entries[index];
  v1::ExplainApplicationResponse response;
  response.set_pseudonym(std::string(pseudonym));
  response.set_score(FormatPoints(ParsePoints(entry.score()).value_or(0)));
  response.set_pool_size(static_cast<int32_t>(placed->size()));
  response.set_rank(decision->rank());
  response.set_lottery_key(read->section.applications[index].tie_key);
  response.set_booths(decision->booths());
  response.set_reason(decision->reason());
  response.set_position_explanation(
      absl::StrCat(TellOrder(index, *read, *placed, decision->rank()), " ",
                   decision->booths() > 0 ? TellPosition(index, *read, *placed, *decision)
                                          : TellNone(entry, *placed, *decision)));
  response.set_explanation(response.position_explanation());
  return response;
}

}  // namespace caravan::fairs
