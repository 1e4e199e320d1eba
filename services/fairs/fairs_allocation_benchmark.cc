// How long the quantities of a whole edition take: 55 sections, 50 delegations and
// 32,000 applications that are made up, stages BRAND and GENERAL, with the digests of
// inputs and results, on one core.
//
//   fairs_allocation_benchmark [scale...]
//
// for example `fairs_allocation_benchmark 0.0625 0.25 1 4`; a scale multiplies the
// applications and the booths. Prints user CPU time, the least of five runs, and the
// digest of all results, which is the same for every compiler and build.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/fairs/digest.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/made_up_section.h"

namespace caravan::fairs {
namespace {

constexpr int kSections = 55;
constexpr int kDelegations = 50;
constexpr int kApplications = 32'000;
constexpr int kBooths = 70'000;
constexpr int kRuns = 5;

double UserSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
}

// A fifth of applications and booths are of the brand stage.
std::vector<v1::SectionInputs> MakeUpEdition(double scale) {
  testing::Random random(136);
  std::vector<v1::SectionInputs> sections;
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL}) {
    const double share = scale * (stage == v1::BRAND ? 0.2 : 0.8) / kSections;
    for (int section = 0; section < kSections; ++section) {
      sections.push_back(
          testing::MakeUpSection({.stage = stage,
                                  .delegations = kDelegations,
                                  .applications = static_cast<int>(kApplications * share),
                                  .booths = static_cast<int>(kBooths * share),
                                  .score_steps = 1000,
                                  .minimum_booths = 3},
                                 absl::StrCat("s", 100 + section), random));
    }
  }
  return sections;
}

// The digest of all results.
std::string Run(const v1::Rules& rules, const std::vector<v1::SectionInputs>& sections) {
  std::vector<std::string> inputs_digests;
  for (const v1::SectionInputs& inputs : sections) {
    inputs_digests.push_back(DigestOfInputs(inputs).value());
  }
  const std::string snapshot = DigestOfSnapshot(inputs_digests);
  std::vector<std::string> result_digests;
  for (const v1::SectionInputs& inputs : sections) {
    result_digests.push_back(RunSection(rules, inputs, snapshot).value().digest());
  }
  return DigestOfAllocation(snapshot, DigestOfRules(rules).value(), snapshot, result_digests);
}

void Measure(double scale, v1::QuantityMethod method) {
  v1::Rules rules = testing::KnownRules();
  rules.mutable_general_quantity()->set_method(method);
  const std::vector<v1::SectionInputs> sections = MakeUpEdition(scale);
  int applications = 0;
  for (const v1::SectionInputs& inputs : sections) applications += inputs.applications_size();
  double least = 0;
  std::string digest;
  for (int run = 0; run < kRuns; ++run) {
    const double start = UserSeconds();
    digest = Run(rules, sections);
    const double seconds = UserSeconds() - start;
    least = run == 0 ? seconds : std::min(least, seconds);
  }
  std::printf("%8.4f %8d  %-28s %8.3f  %s\n", scale, applications,
              v1::QuantityMethod_Name(method).c_str(), least, digest.c_str());
}

}  // namespace
}  // namespace caravan::fairs

int main(int argc, char** argv) {
  std::vector<double> scales;
  for (int i = 1; i < argc; ++i) {
    double scale = 0;
    if (!absl::SimpleAtod(argv[i], &scale) || scale <= 0 || scale > 16) {
      std::fprintf(stderr, "a scale should be above 0, at most 16, not %s\n", argv[i]);
      return EXIT_FAILURE;
    }
    scales.push_back(scale);
  }
  if (scales.empty()) scales.push_back(1);
  std::printf("%8s %8s  %-28s %8s  %s\n", "scale", "firms", "general booths by", "user s",
              "digest");
  for (const double scale : scales) {
    for (const auto method :
         {caravan::fairs::v1::RANKED, caravan::fairs::v1::SCORE_STEP,
          caravan::fairs::v1::HIGHEST_AVERAGES, caravan::fairs::v1::LARGEST_REMAINDER_OF_SCORES}) {
      caravan::fairs::Measure(scale, method);
    }
  }
}
