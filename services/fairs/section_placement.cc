#include "services/fairs/section_placement.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/fairs/apportionment.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"
#include "services/fairs/section_pools.h"

namespace caravan::fairs {
namespace {

using v1::SectionInputs;
using v1::SectionResult;

constexpr SectionResult::StandClass kClasses[kStandClasses] = {
    SectionResult::BRAND_STAND, SectionResult::CUSTOM_BUILT_STAND, SectionResult::STANDARD_STAND};

// The numbers of a hall's cells, which are small.
constexpr int64_t kMaxCellNumber = 1'000'000;

absl::Status CheckRuns(const SectionInputs& inputs) {
  int64_t cells = 0;
  for (int i = 0; i < inputs.runs_size(); ++i) {
    const SectionInputs::Run& run = inputs.runs(i);
    const auto path = [i](std::string_view field) { return absl::StrCat("runs[", i, "].", field); };
    if (run.cells() < 1) return InputsInvalid(path("cells"), "at least 1");
    if (run.number_step() < 1) return InputsInvalid(path("number_step"), "at least 1");
    const int64_t last =
        run.first_number() + int64_t{run.number_step()} * (int64_t{run.cells()} - 1);
    if (run.first_number() < 0 || last > kMaxCellNumber) {
      return InputsInvalid(path("first_number"),
                           absl::StrCat("such that numbers are from 0 to ", kMaxCellNumber));
    }
    for (const int32_t corner : run.corner_numbers()) {
      if (corner < run.first_number() || corner > last ||
          (corner - run.first_number()) % run.number_step() != 0) {
        return InputsInvalid(path("corner_numbers"), "numbers of the run's cells");
      }
    }
    cells += run.cells();
  }
  if (cells > kMaxSectionCells) {
    return InputsInvalid("runs", absl::StrCat("of ", kMaxSectionCells, " cells at the most"));
  }
  return absl::OkStatus();
}

// The cells of all runs, by hall, row and number of the run's first.
absl::Status ReadCells(const SectionInputs& inputs, PlacementInputs& read) {
  if (absl::Status status = CheckRuns(inputs); !status.ok()) return status;
  std::vector<const SectionInputs::Run*> runs;
  for (const SectionInputs::Run& run : inputs.runs()) runs.push_back(&run);
  std::sort(runs.begin(), runs.end(), [](const auto* a, const auto* b) {
    return std::forward_as_tuple(a->hall(), a->row(), a->first_number()) <
           std::forward_as_tuple(b->hall(), b->row(), b->first_number());
  });
  for (const SectionInputs::Run* run : runs) {
    std::vector<int32_t> corners(run->corner_numbers().begin(), run->corner_numbers().end());
    std::sort(corners.begin(), corners.end());
    PlacementRun& cells = read.section.runs.emplace_back();
    for (int32_t k = 0; k < run->cells(); ++k) {
      const int32_t number = run->first_number() + k * run->number_step();
      cells.cells.push_back({.cell = static_cast<int64_t>(read.cells.size()),
                             .corner = std::binary_search(corners.begin(), corners.end(), number)});
      read.cells.push_back({run, number});
    }
  }
  std::vector<const SectionCell*> ordered;
  ordered.reserve(read.cells.size());
  for (const SectionCell& cell : read.cells) ordered.push_back(&cell);
  const auto place = [](const SectionCell* cell) {
    return std::forward_as_tuple(cell->run->hall(), cell->run->row(), cell->number);
  };
  std::sort(ordered.begin(), ordered.end(),
            [&](const auto* a, const auto* b) { return place(a) < place(b); });
  const auto twice =
      std::adjacent_find(ordered.begin(), ordered.end(),
                         [&](const auto* a, const auto* b) { return place(a) == place(b); });
  if (twice != ordered.end()) {
    return InputsInvalid("runs", absl::StrCat("of other cells each: number ", (*twice)->number,
                                              " of row ", (*twice)->run->row(), " in hall ",
                                              (*twice)->run->hall(), " is in two"));
  }
  return absl::OkStatus();
}

std::string_view ReasonOf(PlacementReason reason) {
  switch (reason) {
    case PlacementReason::kKept:
    case PlacementReason::kPlaced:
      break;
    case PlacementReason::kNoRunLongEnough:
      return kNoRunLongEnough;
    case PlacementReason::kRunsTaken:
      return kRunsTaken;
    case PlacementReason::kOthersServeMore:
      return kOthersServeMore;
  }
  return "";
}

}  // namespace

StandClass StandClassOf(const SectionInputs::Entry& entry) {
  if (entry.kind() == v1::Application::BRAND) return StandClass::kBrand;
  return entry.stand_type() == v1::Application::CUSTOM_BUILT ? StandClass::kCustomBuilt
                                                             : StandClass::kStandard;
}

int32_t TierOf(const v1::Rules& rules, int64_t score) {
  int32_t tier = 1;
  for (const std::string& bound : rules.tiers()) {
    if (score >= ParsePoints(bound).value_or(0)) return tier;
    ++tier;
  }
  return tier;
}

absl::StatusOr<PlacementInputs> ReadPlacementInputs(const v1::Rules& rules,
                                                    const SectionInputs& inputs,
                                                    std::string_view seed) {
  if (inputs.stage() != v1::PLACEMENT) {
    return InputsInvalid("stage", "PLACEMENT, where stands are placed");
  }
  if (absl::Status status = CheckPseudonyms(inputs); !status.ok()) return status;
  PlacementInputs read;
  if (absl::Status status = ReadCells(inputs, read); !status.ok()) return status;
  const std::string_view section = LastSegment(inputs.name());
  int64_t booths = 0;
  for (int i = 0; i < inputs.applications_size(); ++i) {
    const SectionInputs::Entry& entry = inputs.applications(i);
    if (!entry.exclusion().empty()) {
      read.excluded.push_back(&entry);
      continue;
    }
    booths += entry.booths();
    if (entry.booths() < 1 || booths > kMaxSupply) {
      return InputsInvalid(absl::StrCat("applications[", i, "].booths"),
                           absl::StrCat("at least 1, and ", kMaxSupply, " at the most together"));
    }
    const std::optional<int64_t> score = ParsePoints(entry.score());
    if (!score.has_value()) {
      return InputsInvalid(absl::StrCat("applications[", i, "].score"), "points such as 87.5");
    }
    read.entries.push_back(&entry);
    read.section.applications.push_back({.stand_class = StandClassOf(entry),
                                         .booths = entry.booths(),
                                         .tier = TierOf(rules, *score),
                                         .product_group = entry.product_group(),
                                         .tie_key = LotteryKey(seed, section, entry.pseudonym())});
  }
  return read;
}

absl::StatusOr<SectionResult> RunPlacement(const v1::Rules& rules, const SectionInputs& inputs,
                                           std::string_view seed) {
  const absl::StatusOr<PlacementInputs> read = ReadPlacementInputs(rules, inputs, seed);
  if (!read.ok()) return read.status();
  const absl::StatusOr<SectionPlacement> placement = PlaceSection(read->section);
  if (!placement.ok()) return placement.status();
  SectionResult result;
  result.mutable_decisions()->Reserve(inputs.applications_size());
  for (size_t i = 0; i < read->entries.size(); ++i) {
    const ApplicationPlacement& placed = placement->applications[i];
    SectionResult::Decision& decision = *result.add_decisions();
    decision.set_pseudonym(read->entries[i]->pseudonym());
    decision.set_rank(static_cast<int32_t>(placed.order));
    decision.set_reason(std::string(ReasonOf(placed.reason)));
    if (placed.cells.empty()) continue;
    const SectionCell& first = read->cells[placed.cells.front()];
    decision.set_booths(read->entries[i]->booths());
    decision.set_hall(first.run->hall());
    decision.set_row(first.run->row());
    decision.set_first_number(first.number);
    result.set_firms(result.firms() + 1);
    result.set_booths(result.booths() + decision.booths());
  }
  for (const SectionInputs::Entry* entry : read->excluded) {
    SectionResult::Decision& decision = *result.add_decisions();
    decision.set_pseudonym(entry->pseudonym());
    decision.set_reason(std::string(kExcluded));
  }
  for (size_t k = 0; k < kStandClasses; ++k) {
    const ClassPlacement& placed = placement->classes[k];
    SectionResult::Bound& bound = *result.add_bounds();
    bound.set_stand_class(kClasses[k]);
    bound.set_booths(static_cast<int32_t>(placed.placed));
    bound.set_bound(static_cast<int32_t>(placed.bound));
    bound.set_demand(static_cast<int32_t>(placed.asked));
  }
  result.set_left_booths(static_cast<int32_t>(read->cells.size()) - result.booths());
  return result;
}

}  // namespace caravan::fairs
