#include "services/fairs/floor_plan_drawing.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace caravan::fairs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using v1::Application;
using v1::DrawFloorPlanRequest;

// A row of five cells to the east and one of two to the south; a stand of two
// cells; a blocked cell; one cell of no section.
FloorPlanDrawing Small() {
  FloorPlanDrawing drawing;
  drawing.hall.set_name("fairs/canton-136/halls/11.2");
  drawing.hall.set_x_meters(100);
  drawing.hall.set_y_meters(50);
  drawing.hall.set_width_meters(24);
  drawing.hall.set_depth_meters(18);
  v1::Hall::Row& east = *drawing.hall.add_rows();
  east.set_id("b1");
  east.set_aisle("B");
  east.set_first_number(31);
  east.set_number_step(2);
  east.set_cells(5);
  east.set_x_meters(3);
  east.set_y_meters(6);
  east.set_direction(v1::Hall::EAST);
  east.add_blocked_numbers(37);
  east.add_corner_numbers(31);
  v1::Hall::Row& south = *drawing.hall.add_rows();
  south.set_id("c1");
  south.set_aisle("C");
  south.set_first_number(1);
  south.set_number_step(1);
  south.set_cells(2);
  south.set_x_meters(21);
  south.set_y_meters(0);
  south.set_direction(v1::Hall::SOUTH);
  drawing.plan.set_name("fairs/canton-136/floorPlans/1-11.2");
  drawing.plan.set_hall(drawing.hall.name());
  drawing.plan.set_phase("1");
  v1::FloorPlan::Span& span = *drawing.plan.add_spans();
  span.set_row("b1");
  span.set_first_number(31);
  span.set_last_number(39);
  span.set_section("fairs/canton-136/sections/toys");
  v1::FloorPlan::Span& other = *drawing.plan.add_spans();
  other.set_row("c1");
  other.set_first_number(1);
  other.set_last_number(1);
  other.set_section("fairs/canton-136/sections/food");
  v1::FloorPlan::Stand& stand = *drawing.plan.add_stands();
  stand.set_row("b1");
  stand.set_first_number(31);
  stand.set_booths(2);
  stand.set_application("fairs/canton-136/applications/a1");
  Application application;
  application.set_name(stand.application());
  application.set_fascia("Ding & Söhne <玩具>");
  application.set_section(span.section());
  application.set_delegation("delegations/gd");
  application.set_product_group("dolls");
  application.set_state(Application::POSITIONED);
  drawing.applications[application.name()] = application;
  drawing.titles["fairs/canton-136/sections/toys"] = "Toys";
  drawing.titles["delegations/gd"] = "Guangdong delegation";
  return drawing;
}

nlohmann::json GeoJson(const FloorPlanDrawing& drawing,
                       DrawFloorPlanRequest::ColorBy color_by = DrawFloorPlanRequest::STATE) {
  return nlohmann::json::parse(DrawGeoJson(drawing, color_by));
}

TEST(GeoJson, HasEveryCellAndStandInMetresOfTheSite) {
  const nlohmann::json features = GeoJson(Small())["features"];
  ASSERT_EQ(features.size(), 8u);
  const nlohmann::json& cell = features[1];
  EXPECT_EQ(cell["properties"]["kind"], "cell");
  EXPECT_EQ(cell["properties"]["number"], "11.2B33");
  EXPECT_EQ(cell["properties"]["application"], "fairs/canton-136/applications/a1");
  EXPECT_EQ(cell["geometry"]["coordinates"],
            nlohmann::json::parse("[[[106,-59],[109,-59],[109,-56],[106,-56],[106,-59]]]"));
  EXPECT_EQ(features[0]["properties"]["corner"], true);
  EXPECT_EQ(features[3]["properties"]["blocked"], true);
  EXPECT_EQ(features[6]["properties"]["number"], "11.2C02");
  EXPECT_TRUE(features[6]["properties"]["section"].is_null());
  EXPECT_EQ(features[6]["geometry"]["coordinates"][0][3], nlohmann::json::parse("[121,-53]"));
  const nlohmann::json& stand = features[7];
  EXPECT_EQ(stand["properties"]["kind"], "stand");
  EXPECT_EQ(stand["properties"]["fascia"], "Ding & Söhne <玩具>");
  EXPECT_EQ(stand["properties"]["numbers"], nlohmann::json::parse(R"(["11.2B31","11.2B33"])"));
  EXPECT_EQ(stand["geometry"]["coordinates"],
            nlohmann::json::parse("[[[103,-59],[109,-59],[109,-56],[103,-56],[103,-59]]]"));
}

TEST(GeoJson, SaysWhatAColourStandsFor) {
  const auto key = [](DrawFloorPlanRequest::ColorBy color_by) {
    return GeoJson(Small(), color_by)["features"][7]["properties"]["color_key"];
  };
  EXPECT_EQ(key(DrawFloorPlanRequest::COLOR_BY_UNSPECIFIED), "Toys");
  EXPECT_EQ(key(DrawFloorPlanRequest::STATE), "POSITIONED");
  EXPECT_EQ(key(DrawFloorPlanRequest::DELEGATION), "Guangdong delegation");
  EXPECT_EQ(key(DrawFloorPlanRequest::PRODUCT_GROUP), "Toys: dolls");
}

TEST(Svg, NumbersEveryCellAndNamesStands) {
  const std::string svg = DrawSvg(Small(), DrawFloorPlanRequest::STATE);
  for (const char* number : {"B31", "B33", "B35", "B37", "B39", "C01", "C02"}) {
    EXPECT_THAT(svg, HasSubstr(std::string(">") + number + "</text>"));
  }
  EXPECT_THAT(svg, HasSubstr("Ding &amp; Söhne"));
  EXPECT_THAT(svg, Not(HasSubstr("<玩具>")));
  EXPECT_THAT(svg, HasSubstr("11.2B37, blocked"));
  EXPECT_THAT(svg, HasSubstr("11.2B35, Toys, free"));
  EXPECT_THAT(svg, HasSubstr("POSITIONED (2)"));
  EXPECT_THAT(svg, HasSubstr("Free (3)"));
  EXPECT_THAT(svg, HasSubstr(">Blocked (1)<"));
}

TEST(Svg, ShortensAFasciaBetweenCharacters) {
  FloorPlanDrawing drawing = Small();
  drawing.applications.begin()->second.set_fascia("玩具玩具玩具玩具玩具玩具玩具玩具");
  EXPECT_THAT(DrawSvg(drawing, DrawFloorPlanRequest::STATE),
              HasSubstr(">玩具玩具玩具玩具玩具玩具…</text>"));
}

TEST(Svg, KeepsBothEndsOfWhatTheLegendSays) {
  FloorPlanDrawing drawing = Small();
  drawing.titles["fairs/canton-136/sections/toys"] =
      "Consumer Electronics and Information Products";
  EXPECT_THAT(DrawSvg(drawing, DrawFloorPlanRequest::PRODUCT_GROUP),
              HasSubstr(">Consumer Elec…oducts: dolls (2)</text>"));
  drawing.titles["fairs/canton-136/sections/toys"] = "玩具玩具玩具玩具玩具玩具玩具";
  EXPECT_THAT(DrawSvg(drawing, DrawFloorPlanRequest::COLOR_BY_UNSPECIFIED),
              HasSubstr(">玩具玩具玩具…玩具玩具玩具 (4)</text>"));
}

TEST(Svg, GivesSectionsDifferentColours) {
  FloorPlanDrawing drawing = Small();
  drawing.plan.clear_spans();
  v1::Hall::Row& row = *drawing.hall.mutable_rows(0);
  row.clear_blocked_numbers();
  row.set_number_step(1);
  row.set_cells(60);
  for (int i = 0; i < 60; ++i) {
    v1::FloorPlan::Span& span = *drawing.plan.add_spans();
    span.set_row("b1");
    span.set_first_number(31 + i);
    span.set_last_number(31 + i);
    span.set_section("fairs/canton-136/sections/s" + std::to_string(i));
  }
  const std::string svg = DrawSvg(drawing, DrawFloorPlanRequest::COLOR_BY_UNSPECIFIED);
  std::set<std::string> colors;
  for (size_t at = svg.find("fill=\"#"); at != std::string::npos;
       at = svg.find("fill=\"#", at + 1)) {
    colors.insert(svg.substr(at, 14));
  }
  // And those of paper, floor and cells of no section.
  EXPECT_EQ(colors.size(), 63u);
}

TEST(Drawing, OfAnApplicationThatIsNotKnownSaysSo) {
  FloorPlanDrawing drawing = Small();
  drawing.applications.clear();
  EXPECT_THAT(DrawSvg(drawing, DrawFloorPlanRequest::DELEGATION), HasSubstr("Not known (2)"));
  const nlohmann::json stand = GeoJson(drawing)["features"][7]["properties"];
  EXPECT_EQ(stand["application"], "fairs/canton-136/applications/a1");
  EXPECT_TRUE(stand["state"].is_null());
}

TEST(Drawing, SurvivesTextThatIsNoUtf8) {
  FloorPlanDrawing drawing = Small();
  drawing.applications.begin()->second.set_fascia("\xff\x01");
  EXPECT_EQ(GeoJson(drawing)["features"].size(), 8u);
  EXPECT_THAT(DrawSvg(drawing, DrawFloorPlanRequest::STATE), Not(HasSubstr("\x01")));
}

}  // namespace
}  // namespace caravan::fairs
