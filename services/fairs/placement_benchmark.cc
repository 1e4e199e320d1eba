// How long placing a whole edition takes, and how near to the proven bounds it
// comes. The fairs are invented, from usual to perverse.
//
//   placement_benchmark <sixteenths> [steps]      e.g. 16 for an edition of full size
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/fairs/lottery.h"
#include "services/fairs/placement.h"

namespace caravan::fairs {
namespace {

// An edition of full size: three phases of 25,000 cells.
constexpr int64_t kSections = 55;
constexpr int64_t kCells = 75'000;

struct Sizes {
  int64_t percent;  // of the applications
  std::vector<int64_t> booths;
};

struct Kind {
  const char* name;
  int64_t shortest, longest;  // runs
  int64_t asked_percent;      // booths asked for, of the cells
  Sizes classes[kStandClasses];
};

const Kind kKinds[] = {
    {"usual",
     4,
     24,
     98,
     {{8, {2, 3, 4, 5, 6, 7, 8, 9, 10}}, {14, {2, 3, 4, 5, 6, 7, 8}}, {78, {1, 1, 1, 1, 2, 3}}}},
    {"oversubscribed",
     4,
     24,
     115,
     {{8, {2, 3, 4, 5, 6, 7, 8, 9, 10}}, {14, {2, 3, 4, 5, 6, 7, 8}}, {78, {1, 1, 1, 1, 2, 3}}}},
    {"no small stands",
     4,
     24,
     102,
     {{20, {2, 3, 4, 5, 6, 7, 8, 9, 10}}, {30, {4, 5, 6, 7, 8, 9}}, {50, {2, 3, 4, 5}}}},
    {"short runs, large stands",
     6,
     14,
     105,
     {{40, {4, 5, 6, 7, 8, 9, 10}}, {30, {4, 5, 6, 7, 8}}, {30, {3, 4, 5, 6}}}},
    {"even stands",
     3,
     30,
     105,
     {{33, {2, 4, 6, 9, 10}}, {33, {2, 4, 6, 9, 10}}, {34, {2, 4, 6, 9, 10}}}},
    {"four sizes, no cell to spare",
     10,
     20,
     100,
     {{33, {4, 5, 7, 9}}, {33, {4, 5, 7, 9}}, {34, {4, 5, 7, 9}}}},
    {"brand stands for two thirds", 5, 12, 120, {{50, {5, 6, 7}}, {30, {4, 5, 6}}, {20, {3, 4}}}},
};

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  int64_t In(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(bits_() % static_cast<uint64_t>(most - least + 1));
  }

 private:
  std::mt19937_64 bits_;
};

PlacementSection Section(const Kind& kind, int64_t number, int64_t cells) {
  Random random(number);
  PlacementSection section;
  int64_t given = 0;
  while (given < cells) {
    const int64_t length = random.In(kind.shortest, kind.longest);
    PlacementRun run;
    for (int64_t i = 0; i < length; ++i) {
      run.cells.push_back({given + i, i == 0 || i == length - 1});
    }
    section.runs.push_back(std::move(run));
    given += length;
  }
  int64_t asked = 0;
  for (int64_t a = 0; asked * 100 < given * kind.asked_percent; ++a) {
    size_t k = 0;
    for (int64_t at = random.In(1, 100); at > kind.classes[k].percent; ++k) {
      at -= kind.classes[k].percent;
    }
    const std::vector<int64_t>& sizes = kind.classes[k].booths;
    const int64_t booths = sizes[random.In(0, static_cast<int64_t>(sizes.size()) - 1)];
    section.applications.push_back({static_cast<StandClass>(k), booths, random.In(1, 4),
                                    absl::StrCat("group", random.In(1, 25)),
                                    LotteryKey("", absl::StrCat(number), absl::StrCat(a))});
    asked += booths;
  }
  return section;
}

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void Measure(const Kind& kind, int64_t sixteenths, int64_t steps) {
  Random random(0);
  int64_t applications = 0, asked = 0, proven = 0, stands = 0, neighbours = 0;
  int64_t room = 0;
  std::array<ClassPlacement, kStandClasses> sums;
  double seconds = 0, slowest = 0, widest = 0;
  for (int64_t s = 0; s < kSections; ++s) {
    const int64_t share = random.In(50, 150);
    const int64_t cells = kCells * sixteenths * share / (kSections * 16 * 100);
    const PlacementSection section = Section(kind, s, cells);
    const double begin = CpuSeconds();
    const auto placement = PlaceSection(section, steps);
    const double took = CpuSeconds() - begin;
    if (!placement.ok()) {
      fprintf(stderr, "%s\n", placement.status().ToString().c_str());
      exit(1);
    }
    seconds += took;
    slowest = std::max(slowest, took);
    for (const PlacementRun& run : section.runs) room += static_cast<int64_t>(run.cells.size());
    applications += static_cast<int64_t>(section.applications.size());
    for (const ApplicationPlacement& application : placement->applications) {
      stands += !application.cells.empty();
    }
    neighbours += placement->neighbours;
    proven += placement->optimal();
    int64_t placed = 0, bound = 0;
    for (size_t k = 0; k < kStandClasses; ++k) {
      const ClassPlacement& c = placement->classes[k];
      sums[k].asked += c.asked;
      sums[k].placed += c.placed;
      sums[k].bound += c.bound;
      placed += c.placed;
      bound += c.bound;
      asked += c.asked;
    }
    widest = std::max(widest, Percent(bound - placed, bound));
  }
  printf("%-29s %7ld %7ld %7ld", kind.name, static_cast<long>(room),
         static_cast<long>(applications), static_cast<long>(asked));
  for (const ClassPlacement& c : sums) {
    printf(" %6ld %6.3f", static_cast<long>(c.placed), Percent(c.bound - c.placed, c.bound));
  }
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("  %2ld/%ld %6.3f %6.2f %6.3f %5.1f %5ld\n", static_cast<long>(proven),
         static_cast<long>(kSections), widest, seconds, slowest, Percent(neighbours, stands),
         usage.ru_maxrss / 1024);
}

}  // namespace
}  // namespace caravan::fairs

int main(int argc, char** argv) {
  int64_t sixteenths = 0, steps = caravan::fairs::kPlacementSteps;
  if (argc < 2 || argc > 3 || !absl::SimpleAtoi(argv[1], &sixteenths) || sixteenths < 1 ||
      sixteenths > 256 || (argc == 3 && !absl::SimpleAtoi(argv[2], &steps))) {
    fprintf(stderr, "usage: placement_benchmark <sixteenths, 1 to 256> [steps]\n");
    return 2;
  }
  printf(
      "of a class: booths placed, and %% that the proven bound lies above; of the sections: proven "
      "best, widest %% between all booths placed and the bounds; CPU s: all, slowest section; %% "
      "of "
      "stands beside one of their group; MiB\n");
  printf("%-29s %7s %7s %7s %13s %13s %13s  %5s %6s %6s %6s %5s %5s\n", "", "cells", "applic.",
         "booths", "brand", "custom-built", "standard", "best", "widest", "CPU s", "worst", "group",
         "MiB");
  for (const auto& kind : caravan::fairs::kKinds) {
    caravan::fairs::Measure(kind, sixteenths, steps);
  }
}
