#include "services/fairs/placement.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/placement_layout.h"
#include "services/fairs/placement_packing.h"

namespace caravan::fairs {
namespace {

absl::Status Invalid(const std::string& field, std::string_view problem) {
  return api::Error(absl::StatusCode::kInvalidArgument, "PLACEMENT_INPUT_INVALID",
                    absl::StrCat(field, ": ", problem))
      .Field(field, std::string(problem));
}

bool IsKey(std::string_view key) {
  return key.size() == 64 && key.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Where a cell is.
struct Spot {
  size_t run = 0;
  size_t offset = 0;
};

using Spots = absl::flat_hash_map<int64_t, Spot>;

absl::Status FindSpots(const PlacementSection& section, Spots* spots) {
  for (size_t r = 0; r < section.runs.size(); ++r) {
    const std::string field = absl::StrCat("runs[", r, "].cells");
    const std::vector<PlacementCell>& cells = section.runs[r].cells;
    if (cells.empty()) return Invalid(field, "a run without cells should be left out");
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].cell < 0) {
        return Invalid(absl::StrCat(field, "[", i, "].cell"),
                       absl::StrCat(cells[i].cell, " should not be negative"));
      }
      if (!spots->insert({cells[i].cell, {r, i}}).second) {
        return Invalid(absl::StrCat(field, "[", i, "].cell"),
                       absl::StrCat("the cell ", cells[i].cell, " should be named only once"));
      }
      if (static_cast<int64_t>(spots->size()) > kMaxSectionCells) {
        return Invalid("runs",
                       absl::StrCat("a section should have at most ", kMaxSectionCells, " cells"));
      }
    }
  }
  return absl::OkStatus();
}

// The application that holds each cell, by run and offset.
using Holders = std::vector<std::vector<size_t>>;
constexpr size_t kNobody = static_cast<size_t>(-1);

absl::Status CheckKept(const PlacementSection& section, size_t a, const Spots& spots,
                       Holders* holders) {
  const PlacementApplication& application = section.applications[a];
  const std::string field = absl::StrCat("applications[", a, "].kept");
  if (static_cast<int64_t>(application.kept.size()) != application.booths) {
    return Invalid(field, absl::StrCat(application.kept.size(), " cells should be as many as its ",
                                       application.booths, " booths"));
  }
  Spot before;
  for (size_t i = 0; i < application.kept.size(); ++i) {
    const int64_t cell = application.kept[i];
    const std::string here = absl::StrCat(field, "[", i, "]");
    const auto spot = spots.find(cell);
    if (spot == spots.end()) {
      return Invalid(here, absl::StrCat("the cell ", cell, " should be one of the section"));
    }
    const auto [run, offset] = spot->second;
    if (i > 0 && (run != before.run || offset != before.offset + 1)) {
      return Invalid(here, absl::StrCat("the cell ", cell, " should be the next one of the run of ",
                                        application.kept[i - 1]));
    }
    if ((*holders)[run][offset] != kNobody) {
      return Invalid(here, absl::StrCat("the cell ", cell, " is held by applications[",
                                        (*holders)[run][offset], "] already"));
    }
    (*holders)[run][offset] = a;
    before = spot->second;
  }
  return absl::OkStatus();
}

absl::Status CheckApplications(const PlacementSection& section, const Spots& spots,
                               Holders* holders) {
  if (static_cast<int64_t>(section.applications.size()) > kMaxSectionApplications) {
    return Invalid("applications", absl::StrCat("a section should have at most ",
                                                kMaxSectionApplications, " applications"));
  }
  absl::flat_hash_map<std::string_view, size_t> keys;
  for (size_t a = 0; a < section.applications.size(); ++a) {
    const PlacementApplication& application = section.applications[a];
    const std::string field = absl::StrCat("applications[", a, "]");
    const size_t stand_class = static_cast<size_t>(application.stand_class);
    if (stand_class >= kStandClasses) {
      return Invalid(field + ".stand_class", absl::StrCat(stand_class, " is not a class"));
    }
    if (application.booths < 1 || application.booths > kMaxSectionCells) {
      return Invalid(field + ".booths",
                     absl::StrCat(application.booths, " should be from 1 to ", kMaxSectionCells));
    }
    if (!IsKey(application.tie_key)) {
      return Invalid(field + ".tie_key", "should be a SHA-256 of 64 hex digits in lower case");
    }
    const auto [other, inserted] = keys.insert({application.tie_key, a});
    if (!inserted) {
      return Invalid(field + ".tie_key",
                     absl::StrCat("should differ from that of applications[", other->second, "]"));
    }
    if (application.kept.empty()) continue;
    if (absl::Status status = CheckKept(section, a, spots, holders); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// The free parts of a run, and the longest of all runs.
class FreeRuns {
 public:
  explicit FreeRuns(const std::vector<PlacementRun>& runs) : free_(runs.size()) {
    for (size_t r = 0; r < runs.size(); ++r) Add(r, 0, static_cast<int64_t>(runs[r].cells.size()));
  }

  int64_t longest() const { return lengths_.empty() ? 0 : *lengths_.rbegin(); }

  // Takes cells that are free.
  void Take(size_t run, int64_t first, int64_t cells) {
    const auto part = std::prev(free_[run].upper_bound(first));
    const auto [start, length] = *part;
    free_[run].erase(part);
    lengths_.erase(lengths_.find(length));
    Add(run, start, first - start);
    Add(run, first + cells, start + length - first - cells);
  }

 private:
  void Add(size_t run, int64_t first, int64_t cells) {
    if (cells == 0) return;
    free_[run].insert({first, cells});
    lengths_.insert(cells);
  }

  std::vector<std::map<int64_t, int64_t>> free_;  // by run: first cell, cells
  std::multiset<int64_t> lengths_;
};

class Placer {
 public:
  Placer(const PlacementSection& section, Spots spots, Holders holders)
      : section_(section), spots_(std::move(spots)), holders_(std::move(holders)) {
    result_.applications.resize(section.applications.size());
  }

  SectionPlacement Run(int64_t steps) {
    PutInOrder();
    FindSpaces();
    const Packing packing = Pack(Problem(), steps);
    for (size_t k = 0; k < kStandClasses; ++k) {
      result_.classes[k].placed = packing.placed[k];
      result_.classes[k].bound = packing.bound[k];
    }
    for (size_t s = 0; s < spaces_.size(); ++s) spaces_[s].stands = packing.stands[s];
    Place();
    Explain();
    CountNeighbours();
    return std::move(result_);
  }

 private:
  const PlacementApplication& At(size_t a) const { return section_.applications[a]; }

  // From here on, nothing depends on the order of the input.
  void PutInOrder() {
    order_.resize(section_.applications.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    const auto rank = [&](size_t a) {
      return std::tuple(At(a).kept.empty(), At(a).stand_class, At(a).tier,
                        std::string_view(At(a).tie_key));
    };
    std::sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
    run_order_.resize(section_.runs.size());
    std::iota(run_order_.begin(), run_order_.end(), size_t{0});
    std::sort(run_order_.begin(), run_order_.end(), [&](size_t a, size_t b) {
      return section_.runs[a].cells.front().cell < section_.runs[b].cells.front().cell;
    });
    std::map<std::string_view, size_t> groups;
    for (const PlacementApplication& application : section_.applications) {
      if (!application.product_group.empty()) groups.insert({application.product_group, 0});
    }
    size_t next = 0;
    for (auto& [name, number] : groups) number = next++;
    for (const PlacementApplication& application : section_.applications) {
      const auto group = groups.find(application.product_group);
      groups_.push_back(group == groups.end() ? kNoGroup : group->second);
    }
  }

  size_t GroupOfHolder(size_t run, size_t offset) const {
    const size_t holder = holders_[run][offset];
    return holder == kNobody ? kNoGroup : groups_[holder];
  }

  void FindSpaces() {
    for (const size_t r : run_order_) {
      const std::vector<PlacementCell>& cells = section_.runs[r].cells;
      for (size_t i = 0; i < cells.size();) {
        if (holders_[r][i] != kNobody) {
          ++i;
          continue;
        }
        FreeSpace space;
        space.left_group = i == 0 ? kNoGroup : GroupOfHolder(r, i - 1);
        starts_.push_back({r, i});
        for (; i < cells.size() && holders_[r][i] == kNobody; ++i) {
          if (cells[i].corner) space.corners.push_back(space.length);
          ++space.length;
        }
        space.right_group = i == cells.size() ? kNoGroup : GroupOfHolder(r, i);
        spaces_.push_back(std::move(space));
      }
    }
  }

  PackingProblem Problem() {
    PackingProblem problem;
    for (const FreeSpace& space : spaces_) problem.lengths.push_back(space.length);
    std::map<int64_t, ByClass> sizes;
    for (const PlacementApplication& application : section_.applications) {
      if (!application.kept.empty()) continue;
      const size_t k = static_cast<size_t>(application.stand_class);
      ++sizes[application.booths][k];
      result_.classes[k].asked += application.booths;
    }
    for (const auto& [size, stands] : sizes) problem.sizes.push_back({size, stands});
    return problem;
  }

  // Of each size, the first in the order are placed, as many as there are stands of
  // it: classes are first in the order.
  void Place() {
    std::map<int64_t, int64_t> left;
    for (const FreeSpace& space : spaces_) {
      for (const int64_t size : space.stands) ++left[size];
    }
    std::vector<size_t> placed;
    std::vector<Stand> stands;
    for (const size_t a : order_) {
      if (!At(a).kept.empty()) {
        result_.applications[a].cells = At(a).kept;
        continue;
      }
      const auto size = left.find(At(a).booths);
      if (size == left.end() || size->second == 0) continue;
      --size->second;
      placed.push_back(a);
      stands.push_back({At(a).booths, At(a).tier, groups_[a]});
    }
    const std::vector<StandPosition> positions = Arrange(spaces_, stands);
    for (size_t i = 0; i < placed.size(); ++i) {
      const Spot start = starts_[positions[i].space];
      const size_t first = start.offset + positions[i].first;
      for (size_t cell = first; cell < first + stands[i].size; ++cell) {
        result_.applications[placed[i]].cells.push_back(section_.runs[start.run].cells[cell].cell);
        holders_[start.run][cell] = placed[i];
      }
    }
  }

  void Explain() {
    FreeRuns free(section_.runs);
    int64_t longest_to_fill = 0;
    for (const FreeSpace& space : spaces_) {
      longest_to_fill = std::max(longest_to_fill, space.length);
    }
    for (size_t i = 0; i < order_.size(); ++i) {
      const PlacementApplication& application = At(order_[i]);
      ApplicationPlacement& placement = result_.applications[order_[i]];
      placement.order = static_cast<int64_t>(i) + 1;
      placement.longest_free = free.longest();
      if (placement.cells.empty()) {
        placement.reason = application.booths > longest_to_fill ? PlacementReason::kNoRunLongEnough
                           : application.booths > free.longest()
                               ? PlacementReason::kRunsTaken
                               : PlacementReason::kOthersServeMore;
        continue;
      }
      placement.reason =
          application.kept.empty() ? PlacementReason::kPlaced : PlacementReason::kKept;
      const auto [run, offset] = spots_.at(placement.cells.front());
      for (int64_t c = 0; c < application.booths; ++c) {
        placement.corner |= section_.runs[run].cells[offset + c].corner;
      }
      free.Take(run, static_cast<int64_t>(offset), application.booths);
    }
  }

  void CountNeighbours() {
    for (const std::vector<size_t>& run : holders_) {
      for (size_t i = 1; i < run.size(); ++i) {
        if (run[i] == run[i - 1] || run[i] == kNobody || run[i - 1] == kNobody) continue;
        result_.neighbours += groups_[run[i]] != kNoGroup && groups_[run[i]] == groups_[run[i - 1]];
      }
    }
  }

  const PlacementSection& section_;
  const Spots spots_;
  Holders holders_;
  std::vector<size_t> order_;      // applications
  std::vector<size_t> run_order_;  // by their first cells
  std::vector<size_t> groups_;     // by application
  std::vector<FreeSpace> spaces_;
  std::vector<Spot> starts_;  // by space
  SectionPlacement result_;
};

}  // namespace

absl::StatusOr<SectionPlacement> PlaceSection(const PlacementSection& section, int64_t steps) {
  if (steps < 0) {
    return Invalid("steps", absl::StrCat(steps, " should not be negative"));
  }
  Spots spots;
  if (absl::Status status = FindSpots(section, &spots); !status.ok()) return status;
  Holders holders;
  for (const PlacementRun& run : section.runs) holders.emplace_back(run.cells.size(), kNobody);
  if (absl::Status status = CheckApplications(section, spots, &holders); !status.ok()) {
    return status;
  }
  return Placer(section, std::move(spots), std::move(holders)).Run(steps);
}

absl::Status CheckCellsOfPhase(absl::Span<const PlacementSection> sections) {
  absl::flat_hash_map<int64_t, size_t> owners;
  for (size_t s = 0; s < sections.size(); ++s) {
    for (size_t r = 0; r < sections[s].runs.size(); ++r) {
      const std::vector<PlacementCell>& cells = sections[s].runs[r].cells;
      for (size_t i = 0; i < cells.size(); ++i) {
        const auto [owner, inserted] = owners.insert({cells[i].cell, s});
        if (inserted || owner->second == s) continue;
        return Invalid(absl::StrCat("sections[", s, "].runs[", r, "].cells[", i, "].cell"),
                       absl::StrCat("the cell ", cells[i].cell, " is one of sections[",
                                    owner->second, "] already"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::fairs
