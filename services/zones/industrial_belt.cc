#include "services/zones/industrial_belt.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/codes/codes.h"
#include "services/zones/decimal.h"
#include "services/zones/milestones.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

using v1::IndustrialBelt;
using Growth = v1::ComputeExportGrowthResponse;

namespace {

// A figure; contracts let none through that is no number.
Decimal Number(const std::string& text) { return Decimal::Parse(text).value_or(Decimal()); }

// A share in percent, as it is published.
std::string Percentage(Decimal part, Decimal whole) {
  constexpr int kPlaces = 2;
  return Decimal::Quotient(part, whole, kPlaces, Rounding::kHalfAwayFromZero).ToString(kPlaces);
}

// Adds violations where two figures have one year and date, or where one is
// older than its year. `date_of` gives a figure's date, `field` names it.
template <class Figures, class DateOf>
void CheckFigures(const Figures& figures, const std::string& path, const std::string& field,
                  DateOf date_of, api::Violations& violations) {
  std::set<std::pair<int32_t, int64_t>> seen;
  for (int i = 0; i < figures.size(); ++i) {
    const int64_t day = api::FirstDay(date_of(figures[i]));
    const std::string at = absl::StrCat(path, "[", i, "].", field);
    const std::string date = api::FormatDate(date_of(figures[i]));
    if (!seen.emplace(figures[i].year(), day).second) {
      violations.Add(at, absl::StrCat("is ", date, " like that of another figure of ",
                                      figures[i].year(), "; a revision has a later date"));
    }
    if (day / 10000 < figures[i].year()) {
      violations.Add(
          at, absl::StrCat(date, " is before the year ", figures[i].year(), " of the figure"));
    }
  }
}

// The figure of a year with the latest date up to a day; null where there is
// none.
template <class Figure, class DateOf>
const Figure* Latest(const google::protobuf::RepeatedPtrField<Figure>& figures, int32_t year,
                     int64_t day, DateOf date_of) {
  const Figure* latest = nullptr;
  for (const Figure& figure : figures) {
    if (figure.year() != year || api::FirstDay(date_of(figure)) > day) continue;
    if (latest == nullptr || api::FirstDay(date_of(*latest)) < api::FirstDay(date_of(figure))) {
      latest = &figure;
    }
  }
  return latest;
}

const google::type::Date& ReportDate(const IndustrialBelt::ExportFigure& figure) {
  return figure.report_date();
}

const google::type::Date& PublicationDate(const IndustrialBelt::ProvinceFigure& figure) {
  return figure.publication_date();
}

void AddAbsence(std::string_view field, Growth::Reason reason, std::string explanation,
                Growth& growth) {
  auto* absence = growth.add_absences();
  absence->set_field(std::string(field));
  absence->set_reason(reason);
  absence->set_explanation(std::move(explanation));
}

// Sets the two figures over which the growth is worked out. False, with the
// reason why it is absent, where there is none.
bool FindFigures(const IndustrialBelt& belt, int64_t day, Growth& growth) {
  const int32_t year = growth.year();
  const auto absent = [&](Growth::Reason reason, const std::string& explanation) {
    AddAbsence("growth", reason, explanation, growth);
    return false;
  };
  const auto* figure = Latest(belt.export_figures(), year, day, ReportDate);
  if (figure == nullptr) {
    return absent(Growth::NO_VALUE, absl::StrCat("no exports of ", year, " had been reported by ",
                                                 api::FormatDay(day)));
  }
  *growth.mutable_figure() = *figure;
  const int64_t reported = api::FirstDay(figure->report_date());
  const auto* base = Latest(belt.export_figures(), year - 1, reported, ReportDate);
  if (base == nullptr) {
    return absent(Growth::NO_BASE,
                  absl::StrCat("no exports of ", year - 1, " had been reported by ",
                               api::FormatDate(figure->report_date()), ", when those of ", year,
                               " were; where they are known by now, "
                               "report those of ",
                               year, " again"));
  }
  *growth.mutable_base() = *base;
  if (figure->currency() != base->currency()) {
    return absent(
        Growth::CURRENCIES_DIFFER,
        absl::StrCat("the exports of ", year, " are in ", figure->currency(), ", those of ",
                     year - 1, " in ", base->currency(), "; report both in one currency"));
  }
  if (Number(base->value()) <= Decimal()) {
    return absent(Growth::BASE_IS_ZERO,
                  absl::StrCat("the exports of ", year - 1, " are 0, over which nothing grows"));
  }
  return true;
}

}  // namespace

absl::Status CheckIndustrialBelt(const IndustrialBelt& belt) {
  api::Violations violations;
  CheckFigures(belt.export_figures(), "export_figures", "report_date", ReportDate, violations);
  CheckFigures(belt.province_figures(), "province_figures", "publication_date", PublicationDate,
               violations);
  CheckMilestones({{"nomination_date", belt.nomination_date(), IndustrialBelt::NOMINATED},
                   {"cultivation_date", belt.cultivation_date(), IndustrialBelt::CULTIVATED},
                   {"designation_date", belt.designation_date(), IndustrialBelt::BENCHMARK},
                   {"drop_date", belt.drop_date(), IndustrialBelt::DROPPED}},
                  belt.state(), IndustrialBelt::State_Name(belt.state()), violations);
  return violations.ToStatus();
}

absl::Status CheckBeltZone(const IndustrialBelt& belt, const v1::PilotZone& zone, int64_t day) {
  const std::string_view province = codes::ProvinceOfPlace(belt.place());
  if (!province.empty() && province != zone.province()) {
    api::Violations violations;
    violations.Add("place", absl::StrCat(belt.place(), " lies in ", province, ", not in ",
                                         zone.province(), ", the province of ", zone.name()));
    return violations.ToStatus();
  }
  return CheckInForce(zone, day, absl::StrCat("take on ", belt.name()));
}

v1::ComputeExportGrowthResponse ComputeExportGrowth(const IndustrialBelt& belt, int32_t year,
                                                    int64_t day) {
  Growth growth;
  growth.set_industrial_belt(belt.name());
  growth.set_year(year);
  const bool grows = FindFigures(belt, day, growth);
  // The exact growth in percent is rise / base.
  Decimal rise, base;
  if (grows) {
    base = Number(growth.base().value());
    rise = (Number(growth.figure().value()) - base) * 100;
    growth.set_growth(Percentage(rise, base));
  }
  const auto* province = Latest(belt.province_figures(), year, day, PublicationDate);
  if (province == nullptr) {
    AddAbsence("excess", Growth::NO_PROVINCE_FIGURE,
               absl::StrCat("the growth of the exports of ", belt.province(), " in ", year,
                            " is not recorded, or was not published by ", api::FormatDay(day)),
               growth);
    return growth;
  }
  *growth.mutable_province_figure() = *province;
  if (!grows) {
    AddAbsence("excess", growth.absences(0).reason(), "there is no growth of the belt's exports",
               growth);
    return growth;
  }
  growth.set_excess(Percentage(rise - Decimal::Product(Number(province->growth()), base), base));
  return growth;
}

}  // namespace caravan::zones
