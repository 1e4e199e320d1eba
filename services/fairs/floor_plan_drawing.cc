#include "services/fairs/floor_plan_drawing.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "services/fairs/floor_plan.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"

namespace caravan::fairs {

using v1::Application;
using v1::FloorPlan;
using v1::Hall;
using ColorBy = v1::DrawFloorPlanRequest::ColorBy;

namespace {

constexpr int kUnits = 100;  // of a metre
constexpr int kCell = kCellMeters * kUnits;

struct Cell : Floor::Cell {
  const Hall::Row* row;
  int x, y;  // of the north-western corner on the floor, in metres
};

std::string ShortNumber(const Cell& cell) {
  return absl::StrFormat("%s%02d", cell.row->aisle(), cell.number);
}

std::string Number(const Hall& hall, const Cell& cell) {
  return CellName(hall, *cell.row, cell.number);
}

// In the order of rows and numbers.
std::vector<Cell> CellsOf(const FloorPlanDrawing& drawing) {
  std::vector<Cell> cells;
  const Floor floor(drawing.hall, drawing.plan);
  for (const Floor::Row& row : floor.rows()) {
    for (size_t i = 0; i < row.cells.size(); ++i) {
      const Rectangle on_site = CellOf(drawing.hall, *row.row, static_cast<int32_t>(i));
      cells.push_back({row.cells[i], row.row, on_site.west - drawing.hall.x_meters(),
                       on_site.north - drawing.hall.y_meters()});
    }
  }
  return cells;
}

// The cells of a stand, which follow each other.
struct StandCells {
  const FloorPlan::Stand* stand;
  const Application* application;  // nullptr: not known
  std::vector<const Cell*> cells;
};

std::vector<StandCells> StandsOf(const FloorPlanDrawing& drawing, const std::vector<Cell>& cells) {
  std::vector<StandCells> stands;
  for (const Cell& cell : cells) {
    if (cell.stand == nullptr) continue;
    if (stands.empty() || stands.back().stand != cell.stand) {
      const auto found = drawing.applications.find(cell.stand->application());
      stands.push_back(
          {cell.stand, found == drawing.applications.end() ? nullptr : &found->second, {}});
    }
    stands.back().cells.push_back(&cell);
  }
  return stands;
}

std::string Title(const FloorPlanDrawing& drawing, std::string_view name) {
  const auto found = drawing.titles.find(name);
  return found == drawing.titles.end() ? std::string(LastSegment(name)) : found->second;
}

constexpr std::string_view kFree = "Free";

// What decides the colour of a cell of a section.
std::string ColorKey(const FloorPlanDrawing& drawing, const Cell& cell, ColorBy color_by) {
  if (color_by == v1::DrawFloorPlanRequest::COLOR_BY_UNSPECIFIED) {
    return Title(drawing, cell.section);
  }
  if (cell.stand == nullptr) return std::string(kFree);
  const auto found = drawing.applications.find(cell.stand->application());
  if (found == drawing.applications.end()) return "Not known";
  const Application& application = found->second;
  switch (color_by) {
    case v1::DrawFloorPlanRequest::STATE:
      return Application::State_Name(application.state());
    case v1::DrawFloorPlanRequest::DELEGATION:
      return application.delegation().empty() ? "No delegation"
                                              : Title(drawing, application.delegation());
    default:
      return absl::StrCat(
          Title(drawing, application.section()), ": ",
          application.product_group().empty() ? "no group" : application.product_group());
  }
}

// Around the circle of hues by the golden angle, so that neighbours differ however
// many there are; light enough for black text.
std::string Color(size_t index) {
  const int hue = static_cast<int>(index * 1375 / 10 % 360);
  const int low = index / 3 % 2 == 0 ? 150 : 185, high = 250;
  const int ramp = low + (high - low) * (hue % 60) / 60, fall = high - (ramp - low);
  const std::array<std::array<int, 3>, 6> wheel = {{{high, ramp, low},
                                                    {fall, high, low},
                                                    {low, high, ramp},
                                                    {low, fall, high},
                                                    {ramp, low, high},
                                                    {high, low, fall}}};
  const auto& [red, green, blue] = wheel[hue / 60];
  return absl::StrFormat("#%02x%02x%02x", red, green, blue);
}

constexpr std::string_view kFreeColor = "#ffffff";
constexpr std::string_view kOutsideColor = "#eeeeee";
constexpr std::string_view kBlockedColor = "#b0b0b0";
constexpr std::string_view kCellBorder = "#c8c8c8";

struct Legend {
  std::string color;
  int cells = 0;
};

// Widest key of a legend, in characters, so that columns stay apart.
constexpr int kLegendWidth = 27;

// By key; colours in the order of the keys.
std::map<std::string, Legend> LegendOf(const FloorPlanDrawing& drawing,
                                       const std::vector<Cell>& cells, ColorBy color_by) {
  std::map<std::string, Legend> legend;
  for (const Cell& cell : cells) {
    if (!cell.section.empty() && !cell.blocked) ++legend[ColorKey(drawing, cell, color_by)].cells;
  }
  size_t next = 0;
  for (auto& [key, entry] : legend) {
    entry.color = key == kFree ? std::string(kFreeColor) : Color(next++);
  }
  return legend;
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        // XML has no other control characters.
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

// The first characters of UTF-8 text, with an ellipsis where some are missing.
std::string Shorten(std::string_view text, int characters) {
  size_t end = 0;
  for (int i = 0; end < text.size() && i < characters; ++i) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  }
  if (end == text.size()) return std::string(text);
  return absl::StrCat(text.substr(0, end), "…");
}

// Text of so many characters at the most, of which those of three bytes or more, such as
// Chinese ones, are as wide as two. Keeps both ends: what tells names apart may be at
// either.
std::string ShortenMiddle(std::string_view text, int width) {
  std::vector<std::string_view> characters;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    characters.push_back(text.substr(begin, end - begin));
  }
  const auto width_of = [](std::string_view character) { return character.size() < 3 ? 1 : 2; };
  int all = 0;
  for (const std::string_view character : characters) all += width_of(character);
  if (all <= width) return std::string(text);
  std::string front, back;
  int left = width / 2;
  for (size_t i = 0; (left -= width_of(characters[i])) >= 0; ++i) front += characters[i];
  left = width - width / 2 - 1;
  for (size_t i = characters.size(); (left -= width_of(characters[i - 1])) >= 0; --i) {
    back.insert(0, characters[i - 1]);
  }
  return absl::StrCat(front, "…", back);
}

void AppendText(std::string& svg, int x, int y, int size, std::string_view anchor,
                std::string_view text) {
  absl::StrAppendFormat(&svg,
                        "<text x=\"%d\" y=\"%d\" font-size=\"%d\" text-anchor=\"%s\">%s</text>\n",
                        x, y, size, anchor, Escape(text));
}

void AppendCell(const FloorPlanDrawing& drawing, const Cell& cell,
                const std::map<std::string, Legend>& legend, ColorBy color_by, std::string& svg) {
  std::string color(kOutsideColor);
  std::string note = Number(drawing.hall, cell);
  if (cell.blocked) {
    color = kBlockedColor;
    absl::StrAppend(&note, ", blocked");
  } else if (!cell.section.empty()) {
    color = legend.at(ColorKey(drawing, cell, color_by)).color;
    absl::StrAppend(&note, ", ", Title(drawing, cell.section));
    if (cell.corner) absl::StrAppend(&note, ", corner");
    if (cell.stand == nullptr) absl::StrAppend(&note, ", free");
  }
  const int x = cell.x * kUnits, y = cell.y * kUnits;
  absl::StrAppendFormat(&svg,
                        "<g><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                        "fill=\"%s\" stroke=\"%s\"/>\n",
                        Escape(note), x, y, kCell, kCell, color, kCellBorder);
  AppendText(svg, x + kCell / 2, y + 120, 105, "middle", ShortNumber(cell));
  absl::StrAppend(&svg, "</g>\n");
}

void AppendStand(const FloorPlanDrawing& drawing, const StandCells& stand, std::string& svg) {
  const Cell& first = *stand.cells.front();
  const Cell& last = *stand.cells.back();
  const int x = first.x * kUnits, y = first.y * kUnits;
  const int width = (last.x - first.x) * kUnits + kCell;
  const int height = (last.y - first.y) * kUnits + kCell;
  std::string note = stand.stand->application();
  std::string fascia(LastSegment(stand.stand->application()));
  if (stand.application != nullptr) {
    if (!stand.application->fascia().empty()) fascia = stand.application->fascia();
    note = absl::StrCat(fascia, ", ", Application::State_Name(stand.application->state()), ", ",
                        stand.stand->application());
  }
  absl::StrAppendFormat(&svg,
                        "<g><title>%s: %s to %s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" "
                        "height=\"%d\" fill=\"none\" pointer-events=\"all\" stroke=\"#222222\" "
                        "stroke-width=\"14\"/>\n",
                        Escape(note), Number(drawing.hall, first), Number(drawing.hall, last), x, y,
                        width, height);
  AppendText(svg, x + width / 2, y + kCell - 60, 75, "middle",
             Shorten(fascia, std::max(1, width / 48)));
  absl::StrAppend(&svg, "</g>\n");
}

nlohmann::ordered_json Polygon(const Hall& hall, int x, int y, int width, int depth) {
  const int west = hall.x_meters() + x, east = west + width;
  const int north = -(hall.y_meters() + y), south = north - depth;
  // Counter-clockwise, and closed.
  return {{"type", "Polygon"},
          {"coordinates", nlohmann::ordered_json::array({nlohmann::ordered_json::array(
                              {nlohmann::ordered_json::array({west, south}),
                               nlohmann::ordered_json::array({east, south}),
                               nlohmann::ordered_json::array({east, north}),
                               nlohmann::ordered_json::array({west, north}),
                               nlohmann::ordered_json::array({west, south})})})}};
}

nlohmann::ordered_json NameOrNull(std::string_view name) {
  return name.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(name);
}

nlohmann::ordered_json Feature(nlohmann::ordered_json geometry, nlohmann::ordered_json properties) {
  return {{"type", "Feature"},
          {"geometry", std::move(geometry)},
          {"properties", std::move(properties)}};
}

nlohmann::ordered_json StandFeature(const FloorPlanDrawing& drawing, const StandCells& stand,
                                    ColorBy color_by) {
  const Cell& first = *stand.cells.front();
  const Cell& last = *stand.cells.back();
  const Application nobody;
  const Application& application = stand.application == nullptr ? nobody : *stand.application;
  std::vector<std::string> numbers;
  for (const Cell* cell : stand.cells) numbers.push_back(Number(drawing.hall, *cell));
  const std::string state =
      stand.application == nullptr ? "" : Application::State_Name(application.state());
  return Feature(Polygon(drawing.hall, first.x, first.y, last.x - first.x + kCellMeters,
                         last.y - first.y + kCellMeters),
                 {{"kind", "stand"},
                  {"application", stand.stand->application()},
                  {"fascia", application.fascia()},
                  {"state", NameOrNull(state)},
                  {"delegation", NameOrNull(application.delegation())},
                  {"product_group", NameOrNull(application.product_group())},
                  {"section", NameOrNull(first.section)},
                  {"numbers", numbers},
                  {"color_key", first.section.empty() ? "" : ColorKey(drawing, first, color_by)}});
}

}  // namespace

std::string DrawSvg(const FloorPlanDrawing& drawing, ColorBy color_by) {
  const std::vector<Cell> cells = CellsOf(drawing);
  const std::map<std::string, Legend> legend = LegendOf(drawing, cells, color_by);
  std::vector<std::pair<std::string, Legend>> entries(legend.begin(), legend.end());
  Legend outside{std::string(kOutsideColor)}, blocked{std::string(kBlockedColor)};
  for (const Cell& cell : cells) {
    if (cell.blocked) {
      ++blocked.cells;
    } else if (cell.section.empty()) {
      ++outside.cells;
    }
  }
  if (outside.cells > 0) entries.emplace_back("Of no section", outside);
  if (blocked.cells > 0) entries.emplace_back("Blocked", blocked);
  const int width = drawing.hall.width_meters() * kUnits;
  const int depth = drawing.hall.depth_meters() * kUnits;
  constexpr int kHeader = 700, kLegendRow = 420, kLegendColumn = 4200;
  const int columns = std::max(1, width / kLegendColumn);
  const int rows = (static_cast<int>(entries.size()) + columns - 1) / columns;
  const int height = kHeader + depth + 300 + rows * kLegendRow;
  const std::string title = absl::StrCat(
      drawing.hall.title().empty() ? absl::StrCat("Hall ", LastSegment(drawing.hall.name()))
                                   : drawing.hall.title(),
      " (", LastSegment(drawing.hall.name()), "), phase ", drawing.plan.phase());
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" viewBox=\"0 0 %d %d\" "
      "font-family=\"sans-serif\" role=\"img\">\n<title>%s</title>\n"
      "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
      width, height, Escape(title), width, height);
  AppendText(svg, 200, 480, 400, "start", title);
  absl::StrAppendFormat(&svg,
                        "<g transform=\"translate(0 %d)\" stroke-width=\"4\">\n<rect width=\"%d\" "
                        "height=\"%d\" fill=\"#fafafa\" stroke=\"#222222\"/>\n",
                        kHeader, width, depth);
  for (const Cell& cell : cells) AppendCell(drawing, cell, legend, color_by, svg);
  for (const StandCells& stand : StandsOf(drawing, cells)) AppendStand(drawing, stand, svg);
  absl::StrAppend(&svg, "</g>\n");
  int entry = 0;
  for (const auto& [key, of_key] : entries) {
    const int x = 200 + entry % columns * kLegendColumn;
    const int y = kHeader + depth + 300 + entry / columns * kLegendRow;
    absl::StrAppendFormat(&svg,
                          "<rect x=\"%d\" y=\"%d\" width=\"300\" height=\"300\" fill=\"%s\" "
                          "stroke=\"#222222\" stroke-width=\"8\"/>\n",
                          x, y, of_key.color);
    AppendText(svg, x + 380, y + 215, 180, "start",
               absl::StrCat(ShortenMiddle(key, kLegendWidth), " (", of_key.cells, ")"));
    ++entry;
  }
  absl::StrAppend(&svg, "</svg>\n");
  return svg;
}

std::string DrawGeoJson(const FloorPlanDrawing& drawing, ColorBy color_by) {
  const std::vector<Cell> cells = CellsOf(drawing);
  nlohmann::ordered_json features = nlohmann::ordered_json::array();
  for (const Cell& cell : cells) {
    features.push_back(Feature(
        Polygon(drawing.hall, cell.x, cell.y, kCellMeters, kCellMeters),
        {{"kind", "cell"},
         {"number", Number(drawing.hall, cell)},
         {"section", NameOrNull(cell.section)},
         {"blocked", cell.blocked},
         {"corner", cell.corner},
         {"application", NameOrNull(cell.stand == nullptr ? "" : cell.stand->application())}}));
  }
  for (const StandCells& stand : StandsOf(drawing, cells)) {
    features.push_back(StandFeature(drawing, stand, color_by));
  }
  const nlohmann::ordered_json collection = {{"type", "FeatureCollection"},
                                             {"features", std::move(features)}};
  return collection.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace caravan::fairs
