#include "services/fairs/stands.h"

#include <string>
#include <vector>

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
using testing::IsOk;
using v1::FloorPlan;
using v1::Hall;

constexpr char kToys[] = "fairs/canton-136/sections/toys";

template <class T>
T Parse(const char* text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

// Cells 1, 3, ... 19 in row `a`, of which 9 is blocked; 2, 4, ... 20 in row `b`. Toys
// have a1 to a15 and all of b; textiles have a17 and a19.
Hall TheHall() {
  return Parse<Hall>(
      R"pb(
        name: "fairs/canton-136/halls/11.2"
        width_meters: 60
        depth_meters: 30
        rows {
          id: "a"
          aisle: "B"
          first_number: 1
          number_step: 2
          cells: 10
          direction: EAST
          blocked_numbers: 9
          corner_numbers: [ 1, 19 ]
        }
        rows {
          id: "b"
          aisle: "B"
          first_number: 2
          number_step: 2
          cells: 10
          y_meters: 6
          direction: EAST
        })pb");
}

FloorPlan ThePlan() {
  return Parse<FloorPlan>(R"pb(
    name: "fairs/canton-136/floorPlans/1-11.2"
    spans { row: "a" first_number: 1 last_number: 15 section: "fairs/canton-136/sections/toys" }
    spans { row: "a" first_number: 17 last_number: 19 section: "fairs/canton-136/sections/silk" }
    spans { row: "b" first_number: 2 last_number: 20 section: "fairs/canton-136/sections/toys" })pb");
}

NewStand At(const std::string& application, const std::string& row, int first, int booths) {
  return {application, kToys, row, first, booths};
}

std::vector<std::string> Stands(const FloorPlan& plan) {
  std::vector<std::string> stands;
  for (const FloorPlan::Stand& s : plan.stands()) {
    stands.push_back(s.application() + " " + s.row() + std::to_string(s.first_number()) + "+" +
                     std::to_string(s.booths()));
  }
  return stands;
}

TEST(StandsTest, ArePlacedInOrderOfRowAndNumber) {
  FloorPlan plan = ThePlan();
  ASSERT_THAT(PlaceStands(TheHall(), {At("x", "b", 2, 3), At("y", "a", 11, 3)}, plan), IsOk());
  ASSERT_THAT(PlaceStands(TheHall(), {At("z", "a", 1, 4)}, plan), IsOk());
  EXPECT_THAT(Stands(plan), ElementsAre("z a1+4", "y a11+3", "x b2+3"));
}

TEST(StandsTest, AreRefusedAllTogether) {
  FloorPlan plan = ThePlan();
  ASSERT_THAT(PlaceStands(TheHall(), {At("x", "b", 2, 3)}, plan), IsOk());
  const auto refused = [&](const NewStand& stand) {
    FloorPlan copy = plan;
    absl::Status s = PlaceStands(TheHall(), {At("first", "b", 20, 1), stand}, copy);
    EXPECT_THAT(Stands(copy), ElementsAre("x b2+3"));
    return s;
  };
  EXPECT_THAT(refused(At("y", "b", 6, 1)), Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(refused(At("y", "b", 18, 2)), Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(refused(At("y", "a", 7, 2)), Fails(StatusCode::kFailedPrecondition, "CELLS_BLOCKED"));
  EXPECT_THAT(refused(At("y", "a", 13, 3)),
              Fails(StatusCode::kFailedPrecondition, "CELLS_OF_ANOTHER_SECTION"));
  EXPECT_THAT(refused(At("y", "b", 18, 3)), Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(refused(At("y", "b", 16, 4)), Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(refused(At("y", "c", 2, 1)),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"row"})));
  EXPECT_THAT(refused(At("y", "b", 3, 1)),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"first_number"})));
  EXPECT_THAT(refused(At("y", "b", 22, 1)),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"first_number"})));
  EXPECT_THAT(refused(At("y", "b", 8, 0)),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"booths"})));
  FloorPlan empty = ThePlan();
  const absl::Status beyond = PlaceStands(TheHall(), {At("y", "b", 18, 3)}, empty);
  EXPECT_THAT(beyond, Fails(StatusCode::kFailedPrecondition, "CELLS_NOT_CONTIGUOUS"));
  EXPECT_THAT(std::string(beyond.message()), HasSubstr("11.2B22"));
}

TEST(StandsTest, OfCellsOutsideOfSpansAreRefused) {
  FloorPlan plan = ThePlan();
  plan.mutable_spans()->DeleteSubrange(2, 1);
  const absl::Status s = PlaceStands(TheHall(), {At("x", "b", 2, 1)}, plan);
  EXPECT_THAT(s, Fails(StatusCode::kFailedPrecondition, "CELLS_OF_ANOTHER_SECTION"));
  EXPECT_THAT(std::string(s.message()), HasSubstr("of no section"));
}

TEST(StandsTest, MoveOverTheirOwnCells) {
  FloorPlan plan = ThePlan();
  ASSERT_THAT(PlaceStands(TheHall(), {At("x", "b", 2, 3), At("y", "b", 10, 1)}, plan), IsOk());
  ASSERT_THAT(MoveStand(TheHall(), At("x", "b", 4, 3), plan), IsOk());
  EXPECT_THAT(Stands(plan), ElementsAre("x b4+3", "y b10+1"));
  EXPECT_THAT(MoveStand(TheHall(), At("x", "b", 6, 3), plan),
              Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(Stands(plan), ElementsAre("x b4+3", "y b10+1"));
}

TEST(StandsTest, AreSwappedWithinAPlanAndBetweenTwo) {
  FloorPlan plan = ThePlan(), other = ThePlan();
  ASSERT_THAT(PlaceStands(TheHall(), {At("x", "b", 2, 2), At("y", "b", 10, 2)}, plan), IsOk());
  ASSERT_THAT(PlaceStands(TheHall(), {At("z", "a", 1, 2)}, other), IsOk());
  EXPECT_TRUE(SwapStands("x", plan, "y", plan));
  EXPECT_THAT(Stands(plan), ElementsAre("y b2+2", "x b10+2"));
  EXPECT_TRUE(SwapStands("x", plan, "z", other));
  EXPECT_THAT(Stands(plan), ElementsAre("y b2+2", "z b10+2"));
  EXPECT_THAT(Stands(other), ElementsAre("x a1+2"));
  EXPECT_FALSE(SwapStands("y", plan, "nobody", other));
  EXPECT_THAT(Stands(plan), ElementsAre("y b2+2", "z b10+2"));
}

TEST(StandsTest, AreRemoved) {
  FloorPlan plan = ThePlan();
  ASSERT_THAT(PlaceStands(TheHall(), {At("x", "b", 2, 2), At("y", "b", 10, 2)}, plan), IsOk());
  EXPECT_TRUE(RemoveStand("x", plan));
  EXPECT_FALSE(RemoveStand("x", plan));
  EXPECT_THAT(Stands(plan), ElementsAre("y b10+2"));
}

TEST(StandsTest, SayTheirCells) {
  const auto position = PositionOf(TheHall(), At("x", "a", 3, 3));
  EXPECT_EQ(position.hall(), "fairs/canton-136/halls/11.2");
  EXPECT_EQ(position.row(), "a");
  EXPECT_EQ(position.first_number(), 3);
  EXPECT_THAT(position.cells(), ElementsAre("11.2B03", "11.2B05", "11.2B07"));
}

}  // namespace
}  // namespace caravan::fairs
