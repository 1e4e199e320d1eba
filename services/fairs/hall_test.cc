#include "services/fairs/hall.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using testing::IsOk;
using v1::Hall;

// Two rows back to back, of 4 cells each.
Hall TheHall() {
  Hall hall;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"pb(
                                                              name: "fairs/canton-136/halls/11.2"
                                                              x_meters: 100
                                                              y_meters: 200
                                                              width_meters: 30
                                                              depth_meters: 20
                                                              rows {
                                                                id: "a"
                                                                aisle: "B"
                                                                first_number: 1
                                                                number_step: 2
                                                                cells: 4
                                                                x_meters: 3
                                                                y_meters: 2
                                                                direction: EAST
                                                                blocked_numbers: 3
                                                                corner_numbers: [ 1, 7 ]
                                                              }
                                                              rows {
                                                                id: "b"
                                                                aisle: "B"
                                                                first_number: 2
                                                                number_step: 2
                                                                cells: 4
                                                                x_meters: 3
                                                                y_meters: 5
                                                                direction: EAST
                                                              })pb",
                                                            &hall));
  return hall;
}

absl::Status Check(void (*change)(Hall& hall)) {
  Hall hall = TheHall();
  change(hall);
  return CheckHall(hall);
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

TEST(HallTest, OfRowsSideBySideIsFine) { EXPECT_THAT(CheckHall(TheHall()), IsOk()); }

TEST(HallTest, RowsMustNotOverlap) {
  const absl::Status s = Check([](Hall& hall) { hall.mutable_rows(1)->set_y_meters(4); });
  EXPECT_THAT(s, Invalid({"rows[1]"}));
  EXPECT_THAT(std::string(s.message()), HasSubstr("row b (x 103 to 115, y 204 to 207 m)"));
  // One that goes south begins beside the other, and crosses it where it is moved west.
  EXPECT_THAT(Check([](Hall& hall) {
                hall.mutable_rows(1)->set_direction(Hall::SOUTH);
                hall.mutable_rows(1)->set_x_meters(15);
                hall.mutable_rows(1)->set_y_meters(0);
              }),
              IsOk());
  EXPECT_THAT(Check([](Hall& hall) {
                hall.mutable_rows(1)->set_direction(Hall::SOUTH);
                hall.mutable_rows(1)->set_x_meters(14);
                hall.mutable_rows(1)->set_y_meters(0);
              }),
              Invalid({"rows[1]"}));
}

TEST(HallTest, RowsMustNotLeaveTheFloor) {
  EXPECT_THAT(Check([](Hall& hall) { hall.set_width_meters(15); }), IsOk());
  EXPECT_THAT(Check([](Hall& hall) { hall.set_width_meters(14); }),
              Invalid({"rows[0]", "rows[1]"}));
  EXPECT_THAT(Check([](Hall& hall) { hall.set_depth_meters(7); }), Invalid({"rows[1]"}));
}

TEST(HallTest, CellsHaveNumbersOfTheirOwn) {
  const absl::Status s = Check([](Hall& hall) { hall.mutable_rows(1)->set_first_number(7); });
  EXPECT_THAT(s, Invalid({"rows[1].first_number"}));
  EXPECT_THAT(std::string(s.message()), HasSubstr("11.2B07"));
  EXPECT_THAT(Check([](Hall& hall) {
                hall.mutable_rows(1)->set_first_number(7);
                hall.mutable_rows(1)->set_aisle("C");
              }),
              IsOk());
  EXPECT_THAT(Check([](Hall& hall) { hall.mutable_rows(1)->set_first_number(994); }),
              Invalid({"rows[1].cells"}));
  EXPECT_THAT(Check([](Hall& hall) { hall.mutable_rows(1)->set_id("a"); }),
              Invalid({"rows[1].id"}));
}

TEST(HallTest, BlockedCellsAndCornersAreCellsOfTheRow) {
  EXPECT_THAT(Check([](Hall& hall) {
                hall.mutable_rows(0)->add_blocked_numbers(2);
                hall.mutable_rows(0)->add_corner_numbers(9);
              }),
              Invalid({"rows[0].blocked_numbers[1]", "rows[0].corner_numbers[2]"}));
}

TEST(HallTest, WhatLimitsForbidIsLeftToThem) {
  EXPECT_THAT(Check([](Hall& hall) {
                hall.mutable_rows(0)->set_number_step(0);
                hall.mutable_rows(1)->set_cells(2'000'000'000);
              }),
              IsOk());
}

TEST(HallTest, CellsHaveNamesAndPlaces) {
  const Hall hall = TheHall();
  const Hall::Row& row = *FindRow(hall, "a");
  EXPECT_EQ(FindRow(hall, "c"), nullptr);
  EXPECT_EQ(CellName(hall, row, 7), "11.2B07");
  EXPECT_EQ(CellName(hall, row, 135), "11.2B135");
  EXPECT_EQ(IndexOf(row, 7), 3);
  EXPECT_EQ(IndexOf(row, 2), std::nullopt);
  EXPECT_EQ(IndexOf(row, 9), std::nullopt);
  EXPECT_EQ(IndexOf(row, -1), std::nullopt);
  const Rectangle cell = CellOf(hall, row, 3);
  EXPECT_EQ(cell.west, 112);
  EXPECT_EQ(cell.north, 202);
  EXPECT_EQ(cell.east, 115);
  EXPECT_EQ(cell.south, 205);
}

TEST(HallTest, FloorsOfALevelLieApart) {
  Hall other = TheHall();
  other.set_name("fairs/canton-136/halls/11.3");
  EXPECT_THAT(CheckApart(TheHall(), other),
              Fails(StatusCode::kFailedPrecondition, "HALLS_OVERLAP"));
  other.set_level(1);
  EXPECT_THAT(CheckApart(TheHall(), other), IsOk());
  EXPECT_TRUE(MovesFloor(TheHall(), other));
  other.set_level(0);
  other.set_x_meters(130);
  EXPECT_THAT(CheckApart(TheHall(), other), IsOk());
  other.set_x_meters(129);
  EXPECT_THAT(CheckApart(TheHall(), other),
              Fails(StatusCode::kFailedPrecondition, "HALLS_OVERLAP"));
}

}  // namespace
}  // namespace caravan::fairs
