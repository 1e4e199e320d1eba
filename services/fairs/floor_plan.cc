#include "services/fairs/floor_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"

namespace caravan::fairs {

using v1::FloorPlan;
using v1::Hall;
using v1::SectionInputs;

Floor::Floor(const Hall& hall, const FloorPlan& plan) : hall_(hall) {
  for (const Hall::Row& row : hall.rows()) {
    Row made{&row, std::vector<Cell>(static_cast<size_t>(std::max(0, row.cells())))};
    for (size_t i = 0; i < made.cells.size(); ++i) {
      made.cells[i].number = NumberAt(row, static_cast<int32_t>(i));
    }
    for (const int32_t number : row.blocked_numbers()) {
      if (const auto index = IndexOf(row, number)) made.cells[*index].blocked = true;
    }
    for (const int32_t number : row.corner_numbers()) {
      if (const auto index = IndexOf(row, number)) made.cells[*index].corner = true;
    }
    by_id_.emplace(row.id(), rows_.size());
    rows_.push_back(std::move(made));
  }
  const auto find = [this](std::string_view id) -> Row* {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : &rows_[at->second];
  };
  for (const FloorPlan::Span& span : plan.spans()) {
    Row* row = find(span.row());
    if (row == nullptr) continue;
    for (Cell& cell : row->cells) {
      if (span.first_number() <= cell.number && cell.number <= span.last_number()) {
        cell.section = span.section();
      }
    }
  }
  for (const FloorPlan::Stand& stand : plan.stands()) {
    Row* row = find(stand.row());
    const auto first = row == nullptr ? std::nullopt : IndexOf(*row->row, stand.first_number());
    if (!first.has_value()) continue;
    const size_t end = std::min(row->cells.size(), static_cast<size_t>(*first) + stand.booths());
    for (size_t i = *first; i < end; ++i) row->cells[i].stand = &stand;
  }
}

const Floor::Row* Floor::Find(std::string_view row) const {
  const auto at = by_id_.find(row);
  return at == by_id_.end() ? nullptr : &rows_[at->second];
}

std::vector<SectionInputs::Run> Floor::FreeRuns(std::string_view section) const {
  std::vector<SectionInputs::Run> runs;
  for (const Row& row : rows_) {
    SectionInputs::Run* run = nullptr;  // that goes on
    for (const Cell& cell : row.cells) {
      if (cell.section != section || cell.blocked || cell.stand != nullptr) {
        run = nullptr;
        continue;
      }
      if (run == nullptr) {
        run = &runs.emplace_back();
        run->set_hall(std::string(LastSegment(hall_.name())));
        run->set_row(row.row->id());
        run->set_first_number(cell.number);
        run->set_number_step(row.row->number_step());
      }
      run->set_cells(run->cells() + 1);
      if (cell.corner) run->add_corner_numbers(cell.number);
    }
  }
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return std::pair<std::string_view, int32_t>(a.row(), a.first_number()) <
           std::pair<std::string_view, int32_t>(b.row(), b.first_number());
  });
  return runs;
}

absl::Status CheckSpans(const Hall& hall, const FloorPlan& plan) {
  api::Violations violations;
  // By row, the number of the span that has a cell, from 1.
  absl::flat_hash_map<std::string_view, std::vector<int>> taken;
  for (int i = 0; i < plan.spans_size(); ++i) {
    const FloorPlan::Span& span = plan.spans(i);
    const std::string field = absl::StrCat("spans[", i, "]");
    const Hall::Row* row = FindRow(hall, span.row());
    if (row == nullptr) {
      violations.Add(
          absl::StrCat(field, ".row"),
          absl::StrCat("is ", api::Quoted(span.row()), ", which is no row of ", hall.name()));
      continue;
    }
    const auto first = IndexOf(*row, span.first_number());
    const auto last = IndexOf(*row, span.last_number());
    const auto check = [&](const char* name, int32_t number, bool found) {
      if (found) return;
      violations.Add(absl::StrCat(field, ".", name),
                     absl::StrCat("is ", number, ", but row ", row->id(), " has the numbers ",
                                  row->first_number(), " to ", NumberAt(*row, row->cells() - 1),
                                  row->number_step() == 2 ? ", every other one" : ""));
    };
    check("first_number", span.first_number(), first.has_value());
    check("last_number", span.last_number(), last.has_value());
    if (!first.has_value() || !last.has_value()) continue;
    if (*last < *first) {
      violations.Add(
          absl::StrCat(field, ".last_number"),
          absl::StrCat("is ", span.last_number(), ", before the first, ", span.first_number()));
      continue;
    }
    std::vector<int>& cells = taken[row->id()];
    cells.resize(row->cells());
    for (int32_t cell = *first; cell <= *last; ++cell) {
      if (cells[cell] == 0) {
        cells[cell] = i + 1;
        continue;
      }
      violations.Add(field, absl::StrCat("has ", CellName(hall, *row, NumberAt(*row, cell)),
                                         ", which spans[", cells[cell] - 1, "] has"));
      break;
    }
  }
  return violations.ToStatus();
}

absl::Status CheckStandsKept(const Floor& before, const Floor& after, const FloorPlan& plan) {
  for (const FloorPlan::Stand& stand : plan.stands()) {
    const Floor::Row* old = before.Find(stand.row());
    const auto at = old == nullptr ? std::nullopt : IndexOf(*old->row, stand.first_number());
    if (!at.has_value()) continue;
    const Floor::Row* now = after.Find(stand.row());
    // GCC 12 warns falsely of the same as an optional.
    const int32_t first =
        now == nullptr ? -1 : IndexOf(*now->row, stand.first_number()).value_or(-1);
    for (int32_t i = 0; i < stand.booths() && *at + i < old->row->cells(); ++i) {
      const Floor::Cell& cell = old->cells[*at + i];
      const bool kept =
          first >= 0 && first + i < now->row->cells() && now->row->aisle() == old->row->aisle() &&
          now->cells[first + i].number == cell.number &&
          now->cells[first + i].section == cell.section && !now->cells[first + i].blocked;
      if (kept) continue;
      const std::string name = CellName(before.hall(), *old->row, cell.number);
      return api::Error(
                 absl::StatusCode::kFailedPrecondition, "STANDS_PLACED",
                 absl::StrCat("cell ", name, " of ", plan.name(), " belongs to the stand of ",
                              stand.application(), ", which would lose it; move that stand first"))
          .With("resource", plan.name())
          .With("cell", name)
          .With("application", stand.application())
          .Precondition("STAND", stand.application(), absl::StrCat("stands at ", name));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNoStands(const FloorPlan& plan) {
  if (plan.stands().empty()) return absl::OkStatus();
  const std::string& first = plan.stands(0).application();
  return api::Error(absl::StatusCode::kFailedPrecondition, "STANDS_PLACED",
                    absl::StrCat(plan.name(), " has ", plan.stands_size(),
                                 plan.stands_size() == 1 ? " stand" : " stands", ", that of ",
                                 first, " for one, and cannot be deleted"))
      .With("resource", plan.name())
      .With("application", first)
      .Precondition("STAND", first, absl::StrCat("stands on ", plan.name()));
}

std::string FloorPlanId(std::string_view phase, std::string_view hall) {
  return absl::StrCat(phase, "-", hall);
}

}  // namespace caravan::fairs
