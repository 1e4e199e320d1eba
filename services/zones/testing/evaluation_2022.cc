#include "services/zones/testing/evaluation_2022.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/testing/random.h"
#include "services/zones/evaluation.h"

namespace caravan::zones::testing {

using caravan::testing::Random;
using v1::Evaluation;
using v1::PilotZone;
using v1::Submission;

namespace {

constexpr auto kHigher = Evaluation::HIGHER_IS_BETTER;
constexpr auto kLower = Evaluation::LOWER_IS_BETTER;

struct Measure {
  std::string_view id;
  std::string_view title;
  std::string_view unit;
  Evaluation::Direction direction;
  std::string_view weight;
  uint64_t least;  // values lie between these, with `places` behind the point
  uint64_t greatest;
  int places;
  std::string_view base = "";  // with a target only
  std::string_view target = "";
};

// Weights make 100 together.
constexpr Measure kMeasures[] = {
    {"export-value", "Exports", "CNY million", kHigher, "8", 20, 90000, 2},
    {"import-value", "Imports", "CNY million", kHigher, "5", 5, 40000, 2},
    {"export-growth", "Growth of exports", "%", kHigher, "4.5", 0, 180, 1},
    {"import-growth", "Growth of imports", "%", kHigher, "3", 0, 150, 1},
    {"b2b-share", "Share of exports to businesses", "%", kHigher, "3", 0, 95, 1},
    {"trade-share", "Share of the place's trade", "%", kHigher, "3", 0, 40, 2},
    {"enterprises", "Registered enterprises", "", kHigher, "3", 12, 30000, 0},
    {"new-enterprises", "Enterprises registered in the year", "", kHigher, "2", 0, 6000, 0},
    {"active-sellers", "Enterprises with exports", "", kHigher, "3", 3, 9000, 0},
    {"large-sellers", "Enterprises above CNY 10 million", "", kHigher, "2", 0, 900, 0},
    {"brands", "Brands under cultivation", "", kHigher, "2.5", 0, 400, 0},
    {"trademarks", "New trademarks abroad", "", kHigher, "2.5", 0, 2000, 0},
    {"platforms", "Platforms", "", kHigher, "2", 0, 60, 0},
    {"belts", "Industrial belts that are linked", "", kHigher, "2.5", 0, 40, 0},
    {"belt-growth", "Growth of exports of belts", "%", kHigher, "2", 0, 120, 1},
    {"warehouses", "Warehouses abroad", "", kHigher, "2.5", 0, 300, 0},
    {"warehouse-area", "Area of warehouses abroad", "thousand m2", kHigher, "2", 0, 4000, 3},
    {"parcels", "Parcels sent", "million", kHigher, "2", 0, 900, 3},
    {"carriers", "Line-haul companies", "", kHigher, "1.5", 0, 80, 0},
    {"routes", "Freight routes abroad", "", kHigher, "1.5", 0, 120, 0},
    {"incubators", "Incubators", "", kHigher, "1.5", 0, 50, 0},
    {"parks", "Industrial parks", "", kHigher, "2", 0, 60, 0},
    {"park-area", "Area of parks", "thousand m2", kHigher, "1.5", 0, 3000, 2},
    {"trained", "People trained", "thousand", kHigher, "2", 0, 80, 3},
    {"graduates", "Graduates of courses", "", kHigher, "1.5", 0, 9000, 0},
    {"services", "Service providers", "", kHigher, "1.5", 0, 700, 0},
    {"loans", "Loans to sellers", "CNY million", kHigher, "2", 0, 8000, 2},
    {"insured", "Insured exports", "CNY million", kHigher, "1.5", 0, 6000, 2},
    {"practices", "Practices that others adopted", "", kHigher, "3.5", 0, 12, 0},
    {"meetings", "Meetings of exchange", "", kHigher, "1", 0, 30, 0},
    {"clearance-time", "Time of clearance of exports", "hours", kLower, "2.5", 1, 30, 2},
    {"return-time", "Time of handling of returns", "days", kLower, "1.5", 1, 45, 1},
    {"complaints", "Complaints for a thousand sellers", "", kLower, "2", 0, 90, 2},
    {"violations", "Repeated violations", "%", kLower, "2", 0, 25, 1},
    {"settled-days", "Days to settle a complaint", "days", kLower, "1.5", 2, 120, 1},
    {"systems", "Systems of six that work", "", kHigher, "3", 0, 6, 0, "", "6"},
    {"platforms-two", "Platforms of two that work", "", kHigher, "2", 0, 2, 0, "", "2"},
    {"declared-online", "Declared online", "%", kHigher, "2", 20, 100, 1, "50", "98"},
    {"exempt-share", "Exports under the exemption", "%", kHigher, "2", 0, 100, 1, "", "80"},
    {"data-linked", "Authorities whose data is linked", "", kHigher, "2", 0, 14, 0, "2", "10"},
    {"late-statistics", "Reports of statistics that came late", "", kLower, "2", 0, 12, 0, "6",
     "0"},
    {"refund-days", "Days to a tax refund", "days", kLower, "2", 2, 30, 1, "20", "5"},
};

Submission SubmissionOf(const PilotZone& zone, uint64_t number) {
  Random random(20220101 + number * 0xD1342543DE82EF95);
  // How well a zone does on the whole, so that figures agree a little.
  const uint64_t strength = 1 + random.Below(100);
  Submission submission;
  submission.set_name(SubmissionName("evaluations/2022", zone.name()));
  submission.set_pilot_zone(zone.name());
  submission.set_state(Submission::VERIFIED);
  for (const Measure& measure : kMeasures) {
    uint64_t scale = 1;
    for (int i = 0; i < measure.places; ++i) scale *= 10;
    const uint64_t span = (measure.greatest - measure.least) * scale;
    const uint64_t luck = random.Below(101);
    uint64_t part = span * (2 * strength + luck) / 301;
    if (measure.direction == kLower) part = span - part;
    const uint64_t units = measure.least * scale + part;
    auto* value = submission.add_values();
    value->set_indicator(std::string(measure.id));
    value->set_value(measure.places == 0 ? absl::StrCat(units)
                                         : absl::StrFormat("%d.%0*d", units / scale, measure.places,
                                                           units % scale));
  }
  return submission;
}

}  // namespace

Evaluation Evaluation2022() {
  Evaluation evaluation;
  evaluation.set_name("evaluations/2022");
  evaluation.set_title("Evaluation of pilot zones, 2022 (invented figures)");
  evaluation.set_year(2022);
  evaluation.mutable_reference_date()->set_year(2021);
  evaluation.mutable_reference_date()->set_month(12);
  evaluation.mutable_reference_date()->set_day(31);
  for (int batch = 1; batch <= 5; ++batch) evaluation.add_batches(batch);
  for (const Measure& measure : kMeasures) {
    auto* indicator = evaluation.add_indicators();
    indicator->set_id(std::string(measure.id));
    indicator->set_title(std::string(measure.title));
    indicator->set_unit(std::string(measure.unit));
    indicator->set_direction(measure.direction);
    indicator->set_normalisation(measure.target.empty() ? Evaluation::MIN_MAX : Evaluation::TARGET);
    indicator->set_weight(std::string(measure.weight));
    indicator->set_base(std::string(measure.base));
    indicator->set_target(std::string(measure.target));
  }
  evaluation.set_tier_rule(Evaluation::COUNT);
  constexpr std::string_view kTiers[][3] = {{"marked", "Marked effect", "10"},
                                            {"good", "Good effect", "50"},
                                            {"initial", "Initial effect", "40"},
                                            {"starting", "Starting", ""}};
  for (const auto& [id, title, bound] : kTiers) {
    auto* tier = evaluation.add_tiers();
    tier->set_id(std::string(id));
    tier->set_title(std::string(title));
    tier->set_bound(std::string(bound));
  }
  return evaluation;
}

const std::vector<std::string>& MissingIn2022() {
  static const auto& missing = *new std::vector<std::string>{
      "pilotZones/haikou", "pilotZones/taizhou-zhejiang", "pilotZones/wuhu"};
  return missing;
}

std::vector<Submission> SubmissionsOf2022(const std::vector<PilotZone>& zones) {
  const Evaluation evaluation = Evaluation2022();
  std::vector<PilotZone> submitting;
  std::copy_if(zones.begin(), zones.end(), std::back_inserter(submitting),
               [&](const PilotZone& zone) {
                 const auto& missing = MissingIn2022();
                 return MustSubmit(evaluation, zone) &&
                        std::find(missing.begin(), missing.end(), zone.name()) == missing.end();
               });
  std::sort(submitting.begin(), submitting.end(),
            [](const PilotZone& a, const PilotZone& b) { return a.name() < b.name(); });
  std::vector<Submission> submissions;
  for (size_t i = 0; i < submitting.size(); ++i) {
    submissions.push_back(SubmissionOf(submitting[i], i));
  }
  return submissions;
}

}  // namespace caravan::zones::testing
