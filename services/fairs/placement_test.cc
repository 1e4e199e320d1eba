#include "services/fairs/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/api/errors.h"
#include "services/fairs/lottery.h"

namespace caravan::fairs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Class = StandClass;
using Reason = PlacementReason;
using Cells = std::vector<int64_t>;
using Counts = std::array<int64_t, kStandClasses>;

std::string Key(int64_t number) { return absl::StrFormat("%064x", number); }

// Cells first, first + 1, ...; with corners at those of `corners`.
PlacementRun Row(int64_t first, int64_t length, const std::set<int64_t>& corners = {}) {
  PlacementRun run;
  for (int64_t cell = first; cell < first + length; ++cell) {
    run.cells.push_back({cell, corners.contains(cell)});
  }
  return run;
}

SectionPlacement Place(const PlacementSection& section, int64_t steps = kPlacementSteps) {
  const auto placement = PlaceSection(section, steps);
  EXPECT_TRUE(placement.ok()) << placement.status();
  return placement.ok() ? *placement : SectionPlacement();
}

Counts Placed(const SectionPlacement& placement) {
  return {placement.classes[0].placed, placement.classes[1].placed, placement.classes[2].placed};
}

Counts Bound(const SectionPlacement& placement) {
  return {placement.classes[0].bound, placement.classes[1].bound, placement.classes[2].bound};
}

// Whether it is a placement at all: whole, in one run, in the section's own cells, no
// cell twice, kept cells kept, and the sums as stated.
void ExpectValid(const PlacementSection& section, const SectionPlacement& placement) {
  std::map<int64_t, std::pair<size_t, size_t>> spots;
  for (size_t r = 0; r < section.runs.size(); ++r) {
    for (size_t i = 0; i < section.runs[r].cells.size(); ++i) {
      spots[section.runs[r].cells[i].cell] = {r, i};
    }
  }
  ASSERT_EQ(placement.applications.size(), section.applications.size());
  std::set<int64_t> taken, orders;
  std::array<ClassPlacement, kStandClasses> sums;
  for (size_t a = 0; a < section.applications.size(); ++a) {
    const PlacementApplication& application = section.applications[a];
    const ApplicationPlacement& placed = placement.applications[a];
    ClassPlacement& sum = sums[static_cast<size_t>(application.stand_class)];
    orders.insert(placed.order);
    if (application.kept.empty()) {
      sum.asked += application.booths;
      EXPECT_NE(placed.reason, Reason::kKept);
      EXPECT_EQ(placed.reason == Reason::kPlaced, !placed.cells.empty());
    } else {
      EXPECT_EQ(placed.reason, Reason::kKept);
      EXPECT_EQ(placed.cells, application.kept);
    }
    if (placed.cells.empty()) {
      EXPECT_FALSE(placed.corner);
      continue;
    }
    ASSERT_EQ(static_cast<int64_t>(placed.cells.size()), application.booths);
    EXPECT_GE(placed.longest_free, application.booths);
    if (application.kept.empty()) sum.placed += application.booths;
    bool corner = false;
    for (size_t i = 0; i < placed.cells.size(); ++i) {
      ASSERT_TRUE(spots.contains(placed.cells[i]));
      const auto [run, offset] = spots[placed.cells[i]];
      EXPECT_EQ(run, spots[placed.cells[0]].first);
      EXPECT_EQ(offset, spots[placed.cells[0]].second + i);
      EXPECT_TRUE(taken.insert(placed.cells[i]).second) << "cell " << placed.cells[i];
      corner |= section.runs[run].cells[offset].corner;
    }
    EXPECT_EQ(placed.corner, corner);
  }
  EXPECT_EQ(orders.size(), section.applications.size());
  if (!orders.empty()) {
    EXPECT_EQ(*orders.rbegin(), static_cast<int64_t>(orders.size()));
  }
  for (size_t k = 0; k < kStandClasses; ++k) {
    EXPECT_EQ(placement.classes[k].asked, sums[k].asked);
    EXPECT_EQ(placement.classes[k].placed, sums[k].placed);
    EXPECT_LE(placement.classes[k].placed, placement.classes[k].bound);
    EXPECT_LE(placement.classes[k].bound, placement.classes[k].asked);
  }
}

TEST(PlacementTest, PutsStandsIntoOneRunEach) {
  const PlacementSection section = {
      {Row(0, 3), Row(10, 2)},
      {{Class::kStandard, 3, 0, "", Key(1)}, {Class::kStandard, 2, 0, "", Key(2)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(placement.applications[0].cells, ElementsAre(0, 1, 2));
  EXPECT_THAT(placement.applications[1].cells, ElementsAre(10, 11));
  EXPECT_TRUE(placement.optimal());
}

TEST(PlacementTest, BrandBoothsComeBeforeMoreOthers) {
  const PlacementSection section = {{Row(0, 8)},
                                    {{Class::kStandard, 4, 0, "", Key(1)},
                                     {Class::kStandard, 4, 0, "", Key(2)},
                                     {Class::kBrand, 5, 9, "", Key(3)},
                                     {Class::kCustomBuilt, 2, 0, "", Key(4)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(Placed(placement), ElementsAre(5, 2, 0));
  // 1 cell is left, and no standard stand is as small.
  EXPECT_THAT(Bound(placement), ElementsAre(5, 2, 0));
  EXPECT_EQ(placement.applications[0].reason, Reason::kRunsTaken);
  EXPECT_EQ(placement.applications[0].longest_free, 1);
  EXPECT_EQ(placement.applications[0].order, 3);
}

TEST(PlacementTest, FillsRunsTogetherWhereOneByOneWouldWaste) {
  // Best fit decreasing would put 6 and 5 into the first runs that they fit.
  const PlacementSection section = {{Row(0, 10), Row(20, 9)},
                                    {{Class::kBrand, 6, 0, "", Key(1)},
                                     {Class::kBrand, 5, 0, "", Key(2)},
                                     {Class::kBrand, 5, 0, "", Key(3)},
                                     {Class::kBrand, 3, 0, "", Key(4)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(Placed(placement), ElementsAre(19, 0, 0));
}

TEST(PlacementTest, SaysWhySomebodyHasNoPlace) {
  const PlacementSection section = {{Row(0, 4), Row(10, 4)},
                                    {{Class::kBrand, 5, 0, "", Key(1)},
                                     {Class::kBrand, 3, 0, "", Key(2)},
                                     {Class::kBrand, 2, 1, "", Key(3)},
                                     {Class::kBrand, 2, 1, "", Key(4)},
                                     {Class::kBrand, 4, 1, "", Key(5)},
                                     {Class::kStandard, 1, 0, "", Key(6)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(Placed(placement), ElementsAre(8, 0, 0));
  EXPECT_EQ(placement.applications[0].reason, Reason::kNoRunLongEnough);
  EXPECT_EQ(placement.applications[0].longest_free, 4);
  // There was room for 3, but 2 + 2 and 4 fill it all.
  EXPECT_EQ(placement.applications[1].reason, Reason::kOthersServeMore);
  EXPECT_EQ(placement.applications[1].longest_free, 4);
  EXPECT_EQ(placement.applications[5].reason, Reason::kRunsTaken);
  EXPECT_EQ(placement.applications[5].longest_free, 0);
}

TEST(PlacementTest, OfOneSizeTheFirstByTierAndKeyArePlaced) {
  const PlacementSection section = {{Row(0, 4)},
                                    {{Class::kStandard, 2, 2, "", Key(1)},
                                     {Class::kStandard, 2, 1, "", Key(3)},
                                     {Class::kStandard, 2, 1, "", Key(2)},
                                     {Class::kStandard, 2, 2, "", Key(0)}}};
  const auto placement = Place(section);
  EXPECT_THAT(placement.applications[0].cells, IsEmpty());
  EXPECT_FALSE(placement.applications[1].cells.empty());
  EXPECT_FALSE(placement.applications[2].cells.empty());
  EXPECT_THAT(placement.applications[3].cells, IsEmpty());
  EXPECT_EQ(placement.applications[0].order, 4);
  EXPECT_EQ(placement.applications[2].order, 1);
}

TEST(PlacementTest, CornersGoByTier) {
  const PlacementSection section = {{Row(0, 6, {0, 5}), Row(10, 6)},
                                    {{Class::kBrand, 2, 2, "", Key(1)},
                                     {Class::kBrand, 2, 2, "", Key(2)},
                                     {Class::kBrand, 2, 2, "", Key(3)},
                                     {Class::kStandard, 2, 1, "", Key(4)},
                                     {Class::kStandard, 2, 1, "", Key(5)},
                                     {Class::kStandard, 2, 3, "", Key(6)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  for (size_t a = 0; a < 6; ++a) {
    EXPECT_EQ(placement.applications[a].corner, a == 3 || a == 4) << a;
  }
}

// Of each size alone, only a stand of 4 could have the corners, which comes later.
TEST(PlacementTest, StandsOfEqualLengthChangePlacesForCorners) {
  PlacementSection section = {{Row(0, 7), Row(10, 4, {10, 13})}, {}};
  int64_t key = 0;
  for (int64_t booths : {4, 3, 1, 1, 1, 1}) {
    section.applications.push_back({Class::kBrand, booths, booths == 1 ? 1 : 2, "", Key(key++)});
  }
  const auto placement = Place(section);
  ExpectValid(section, placement);
  std::vector<bool> corners;
  for (const auto& application : placement.applications) corners.push_back(application.corner);
  EXPECT_THAT(corners, ElementsAre(false, false, true, true, false, false));
}

TEST(PlacementTest, FreeCellsAreLeftAwayFromCorners) {
  const PlacementSection section = {{Row(0, 6, {5}), Row(10, 6, {10, 15})},
                                    {{Class::kBrand, 5, 0, "", Key(1)},
                                     {Class::kBrand, 3, 0, "", Key(2)},
                                     {Class::kBrand, 2, 0, "", Key(3)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  for (const auto& application : placement.applications) EXPECT_TRUE(application.corner);
}

TEST(PlacementTest, ProductGroupsStandTogether) {
  PlacementSection section = {{Row(0, 4), Row(10, 4), Row(20, 4)}, {}};
  for (int64_t i = 0; i < 12; ++i) {
    section.applications.push_back({Class::kStandard, 1, 0, absl::StrCat("group", i % 3), Key(i)});
  }
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_EQ(placement.neighbours, 9);
}

TEST(PlacementTest, ProductGroupsJoinThoseWhoStandThereAlready) {
  const PlacementSection section = {{Row(0, 5)},
                                    {{Class::kStandard, 1, 0, "b", Key(1), {0}},
                                     {Class::kStandard, 1, 0, "a", Key(2), {4}},
                                     {Class::kStandard, 1, 0, "a", Key(3)},
                                     {Class::kStandard, 1, 0, "b", Key(4)},
                                     {Class::kStandard, 1, 0, "", Key(5)}}};
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(placement.applications[2].cells, ElementsAre(3));
  EXPECT_THAT(placement.applications[3].cells, ElementsAre(1));
  EXPECT_EQ(placement.neighbours, 2);
}

TEST(PlacementTest, AnEmptySectionIsPlaced) {
  EXPECT_TRUE(Place({}).optimal());
  const PlacementSection no_cells = {{}, {{Class::kBrand, 1, 0, "", Key(1)}}};
  const auto placement = Place(no_cells);
  ExpectValid(no_cells, placement);
  EXPECT_EQ(placement.applications[0].reason, Reason::kNoRunLongEnough);
  EXPECT_TRUE(placement.optimal());
  EXPECT_TRUE(Place({{Row(0, 3)}, {}}).optimal());
}

TEST(PlacementTest, RefusesBadInput) {
  const PlacementSection good = {
      {Row(0, 3), Row(10, 3)},
      {{Class::kBrand, 2, 0, "", Key(1), {10, 11}}, {Class::kBrand, 1, 0, "", Key(2)}}};
  ASSERT_TRUE(PlaceSection(good).ok());
  const auto refused = [&](const std::string& field, const std::string& problem,
                           const std::function<void(PlacementSection&)>& spoil) {
    PlacementSection bad = good;
    spoil(bad);
    const absl::Status status = PlaceSection(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(api::ReasonOf(status), "PLACEMENT_INPUT_INVALID");
    EXPECT_THAT(api::FieldsOf(status), ElementsAre(field));
    EXPECT_THAT(std::string(status.message()), HasSubstr(problem));
  };
  refused("runs[1].cells", "left out", [](auto& s) { s.runs[1].cells.clear(); });
  refused("runs[0].cells[1].cell", "-1", [](auto& s) { s.runs[0].cells[1].cell = -1; });
  refused("runs[1].cells[2].cell", "only once", [](auto& s) { s.runs[1].cells[2].cell = 0; });
  refused("runs", "at most", [](auto& s) { s.runs.push_back(Row(100, kMaxSectionCells)); });
  refused("applications", "at most",
          [](auto& s) { s.applications.resize(kMaxSectionApplications + 1); });
  refused("applications[1].stand_class", "7",
          [](auto& s) { s.applications[1].stand_class = static_cast<Class>(7); });
  refused("applications[1].booths", "0", [](auto& s) { s.applications[1].booths = 0; });
  refused("applications[1].booths", "at",
          [](auto& s) { s.applications[1].booths = std::numeric_limits<int64_t>::max(); });
  refused("applications[1].tie_key", "SHA-256", [](auto& s) { s.applications[1].tie_key = "a"; });
  refused("applications[1].tie_key", "SHA-256",
          [](auto& s) { s.applications[1].tie_key = std::string(64, 'A'); });
  refused("applications[1].tie_key", "applications[0]",
          [](auto& s) { s.applications[1].tie_key = Key(1); });
  refused("applications[0].kept", "3 cells", [](auto& s) { s.applications[0].kept.push_back(12); });
  refused("applications[0].kept[1]", "99", [](auto& s) { s.applications[0].kept[1] = 99; });
  refused("applications[0].kept[1]", "next", [](auto& s) { s.applications[0].kept[1] = 12; });
  refused("applications[0].kept[1]", "next", [](auto& s) { s.applications[0].kept = {2, 10}; });
  refused("applications[0].kept[1]", "next", [](auto& s) { s.applications[0].kept = {11, 10}; });
  refused("applications[1].kept[0]", "applications[0]",
          [](auto& s) { s.applications[1].kept = {11}; });
  EXPECT_THAT(api::FieldsOf(PlaceSection(good, -1).status()), ElementsAre("steps"));
}

TEST(PlacementTest, ACellIsOfOneSectionOfAPhase) {
  const PlacementSection a = {{Row(0, 3)}, {}}, b = {{Row(3, 3), Row(10, 2)}, {}};
  EXPECT_TRUE(CheckCellsOfPhase({a, b}).ok());
  const absl::Status status = CheckCellsOfPhase({b, a, {{Row(20, 1), Row(11, 1)}, {}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(api::ReasonOf(status), "PLACEMENT_INPUT_INVALID");
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("sections[2].runs[1].cells[0].cell"));
}

// Random sections. Only numbers of the generator itself are used, which are the same
// everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}

  int64_t In(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(bits_() % static_cast<uint64_t>(most - least + 1));
  }

  struct Shape {
    int64_t runs, shortest, longest, applications, smallest, greatest, tiers, groups;
    int64_t kept_percent;
  };

  PlacementSection Section(const Shape& shape) {
    PlacementSection section;
    int64_t cell = In(0, 5);
    for (int64_t r = 0; r < shape.runs; ++r) {
      const int64_t length = In(shape.shortest, shape.longest);
      std::set<int64_t> corners;
      if (In(0, 1) == 0) corners.insert(cell);
      if (In(0, 1) == 0) corners.insert(cell + length - 1);
      section.runs.push_back(Row(cell, length, corners));
      cell += length + In(0, 3);
    }
    for (int64_t a = 0; a < shape.applications; ++a) {
      PlacementApplication application = {static_cast<Class>(In(0, 2)),
                                          In(shape.smallest, shape.greatest), In(1, shape.tiers),
                                          "", LotteryCommitment(absl::StrCat(a))};
      const int64_t group = In(0, shape.groups);
      if (group > 0) application.product_group = absl::StrCat("group", group);
      section.applications.push_back(std::move(application));
    }
    std::set<int64_t> taken;
    for (PlacementApplication& application : section.applications) {
      if (In(1, 100) > shape.kept_percent) continue;
      const auto& cells = section.runs[In(0, shape.runs - 1)].cells;
      const int64_t last = static_cast<int64_t>(cells.size()) - application.booths;
      if (last < 0) continue;
      Cells kept;
      const int64_t first = In(0, last);
      for (int64_t i = 0; i < application.booths; ++i) kept.push_back(cells[first + i].cell);
      if (std::any_of(kept.begin(), kept.end(), [&](int64_t c) { return taken.contains(c); })) {
        continue;
      }
      taken.insert(kept.begin(), kept.end());
      application.kept = kept;
    }
    return section;
  }

  void Shuffle(auto* list) {
    for (size_t i = list->size(); i > 1; --i) std::swap((*list)[i - 1], (*list)[bits_() % i]);
  }

 private:
  std::mt19937_64 bits_;
};

// Every set of applications that can stand at once: cell by cell, either nobody begins
// there or one of those that are left.
std::vector<Counts> Everything(const PlacementSection& section) {
  std::set<int64_t> kept;
  std::vector<PlacementApplication> free;
  for (const PlacementApplication& application : section.applications) {
    kept.insert(application.kept.begin(), application.kept.end());
    if (application.kept.empty()) free.push_back(application);
  }
  std::vector<char> sets(size_t{1} << free.size());
  sets[0] = true;
  for (const PlacementRun& run : section.runs) {
    // By cell: the sets that can stand before it.
    std::vector<std::vector<char>> before(run.cells.size() + 1, std::vector<char>(sets.size()));
    before[0] = sets;
    for (size_t i = 0; i < run.cells.size(); ++i) {
      for (size_t set = 0; set < sets.size(); ++set) {
        if (before[i][set]) before[i + 1][set] = true;
      }
      for (size_t a = 0; a < free.size(); ++a) {
        const size_t end = i + static_cast<size_t>(free[a].booths);
        if (end > run.cells.size()) continue;
        bool room = true;
        for (size_t c = i; c < end; ++c) room &= !kept.contains(run.cells[c].cell);
        if (!room) continue;
        for (size_t set = 0; set < sets.size(); ++set) {
          if (before[i][set] && !((set >> a) & 1)) before[end][set | size_t{1} << a] = true;
        }
      }
    }
    sets = before.back();
  }
  std::vector<Counts> all;
  for (size_t set = 0; set < sets.size(); ++set) {
    if (!sets[set]) continue;
    Counts counts = {};
    for (size_t a = 0; a < free.size(); ++a) {
      if ((set >> a) & 1) counts[static_cast<size_t>(free[a].stand_class)] += free[a].booths;
    }
    all.push_back(counts);
  }
  return all;
}

void ExpectBest(const PlacementSection& section, const SectionPlacement& placement) {
  const std::vector<Counts> all = Everything(section);
  const Counts placed = Placed(placement), bound = Bound(placement);
  const Counts best = *std::max_element(all.begin(), all.end());
  EXPECT_LE(placed, best);
  if (placement.optimal()) {
    EXPECT_EQ(placed, best);
  }
  for (const Counts& counts : all) {
    for (size_t k = 0; k < kStandClasses; ++k) {
      EXPECT_LE(counts[k], bound[k]) << "class " << k;
      if (counts[k] < placed[k]) break;
    }
  }
}

TEST(PlacementTest, FindsAndProvesTheBestOfSmallSections) {
  Random random(1);
  int best = 0, kept = 0, partly = 0;
  constexpr int kSections = 4000;
  for (int i = 0; i < kSections && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const auto section = random.Section({.runs = random.In(1, 4),
                                         .shortest = random.In(1, 4),
                                         .longest = random.In(4, 8),
                                         .applications = random.In(1, 9),
                                         .smallest = random.In(1, 2),
                                         .greatest = random.In(2, 6),
                                         .tiers = 3,
                                         .groups = 2,
                                         .kept_percent = i % 3 == 0 ? 25 : 0});
    const auto placement = Place(section);
    ExpectValid(section, placement);
    ExpectBest(section, placement);
    best += placement.optimal();
    for (const auto& application : placement.applications) {
      kept += application.reason == Reason::kKept;
      partly += application.cells.empty();
    }
  }
  EXPECT_EQ(best, kSections);
  // They were of the kinds that they are meant to be.
  EXPECT_GT(kept, 500);
  EXPECT_GT(partly, 3000);
}

TEST(PlacementTest, BoundsHoldWhereTheSearchIsCutShort) {
  Random random(2);
  int open = 0;
  for (int i = 0; i < 600 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const auto section = random.Section({.runs = random.In(2, 5),
                                         .shortest = 4,
                                         .longest = 9,
                                         .applications = 10,
                                         .smallest = random.In(2, 3),
                                         .greatest = random.In(5, 7),
                                         .tiers = 1,
                                         .groups = 0,
                                         .kept_percent = 0});
    const auto placement = Place(section, i % 2 == 0 ? 0 : random.In(1, 2000));
    ExpectValid(section, placement);
    ExpectBest(section, placement);
    open += !placement.optimal();
  }
  EXPECT_GT(open, 10);
}

// The stands that have corners, by tier: the most that any arrangement of the same
// sizes in the same runs has.
std::vector<int64_t> BestCorners(const PlacementSection& section,
                                 const SectionPlacement& placement) {
  std::map<int64_t, size_t> run_of;
  std::vector<int64_t> ends(section.runs.size());
  for (size_t r = 0; r < section.runs.size(); ++r) {
    const auto& cells = section.runs[r].cells;
    for (const auto& cell : cells) run_of[cell.cell] = r;
    ends[r] = cells.front().corner + (cells.size() > 1 && cells.back().corner);
  }
  std::vector<size_t> placed;
  std::vector<std::multiset<int64_t>> sizes(section.runs.size());
  for (size_t a = 0; a < placement.applications.size(); ++a) {
    if (placement.applications[a].cells.empty()) continue;
    placed.push_back(a);
    sizes[run_of[placement.applications[a].cells[0]]].insert(section.applications[a].booths);
  }
  std::vector<int64_t> best, counts(4);
  const std::function<void(size_t)> next = [&](size_t i) {
    if (i == placed.size()) {
      best = std::max(best, counts);
      return;
    }
    const PlacementApplication& application = section.applications[placed[i]];
    for (size_t r = 0; r < sizes.size(); ++r) {
      const auto size = sizes[r].find(application.booths);
      if (size == sizes[r].end()) continue;
      sizes[r].erase(size);
      next(i + 1);
      if (ends[r] > 0) {
        --ends[r];
        ++counts[application.tier];
        next(i + 1);
        --counts[application.tier];
        ++ends[r];
      }
      sizes[r].insert(application.booths);
    }
  };
  next(0);
  return best;
}

TEST(PlacementTest, CornersAreTheBestForTheSizesInTheRuns) {
  Random random(3);
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const auto section = random.Section({.runs = random.In(1, 4),
                                         .shortest = 2,
                                         .longest = 6,
                                         .applications = random.In(1, 7),
                                         .smallest = 1,
                                         .greatest = 3,
                                         .tiers = 3,
                                         .groups = 0,
                                         .kept_percent = 0});
    const auto placement = Place(section);
    ExpectValid(section, placement);
    std::vector<int64_t> counts(4);
    for (size_t a = 0; a < section.applications.size(); ++a) {
      counts[section.applications[a].tier] += placement.applications[a].corner;
    }
    EXPECT_EQ(counts, BestCorners(section, placement));
  }
}

constexpr Random::Shape kHall = {.runs = 40,
                                 .shortest = 3,
                                 .longest = 20,
                                 .applications = 200,
                                 .smallest = 1,
                                 .greatest = 6,
                                 .tiers = 4,
                                 .groups = 12,
                                 .kept_percent = 5};

TEST(PlacementTest, TheOrderOfTheInputDoesNotMatter) {
  Random random(4);
  for (int i = 0; i < 20; ++i) {
    PlacementSection section = random.Section(kHall);
    const auto placement = Place(section, 100'000);
    ExpectValid(section, placement);
    std::map<std::string, ApplicationPlacement> by_key;
    for (size_t a = 0; a < section.applications.size(); ++a) {
      by_key[section.applications[a].tie_key] = placement.applications[a];
    }
    random.Shuffle(&section.applications);
    random.Shuffle(&section.runs);
    const auto other = Place(section, 100'000);
    ExpectValid(section, other);
    EXPECT_EQ(Bound(other), Bound(placement));
    for (size_t a = 0; a < section.applications.size(); ++a) {
      const ApplicationPlacement& expected = by_key[section.applications[a].tie_key];
      EXPECT_EQ(other.applications[a].cells, expected.cells);
      EXPECT_EQ(other.applications[a].reason, expected.reason);
      EXPECT_EQ(other.applications[a].order, expected.order);
      EXPECT_EQ(other.applications[a].longest_free, expected.longest_free);
    }
  }
}

TEST(PlacementTest, FurtherApplicationsMoveNobody) {
  Random random(5);
  for (int i = 0; i < 20; ++i) {
    PlacementSection section = random.Section(kHall);
    const std::vector<PlacementApplication> all = section.applications;
    section.applications.resize(all.size() / 2);
    const auto first = Place(section);
    for (size_t a = 0; a < section.applications.size(); ++a) {
      section.applications[a].kept = first.applications[a].cells;
    }
    for (size_t a = section.applications.size(); a < all.size(); ++a) {
      section.applications.push_back(all[a]);
      section.applications.back().kept.clear();
    }
    // Valid says that kept cells are kept.
    ExpectValid(section, Place(section));
  }
}

TEST(PlacementTest, AFurtherRunChangesNothing) {
  Random random(6);
  for (int i = 0; i < 10; ++i) {
    PlacementSection section = random.Section(kHall);
    const auto first = Place(section);
    for (size_t a = 0; a < section.applications.size(); ++a) {
      section.applications[a].kept = first.applications[a].cells;
    }
    const auto second = Place(section);
    for (size_t a = 0; a < section.applications.size(); ++a) {
      EXPECT_EQ(second.applications[a].cells, first.applications[a].cells);
    }
    EXPECT_EQ(second.neighbours, first.neighbours);
  }
}

// Every run of 8 takes one brand stand of 7 and wastes a cell, or two of 4: what
// is lost to precedence must not loosen the bounds.
TEST(PlacementTest, BoundsOfAClassRespectThoseBefore) {
  PlacementSection section;
  for (int64_t r = 0; r < 100; ++r) section.runs.push_back(Row(10 * r, 8));
  int64_t key = 0;
  const auto add = [&](int64_t count, Class stand_class, int64_t booths) {
    for (; count > 0; --count) {
      section.applications.push_back({stand_class, booths, 0, "", Key(key++)});
    }
  };
  add(30, Class::kBrand, 7);
  add(90, Class::kCustomBuilt, 4);
  add(40, Class::kStandard, 3);
  add(40, Class::kStandard, 5);
  const auto placement = Place(section);
  ExpectValid(section, placement);
  EXPECT_THAT(Placed(placement), ElementsAre(210, 360, 200));
  EXPECT_THAT(Bound(placement), ElementsAre(210, 360, 200));
}

// A digest of placements that were worked out elsewhere, in another build type.
TEST(PlacementTest, IsTheSameEverywhere) {
  Random random(7);
  std::string all;
  for (int i = 0; i < 12; ++i) {
    Random::Shape shape = kHall;
    shape.smallest = 1 + i % 3;
    shape.greatest = 5 + i % 4;
    shape.applications = 120;
    const auto section = random.Section(shape);
    const auto placement = Place(section, 200'000);
    for (const auto& application : placement.applications) {
      absl::StrAppend(&all, application.order, " ", application.longest_free, " ",
                      static_cast<int>(application.reason), " ", application.corner);
      for (const int64_t cell : application.cells) absl::StrAppend(&all, " ", cell);
      absl::StrAppend(&all, "\n");
    }
    for (const int64_t bound : Bound(placement)) absl::StrAppend(&all, bound, "\n");
    absl::StrAppend(&all, placement.neighbours, "\n");
  }
  EXPECT_EQ(LotteryCommitment(all),
            "89fe61c5ad17fa7f91274f30ea8acd8b798c7d24273fd6e917d65b1705548a69");
}

// Nothing that a caller may send takes long or overflows.
TEST(PlacementTest, StandsExtremes) {
  PlacementSection one_run = {{Row(0, kMaxSectionCells)}, {}};
  PlacementSection single_cells;
  for (int64_t cell = 0; cell < 1'500; ++cell) single_cells.runs.push_back(Row(cell, 1, {cell}));
  PlacementSection all_lengths;
  for (int64_t r = 0, cell = 0; r < 400; ++r, cell += 1000) {
    all_lengths.runs.push_back(Row(cell, 1 + r % 400));
  }
  for (int64_t a = 0; a < 2'000; ++a) {
    const auto add = [&](PlacementSection& section, int64_t booths) {
      section.applications.push_back({static_cast<Class>(a % 3), booths,
                                      std::numeric_limits<int64_t>::min() + a % 7,
                                      absl::StrCat(a % 700), Key(a)});
    };
    add(one_run, 1 + a * 37 % 977);
    add(single_cells, a % 5 == 0 ? kMaxSectionCells : 1);
    add(all_lengths, 2 + a % 350);
  }
  for (const PlacementSection& section : {one_run, single_cells, all_lengths}) {
    const auto placement = Place(section, 100'000);
    ExpectValid(section, placement);
  }
}

}  // namespace
}  // namespace caravan::fairs
