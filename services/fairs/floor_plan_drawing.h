// Drawings of a floor plan: SVG for people, GeoJSON for programs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"

namespace caravan::fairs {

// What a drawing shows, by resource name.
struct FloorPlanDrawing {
  v1::Hall hall;
  v1::FloorPlan plan;
  // Of the plan's stands; one that is missing is drawn without what it would say.
  std::map<std::string, v1::Application, std::less<>> applications;
  // What sections and delegations are called; who is missing goes by its id.
  std::map<std::string, std::string, std::less<>> titles;
};

// SVG 1.1: one unit is a centimetre, north is up. Every cell has the letter of its
// aisle and its number, a stand its fascia as far as it has room, and all that a
// pointer rests on says more. Below are the colours, with the number of cells of
// each.
std::string DrawSvg(const FloorPlanDrawing& drawing, v1::DrawFloorPlanRequest::ColorBy color_by);

// GeoJSON (RFC 7946), a FeatureCollection: a polygon for each cell and, behind them,
// for each stand. Coordinates are metres east and north of the origin of the site,
// so that what lies south of it is negative.
//
// Properties of a cell: `kind` = "cell", `number`, `section` (null: of none), `blocked`,
// `corner`, `application` (null: free). Of a stand: `kind` = "stand", `application`,
// `fascia`, `state`, `delegation`, `product_group`, `section`, `numbers`, and `color_key`,
// by which an SVG with this `color_by` would colour it.
std::string DrawGeoJson(const FloorPlanDrawing& drawing,
                        v1::DrawFloorPlanRequest::ColorBy color_by);

}  // namespace caravan::fairs
