// `logistics scorecard`, `logistics scorecards` and `logistics compare`.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "caravan/logistics/v1/scorecards.client.h"
#include "clients/cli/logistics.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

namespace v1 = logistics::v1;

struct DimensionFlag {
  std::string_view flag;
  v1::Dimension dimension;
  std::string_view plural;
};
constexpr DimensionFlag kDimensions[] = {
    {"partnership", v1::PARTNERSHIP, "partnerships"},
    {"courier", v1::COURIER, "partners"},
    {"line-haul-company", v1::LINE_HAUL_COMPANY, "partners"},
    {"lane", v1::LANE, "lanes"},
    {"destination", v1::DESTINATION, "countries"},
    {"origin-zone", v1::ORIGIN_ZONE, "pilotZones"},
    {"seller", v1::SELLER, "enterprises"},
    {"platform", v1::PLATFORM, "platforms"},
};

google::type::Date DateOf(absl::CivilDay day) {
  google::type::Date date;
  date.set_year(static_cast<int32_t>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
  return date;
}

std::string Text(const google::type::Date& date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

bool IsTable(Format format) { return format == Format::kTable || format == Format::kWide; }

// An answer in a format for scripts.
absl::StatusOr<int> Print(Session& session, Format format,
                          const google::protobuf::Message& answer) {
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  if (auto s = PrintAnswer(format, **catalog, answer, session.out()); !s.ok()) return s;
  return 0;
}

std::string Share(const v1::RateValue& rate) {
  return absl::StrCat(rate.numerator(), " of ", rate.denominator());
}

}  // namespace

std::string NameIn(std::string_view plural, std::string_view id) {
  return absl::StrContains(id, '/') ? std::string(id) : absl::StrCat(plural, "/", id);
}

std::string Words(std::string_view enum_name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(enum_name), {{"_", " "}});
}

std::string Percent(std::string_view decimal) {
  double value = 0;
  if (!absl::SimpleAtod(decimal, &value)) return std::string(decimal);
  // Of six digits: what is shown is a whole number of hundredths of a percent.
  const auto millionths = static_cast<int64_t>(std::llround(value * 1'000'000));
  const int64_t shown = (millionths + 50) / 100;
  return absl::StrFormat("%d.%02d %%", shown / 100, shown % 100);
}

std::string Span(int64_t seconds) {
  if (seconds >= 86'400) {
    return absl::StrCat(seconds / 86'400, "d ", seconds % 86'400 / 3600, "h");
  }
  if (seconds >= 3600) return absl::StrCat(seconds / 3600, "h ", seconds % 3600 / 60, "m");
  return absl::StrCat(seconds / 60, "m ", seconds % 60, "s");
}

absl::StatusOr<Days> DaysOf(const Flags& flags) {
  int given = 0;
  for (const char* flag : {"day", "week", "month", "from"}) given += flags.Has(flag);
  if (given != 1 || flags.Has("from") != flags.Has("until")) {
    return UsageError(
        "which days: --month 2024-08, --week 2024-08-05, --day 2024-08-05, or --from and --until");
  }
  const auto bad = [&](std::string_view flag, std::string_view example) {
    return UsageError(
        absl::StrCat("--", flag, " is '", flags.Get(flag), "'; must be a date such as ", example));
  };
  absl::CivilDay begin, end;
  if (flags.Has("month")) {
    absl::CivilMonth month;
    if (!absl::ParseCivilTime(flags.Get("month"), &month)) return bad("month", "2024-08");
    begin = absl::CivilDay(month);
    end = absl::CivilDay(month + 1);
  } else if (flags.Has("from")) {
    if (!absl::ParseCivilTime(flags.Get("from"), &begin)) return bad("from", "2024-08-05");
    if (!absl::ParseCivilTime(flags.Get("until"), &end)) return bad("until", "2024-08-31");
    if (end < begin) return UsageError("--until is before --from");
    ++end;
  } else {
    const std::string_view flag = flags.Has("day") ? "day" : "week";
    if (!absl::ParseCivilTime(flags.Get(flag), &begin)) return bad(flag, "2024-08-05");
    if (flag == "week") begin = absl::PrevWeekday(begin + 1, absl::Weekday::monday);
    end = begin + (flag == "day" ? 1 : 7);
  }
  return Days{DateOf(begin), DateOf(end)};
}

bool AsksForScorecard(const Flags& flags) {
  return std::any_of(std::begin(kDimensions), std::end(kDimensions),
                     [&](const DimensionFlag& d) { return flags.Has(d.flag); });
}

absl::StatusOr<v1::ComputeScorecardRequest> ScorecardQuestion(const Flags& flags) {
  v1::ComputeScorecardRequest request;
  int given = 0;
  std::string names;
  for (const DimensionFlag& dimension : kDimensions) {
    absl::StrAppend(&names, names.empty() ? "--" : ", --", dimension.flag);
    if (!flags.Has(dimension.flag)) continue;
    ++given;
    request.set_dimension(dimension.dimension);
    request.set_value(NameIn(dimension.plural, flags.Get(dimension.flag)));
  }
  if (given != 1) return UsageError(absl::StrCat("whose scorecard: one of ", names));
  auto days = DaysOf(flags);
  if (!days.ok()) return days.status();
  *request.mutable_begin_date() = days->begin;
  *request.mutable_end_date() = days->end;
  return request;
}

void PrintScorecard(const v1::Scorecard& scorecard, std::ostream& out) {
  const google::type::Date& end = scorecard.end_date();
  const absl::CivilDay last = absl::CivilDay(end.year(), end.month(), end.day()) - 1;
  out << OneLine(scorecard.value()) << ", " << Words(v1::Dimension_Name(scorecard.dimension()))
      << ", " << Text(scorecard.begin_date()) << " to " << Text(DateOf(last)) << "\n\n";
  if (scorecard.rates().empty() && scorecard.legs().empty() && scorecard.handed_over() == 0) {
    out << "Nothing was counted in these days.\n";
    return;
  }
  Table rates({"RATE", "VALUE", "OF"}, out);
  for (const v1::RateValue& rate : scorecard.rates()) {
    rates.Add({Words(v1::Rate_Name(rate.rate())), Percent(rate.value()), Share(rate)});
  }
  rates.Flush();
  out << "\n";
  Table legs({"LEG", "TIMES", "P50", "P90", "P95", "P99"}, out);
  for (const v1::LegTimes& leg : scorecard.legs()) {
    std::vector<std::string> row{Words(v1::Leg_Name(leg.leg())), absl::StrCat(leg.count())};
    for (const double seconds :
         {leg.p50_seconds(), leg.p90_seconds(), leg.p95_seconds(), leg.p99_seconds()}) {
      row.push_back(Span(static_cast<int64_t>(seconds)));
    }
    legs.Add(std::move(row));
  }
  legs.Flush();
  out << "\n";
  Table counts({"COUNT", "PARCELS", "FAULT", "EVENTS"}, out);
  const std::pair<std::string_view, int64_t> parcels[] = {
      {"handed over", scorecard.handed_over()}, {"delivered", scorecard.delivered()},
      {"attempted", scorecard.attempted()},     {"due", scorecard.due()},
      {"refused", scorecard.refused()},         {"lost", scorecard.lost()},
      {"unknown", scorecard.unknown()},         {"damaged", scorecard.damaged()},
      {"returned", scorecard.returned()},
  };
  const std::pair<std::string_view, int64_t> faults[] = {
      {"scans missing", scorecard.scans_missing()},
      {"out of sequence", scorecard.out_of_sequence()},
      {"negative intervals", scorecard.negative_intervals()},
      {"before the parcel", scorecard.before_parcel()},
      {"after delivery", scorecard.after_delivery()},
      {"future-dated", scorecard.future_dated()},
      {"unknown codes", scorecard.unknown_codes()},
  };
  for (size_t i = 0; i < std::size(parcels); ++i) {
    const bool has_fault = i < std::size(faults);
    counts.Add({std::string(parcels[i].first), absl::StrCat(parcels[i].second),
                has_fault ? std::string(faults[i].first) : "",
                has_fault ? absl::StrCat(faults[i].second) : ""});
  }
  counts.Flush();
}

absl::StatusOr<int> ShowScorecard(Session& session, const Flags& flags) {
  if (flags.args().size() != 1) return UsageError("logistics scorecard takes flags only");
  const auto request = ScorecardQuestion(flags);
  if (!request.ok()) return request.status();
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  const auto scorecard = v1::ScorecardServiceClient(*connection).ComputeScorecard(*request);
  if (!scorecard.ok()) return scorecard.status();
  if (!IsTable(*format)) return Print(session, *format, *scorecard);
  PrintScorecard(*scorecard, session.out());
  return 0;
}

absl::StatusOr<int> ListScorecards(Session& session, const Flags& flags) {
  if (flags.args().size() != 1) return UsageError("logistics scorecards takes flags only");
  v1::QueryScorecardsRequest request;
  const auto dimension = EnumFlag<v1::Dimension>(flags, "by");
  if (!dimension.ok()) return dimension.status();
  request.set_dimension(*dimension);
  const auto granularity = EnumFlag<v1::Granularity>(flags, "every", "month");
  if (!granularity.ok()) return granularity.status();
  request.set_granularity(*granularity);
  auto days = DaysOf(flags);
  if (!days.ok()) return days.status();
  *request.mutable_begin_date() = days->begin;
  *request.mutable_end_date() = days->end;
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  const auto answer = v1::ScorecardServiceClient(*connection).QueryScorecards(request);
  if (!answer.ok()) return answer.status();
  if (!IsTable(*format)) return Print(session, *format, *answer);
  Table table(
      {"VALUE", "FROM", "HANDED OVER", "DELIVERED", "DUE", "ON TIME", "FIRST ATTEMPT", "LOSS"},
      session.out());
  for (const v1::Scorecard& scorecard : answer->scorecards()) {
    const auto rate = [&](v1::Rate which) {
      for (const v1::RateValue& value : scorecard.rates()) {
        if (value.rate() == which) return Percent(value.value());
      }
      return std::string();
    };
    table.Add({OneLine(ShortName(scorecard.value())), Text(scorecard.begin_date()),
               absl::StrCat(scorecard.handed_over()), absl::StrCat(scorecard.delivered()),
               absl::StrCat(scorecard.due()), rate(v1::ON_TIME), rate(v1::FIRST_ATTEMPT),
               rate(v1::LOSS)});
  }
  table.Flush();
  return 0;
}

absl::StatusOr<int> CompareCouriers(Session& session, const Flags& flags) {
  if (flags.args().size() != 2) return UsageError("logistics compare takes a lane");
  v1::CompareCouriersRequest request;
  request.set_lane(NameIn("lanes", flags.args()[1]));
  const auto rate = EnumFlag<v1::Rate>(flags, "rate", "on-time");
  if (!rate.ok()) return rate.status();
  request.set_rate(*rate);
  auto days = DaysOf(flags);
  if (!days.ok()) return days.status();
  *request.mutable_begin_date() = days->begin;
  *request.mutable_end_date() = days->end;
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  const auto answer = v1::ScorecardServiceClient(*connection).CompareCouriers(request);
  if (!answer.ok()) return answer.status();
  if (!IsTable(*format)) return Print(session, *format, *answer);
  Table table({"COURIER", "RATE", "OF", "95 % INTERVAL", "NOT TOLD APART FROM"}, session.out());
  for (const auto& row : answer->rows()) {
    std::vector<std::string> alike;
    for (const std::string& other : row.alike()) alike.push_back(OneLine(ShortName(other)));
    const bool has_data = row.rate().denominator() > 0;
    table.Add({OneLine(ShortName(row.courier())), has_data ? Percent(row.rate().value()) : "",
               Share(row.rate()),
               has_data ? absl::StrCat(Percent(row.low()), " to ", Percent(row.high())) : "",
               absl::StrJoin(alike, ", ")});
  }
  table.Flush();
  session.out() << OneLine(answer->summary()) << "\n";
  return 0;
}

}  // namespace caravan::cli
