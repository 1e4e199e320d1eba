// How long the runs of an invented edition take, and how near placement comes to its
// proven bound.
//
//   fair_benchmark [SIXTEENTHS]...      16, the default, is an edition of full size
//
// Digests are the same on every machine and in every build.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/edition_course.h"

namespace caravan::fairs {
namespace {

// A usual value for the seed: the time does not depend on it.
constexpr char kSeed[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

rusage Used() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double UserSeconds() {
  const timeval user = Used().ru_utime;
  return static_cast<double>(user.tv_sec) + 1e-6 * static_cast<double>(user.tv_usec);
}

// User CPU seconds of the run of all sections.
double Measure(const v1::Rules& rules, const std::vector<v1::SectionInputs>& sections) {
  const double begin = UserSeconds();
  for (const v1::SectionInputs& inputs : sections) {
    const auto result = RunSection(rules, inputs, kSeed);
    if (result.ok()) continue;
    fprintf(stderr, "%s\n", result.status().ToString().c_str());
    exit(1);
  }
  return UserSeconds() - begin;
}

void RunEdition(int sixteenths) {
  testing::EditionOptions options;
  options.booths = options.booths * sixteenths / 16;
  options.applications = options.applications * sixteenths / 16;
  testing::EditionCourse course(testing::MakeEdition(options));
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) {
    const std::vector<v1::SectionInputs> frozen = course.Freeze(stage);
    const double seconds = Measure(course.edition().fair.rules(), frozen);
    const long mebibytes = Used().ru_maxrss / 1024;
    const std::vector<v1::Bundle> bundles = course.Run(frozen);
    const v1::Allocation& run = bundles.front().allocation();
    const int bound = run.booths_bound();
    printf("%10d  %-9s  %12d  %8d  %8d  %8d  %8.2f  %8.3f  %5ld  %s\n", sixteenths,
           v1::Stage_Name(stage).c_str(), run.applications(), run.firms(), run.booths(),
           run.left_booths(), bound == 0 ? 0 : 100.0 * (bound - run.booths()) / bound, seconds,
           mebibytes, run.digest().c_str());
    fflush(stdout);
    if (stage != v1::PLACEMENT) course.Publish(bundles);
  }
}

}  // namespace
}  // namespace caravan::fairs

int main(int argc, char** argv) {
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) {
    int& sixteenths = sizes.emplace_back(0);
    if (!absl::SimpleAtoi(argv[i], &sixteenths) || sixteenths < 1 || sixteenths > 64) {
      fprintf(stderr, "usage: fair_benchmark [sixteenths of an edition, 1 to 64]...\n");
      return 2;
    }
  }
  if (sizes.empty()) sizes = {16};
  printf("%10s  %-9s  %12s  %8s  %8s  %8s  %8s  %8s  %5s  %s\n", "sixteenths", "stage",
         "applications", "firms", "booths", "left", "% below", "user s", "MiB", "digest");
  for (const int sixteenths : sizes) caravan::fairs::RunEdition(sixteenths);
}
