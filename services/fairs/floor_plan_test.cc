#include "services/fairs/floor_plan.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using v1::FloorPlan;
using v1::Hall;

template <class T>
T Parse(const char* text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

Hall TheHall() {
  return Parse<Hall>(R"pb(
    name: "fairs/canton-136/halls/11.2"
    rows {
      id: "z"
      aisle: "B"
      first_number: 1
      number_step: 2
      cells: 10
      direction: EAST
      blocked_numbers: 9
      corner_numbers: [ 1, 19 ]
    }
    rows { id: "b" aisle: "C" first_number: 5 number_step: 1 cells: 6 direction: SOUTH })pb");
}

FloorPlan ThePlan() {
  return Parse<FloorPlan>(R"pb(
    name: "fairs/canton-136/floorPlans/1-11.2"
    spans { row: "z" first_number: 1 last_number: 5 section: "toys" }
    spans { row: "z" first_number: 7 last_number: 15 section: "toys" }
    spans { row: "z" first_number: 17 last_number: 19 section: "silk" }
    spans { row: "b" first_number: 6 last_number: 10 section: "toys" })pb");
}

std::vector<std::string> Runs(const Hall& hall, const FloorPlan& plan, const char* section) {
  std::vector<std::string> runs;
  for (const auto& run : Floor(hall, plan).FreeRuns(section)) {
    runs.push_back(absl::StrCat(run.hall(), " ", run.row(), run.first_number(), "/",
                                run.number_step(), " x", run.cells(), " [",
                                absl::StrJoin(run.corner_numbers(), ","), "]"));
  }
  return runs;
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

TEST(FloorTest, NeighboursOfOneSectionAreRuns) {
  EXPECT_THAT(Runs(TheHall(), ThePlan(), "toys"),
              ElementsAre("11.2 b6/1 x5 []", "11.2 z1/2 x4 [1]", "11.2 z11/2 x3 []"));
  EXPECT_THAT(Runs(TheHall(), ThePlan(), "silk"), ElementsAre("11.2 z17/2 x2 [19]"));
  EXPECT_THAT(Runs(TheHall(), ThePlan(), "tea"), IsEmpty());
}

TEST(FloorTest, StandsEndRuns) {
  FloorPlan plan = ThePlan();
  *plan.add_stands() =
      Parse<FloorPlan::Stand>(R"pb(row: "b" first_number: 7 booths: 2 application: "x")pb");
  EXPECT_THAT(Runs(TheHall(), plan, "toys"), ElementsAre("11.2 b6/1 x1 []", "11.2 b9/1 x2 []",
                                                         "11.2 z1/2 x4 [1]", "11.2 z11/2 x3 []"));
}

TEST(FloorTest, WhatTheFloorDoesNotHaveIsLeftOut) {
  FloorPlan plan = ThePlan();
  plan.add_spans()->set_row("gone");
  plan.add_stands()->set_row("gone");
  *plan.add_stands() =
      Parse<FloorPlan::Stand>(R"pb(row: "z" first_number: 17 booths: 9 application: "x")pb");
  EXPECT_THAT(Runs(TheHall(), plan, "silk"), IsEmpty());
}

TEST(SpansTest, NameCellsThatExist) {
  EXPECT_THAT(CheckSpans(TheHall(), ThePlan()), IsOk());
  FloorPlan plan = ThePlan();
  plan.mutable_spans(0)->set_row("gone");
  plan.mutable_spans(1)->set_first_number(8);
  plan.mutable_spans(2)->set_last_number(21);
  plan.mutable_spans(3)->set_last_number(5);
  EXPECT_THAT(CheckSpans(TheHall(), plan),
              Invalid({"spans[0].row", "spans[1].first_number", "spans[2].last_number",
                       "spans[3].last_number"}));
}

TEST(SpansTest, DoNotOverlap) {
  FloorPlan plan = ThePlan();
  plan.mutable_spans(1)->set_first_number(5);
  const absl::Status s = CheckSpans(TheHall(), plan);
  EXPECT_THAT(s, Invalid({"spans[1]"}));
  EXPECT_THAT(std::string(s.message()), HasSubstr("11.2B05, which spans[0] has"));
}

TEST(StandsKeptTest, NoStandLosesItsCells) {
  FloorPlan plan = ThePlan();
  *plan.add_stands() =
      Parse<FloorPlan::Stand>(R"pb(row: "z" first_number: 11 booths: 2 application: "x")pb");
  const Hall hall = TheHall();
  const Floor before(hall, plan);
  const auto check = [&](const Hall& changed_hall, const FloorPlan& changed) {
    return CheckStandsKept(before, Floor(changed_hall, changed), plan);
  };
  const auto placed = Fails(StatusCode::kFailedPrecondition, "STANDS_PLACED");
  EXPECT_THAT(check(hall, plan), IsOk());
  FloorPlan other = plan;
  other.mutable_spans(1)->set_last_number(13);
  EXPECT_THAT(check(hall, other), IsOk());
  other.mutable_spans(1)->set_last_number(11);
  EXPECT_THAT(check(hall, other), placed);
  other = plan;
  other.mutable_spans(1)->set_section("silk");
  EXPECT_THAT(check(hall, other), placed);

  Hall changed = hall;
  changed.mutable_rows(0)->set_cells(7);
  EXPECT_THAT(check(changed, plan), IsOk());
  changed.mutable_rows(0)->set_cells(6);
  EXPECT_THAT(check(changed, plan), placed);
  changed = hall;
  changed.mutable_rows(0)->add_blocked_numbers(13);
  EXPECT_THAT(check(changed, plan), placed);
  changed = hall;
  changed.mutable_rows(0)->set_id("y");
  EXPECT_THAT(check(changed, plan), placed);
  changed = hall;
  changed.mutable_rows(0)->set_number_step(1);
  EXPECT_THAT(check(changed, plan), placed);
}

TEST(StandsKeptTest, APlanWithStandsStays) {
  FloorPlan plan = ThePlan();
  EXPECT_THAT(CheckNoStands(plan), IsOk());
  plan.add_stands()->set_application("x");
  EXPECT_THAT(CheckNoStands(plan), Fails(StatusCode::kFailedPrecondition, "STANDS_PLACED"));
}

}  // namespace
}  // namespace caravan::fairs
