#include "services/fairs/testing/edition.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/fairs/points.h"

namespace caravan::fairs::testing {
namespace {

TEST(Edition, IsAsLargeAsTheFair) {
  const Edition edition = MakeEdition({});
  EXPECT_EQ(edition.sections.size(), 55u);
  EXPECT_EQ(edition.delegations.size(), 50u);
  EXPECT_EQ(edition.quotas.size(), 55u * 50u);
  EXPECT_EQ(edition.applications.size(), 32'000u);
  std::map<std::string, int> booths;
  for (const v1::Section& section : edition.sections) {
    booths[section.phase()] +=
        section.brand_booths() + section.general_booths() + section.newcomer_booths();
  }
  EXPECT_THAT(booths, ::testing::ElementsAre(std::pair("1", 24'666), std::pair("2", 24'666),
                                             std::pair("3", 24'666)));
}

TEST(Edition, GivesEverySectionTheCellsOfItsBooths) {
  for (int booths : {300, 4'600, 74'000}) {
    EditionOptions options;
    options.booths = booths;
    options.applications = booths / 3;
    const Edition edition = MakeEdition(options);
    std::map<std::string, const v1::Hall*> halls;
    for (const v1::Hall& hall : edition.halls) halls[hall.name()] = &hall;
    std::map<std::string, int> cells;
    std::set<std::tuple<std::string, std::string, int>> seen;
    for (const v1::FloorPlan& plan : edition.floor_plans) {
      for (const v1::FloorPlan::Span& span : plan.spans()) {
        const auto& rows = halls.at(plan.hall())->rows();
        const auto row = std::find_if(rows.begin(), rows.end(),
                                      [&](const auto& r) { return r.id() == span.row(); });
        ASSERT_NE(row, rows.end());
        for (int n = span.first_number(); n <= span.last_number(); n += row->number_step()) {
          EXPECT_TRUE(seen.emplace(plan.name(), span.row(), n).second);
          const auto& blocked = row->blocked_numbers();
          if (std::find(blocked.begin(), blocked.end(), n) == blocked.end()) {
            ++cells[span.section()];
          }
        }
      }
    }
    for (const v1::Section& section : edition.sections) {
      EXPECT_EQ(cells[section.name()],
                section.brand_booths() + section.general_booths() + section.newcomer_booths())
          << section.name();
    }
  }
}

TEST(Edition, ScoresAddUpAndStayWithinTheirMaxima) {
  EditionOptions options;
  options.booths = 2'000;
  options.applications = 900;
  const Edition edition = MakeEdition(options);
  std::map<std::string, int64_t> maxima[2];
  for (const auto& c : edition.fair.rules().brand_criteria()) {
    maxima[1][c.id()] = *ParsePoints(c.maximum());
  }
  for (const auto& c : edition.fair.rules().general_criteria()) {
    maxima[0][c.id()] = *ParsePoints(c.maximum());
  }
  std::set<std::string> pseudonyms;
  for (const v1::Application& application : edition.applications) {
    const auto& of_kind = maxima[application.kind() == v1::Application::BRAND];
    int64_t sum = 0;
    for (const auto& verified : application.verified_points()) {
      EXPECT_LE(*ParsePoints(verified.points()), of_kind.at(verified.criterion()));
      sum += *ParsePoints(verified.points());
    }
    EXPECT_EQ(sum, *ParsePoints(application.score()));
    EXPECT_LE(application.minimum_booths(), application.maximum_booths());
    EXPECT_TRUE(pseudonyms.insert(application.pseudonym()).second);
    EXPECT_EQ(application.pseudonym().size(), 32u);
  }
}

TEST(Edition, IsTheSameEveryTime) {
  EditionOptions options;
  options.booths = 500;
  options.applications = 200;
  const Edition a = MakeEdition(options), b = MakeEdition(options);
  ASSERT_EQ(a.applications.size(), b.applications.size());
  for (size_t i = 0; i < a.applications.size(); ++i) {
    EXPECT_EQ(a.applications[i].SerializeAsString(), b.applications[i].SerializeAsString());
  }
  // On every machine and with every compiler.
  EXPECT_EQ(a.applications[0].section(),
            "fairs/canton-136/sections/general-machinery-and-mechanical-basic-parts");
  EXPECT_EQ(a.applications[0].score(), "25.5");
}

}  // namespace
}  // namespace caravan::fairs::testing
