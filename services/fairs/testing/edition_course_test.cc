#include "services/fairs/testing/edition_course.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/fairs/verify_bundle.h"

namespace caravan::fairs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using v1::Application;

EditionOptions SmallEdition() {
  EditionOptions options;
  options.sections = 9;
  options.booths = 4'500;
  options.applications = 2'000;
  options.delegations = 12;
  return options;
}

std::vector<std::string> Problems(const std::vector<v1::Bundle>& bundles) {
  std::vector<std::string> problems;
  for (const Finding& finding : VerifyBundles(bundles)) {
    problems.push_back(absl::StrCat(finding.subject, ": ", finding.message));
  }
  return problems;
}

TEST(EditionCourseTest, GivesBoothsToMostOfAnEdition) {
  EditionCourse course(MakeEdition(SmallEdition()));
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL}) {
    const auto bundles = course.Run(course.Freeze(stage));
    EXPECT_THAT(Problems(bundles), IsEmpty());
    course.Publish(bundles);
  }
  std::map<std::string, int> given;
  std::map<std::string, int> newcomers, others;
  for (const Application& application : course.edition().applications) {
    if (application.state() != Application::CONFIRMED) continue;
    given[application.section()] += application.allotted_booths();
    EXPECT_GE(application.allotted_booths(), application.minimum_booths());
    EXPECT_LE(application.allotted_booths(), application.maximum_booths());
    if (application.kind() == Application::GENERAL) {
      ++(application.newcomer() ? newcomers : others)[application.section()];
    }
  }
  for (const v1::Section& section : course.edition().sections) {
    const int booths =
        section.brand_booths() + section.general_booths() + section.newcomer_booths();
    EXPECT_GT(given[section.name()], booths * 7 / 10) << section.name();
    EXPECT_LE(given[section.name()], booths) << section.name();
    EXPECT_GT(newcomers[section.name()], 0) << section.name();
    EXPECT_LE(newcomers[section.name()], others[section.name()] / 4) << section.name();
  }
  const auto placement = course.Run(course.Freeze(v1::PLACEMENT));
  EXPECT_THAT(Problems(placement), IsEmpty());
  const v1::Allocation& run = placement.front().allocation();
  EXPECT_LE(run.booths(), run.booths_bound());
  EXPECT_GE(run.booths() * 100, run.booths_bound() * 99);
}

TEST(EditionCourseTest, GivesWhatIsReturnedToThoseWhoWait) {
  EditionCourse course(MakeEdition(SmallEdition()));
  course.Publish(course.Run(course.Freeze(v1::GENERAL)));
  course.ReturnOneIn(10);
  std::map<std::string, int> before;
  for (const Application& application : course.edition().applications) {
    if (application.state() == Application::CONFIRMED) {
      before[application.name()] = application.allotted_booths();
    }
  }
  const auto bundles = course.Run(course.Freeze(v1::GENERAL, true));
  EXPECT_THAT(Problems(bundles), IsEmpty());
  EXPECT_GT(bundles.front().allocation().booths(), 0);
  course.Publish(bundles);
  for (const Application& application : course.edition().applications) {
    const auto held = before.find(application.name());
    if (held == before.end()) continue;
    EXPECT_EQ(application.state(), Application::CONFIRMED);
    EXPECT_EQ(application.allotted_booths(), held->second);
  }
}

// Every machine and every build come to the same bytes.
TEST(EditionCourseTest, HasTheSameDigestsEverywhere) {
  EditionCourse course(MakeEdition(SmallEdition()));
  std::vector<std::string> digests;
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) {
    const auto bundles = course.Run(course.Freeze(stage));
    digests.push_back(bundles.front().allocation().digest());
    if (stage != v1::PLACEMENT) course.Publish(bundles);
  }
  course.ReturnOneIn(10);
  digests.push_back(course.Run(course.Freeze(v1::GENERAL, true)).front().allocation().digest());
  EXPECT_THAT(digests,
              ElementsAre("77a3748005e14bb3d3ea4f9e4dc79534f54893334d4459a2aa35e9dc4b1acfda",
                          "440ed8bbe1d8421732e9529608693c87b4884ec5db4c460b66893b02e73aa07a",
                          "52643d0534719e2271f182e4ac223fb846057b0e0a37fa94fcc657a89fc9c6b2",
                          "4274df723631071d1358dc32cafe6950011b7e0a32ca31405b99f26f371f6cd9"));
}

}  // namespace
}  // namespace caravan::fairs::testing
