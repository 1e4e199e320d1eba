// `logistics track` and `logistics watch`.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/parcels.client.h"
#include "caravan/logistics/v1/scorecards.client.h"
#include "caravan/logistics/v1/tracking.client.h"
#include "clients/cli/logistics.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"
#include "google/protobuf/util/json_util.h"

namespace caravan::cli {
namespace {

namespace v1 = logistics::v1;

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string Text(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", TimeOf(time), absl::UTCTimeZone());
}

void PrintParcel(const v1::Parcel& parcel, std::ostream& out) {
  const auto line = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) out << absl::StrCat(title, ": ", text, "\n");
  };
  const auto time = [&](std::string_view title, bool has, const google::protobuf::Timestamp& when) {
    if (has) line(title, Text(when));
  };
  out << OneLine(parcel.name()) << ": " << Words(v1::Parcel::State_Name(parcel.state())) << ", "
      << Words(v1::TrackingStatus_Name(parcel.status())) << "\n";
  for (const v1::TrackingNumber& number : parcel.tracking_numbers()) {
    line("Tracking number",
         absl::StrCat(OneLine(number.number()), " of ", OneLine(number.carrier())));
  }
  line("Partnership", OneLine(parcel.partnership()));
  line("Courier", OneLine(parcel.courier()));
  line("Lane", OneLine(parcel.lane()));
  line("Seller", OneLine(parcel.seller()));
  time("Handed over", parcel.has_hand_over_time(), parcel.hand_over_time());
  time("Arrived", parcel.has_arrival_time(), parcel.arrival_time());
  time("First attempt", parcel.has_first_attempt_time(), parcel.first_attempt_time());
  time("Delivered", parcel.has_delivery_time(), parcel.delivery_time());
  if (parcel.has_deadline_time()) {
    line("Deadline", absl::StrCat(Text(parcel.deadline_time()), ", ",
                                  !parcel.due()      ? "not yet due"
                                  : parcel.on_time() ? "in time"
                                                     : "late"));
  }
  for (const v1::Pause& pause : parcel.pauses()) {
    line("Pause", absl::StrCat(Text(pause.begin_time()), " to ", Text(pause.end_time())));
  }
  for (const v1::LegTime& leg : parcel.legs()) {
    line(absl::StrCat("Leg ", Words(v1::Leg_Name(leg.leg()))), Span(leg.seconds()));
  }
  if (parcel.scans_expected() > 0) {
    line("Scans", absl::StrCat(parcel.scans_expected() - parcel.scans_missing(), " of ",
                               parcel.scans_expected()));
  }
}

void PrintEvents(const v1::ListParcelEventsResponse& events, std::ostream& out) {
  Table table({"TIME", "CARRIER", "STATUS", "CODE", "PLACE", "TOLD AFTER", "COUNTS"}, out);
  for (const v1::ParcelEvent& event : events.events()) {
    const int64_t delay =
        absl::ToInt64Seconds(TimeOf(event.receipt_time()) - TimeOf(event.event_time()));
    std::string status = Words(v1::TrackingStatus_Name(event.status()));
    if (event.reason() != v1::TRACKING_REASON_UNSPECIFIED) {
      absl::StrAppend(&status, " (", Words(v1::TrackingReason_Name(event.reason())), ")");
    }
    const bool counts = event.effect() == v1::ParcelEvent::TAKES_PART;
    table.Add({Text(event.event_time()), OneLine(ShortName(event.carrier())), std::move(status),
               OneLine(event.code()), OneLine(event.place()),
               delay < 0 ? absl::StrCat("-", Span(-delay)) : Span(delay),
               counts ? "yes" : Words(v1::ParcelEvent::Effect_Name(event.effect()))});
  }
  table.Flush();
}

// Prints what a stream brings until it ends: a line of JSON each, or as `print` does.
template <class T, class Print>
absl::StatusOr<int> PrintAll(Session& session, bool json, client::Results<T> results, Print print) {
  for (const auto& result : results) {
    if (!result.ok()) return result.status();
    if (json) {
      std::string text;
      if (!google::protobuf::util::MessageToJsonString(*result, &text).ok()) {
        return absl::DataLossError("what came cannot be written as JSON");
      }
      session.out() << text << "\n";
    } else {
      print(*result);
    }
    if (!session.out().flush()) return 1;
  }
  return 0;
}

}  // namespace

absl::StatusOr<int> TrackParcel(Session& session, const Flags& flags) {
  if (flags.args().size() != 3) return UsageError("logistics track takes a carrier and a number");
  v1::LookUpParcelRequest request;
  request.set_carrier(NameIn("partners", flags.args()[1]));
  request.set_tracking_number(flags.args()[2]);
  if (flags.Has("time")) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, flags.Get("time"), &time, &error)) {
      return UsageError(absl::StrCat("--time is '", flags.Get("time"),
                                     "'; must be a time such as 2024-08-02T02:15:00Z"));
    }
    request.mutable_time()->set_seconds(absl::ToUnixSeconds(time));
  }
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  const v1::ParcelServiceClient parcels(*connection);
  const auto parcel = parcels.LookUpParcel(request);
  if (!parcel.ok()) return parcel.status();
  if (*format != Format::kTable && *format != Format::kWide) {
    const auto catalog = session.catalog();
    if (!catalog.ok()) return catalog.status();
    if (auto s = PrintAnswer(*format, **catalog, *parcel, session.out()); !s.ok()) return s;
    return 0;
  }
  const auto events = parcels.ListParcelEvents(parcel->name());
  if (!events.ok()) return events.status();
  PrintParcel(*parcel, session.out());
  session.out() << "\n";
  PrintEvents(*events, session.out());
  return 0;
}

absl::StatusOr<int> WatchLogistics(Session& session, const Flags& flags) {
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  if (*format != Format::kTable && *format != Format::kJson) {
    return UsageError("logistics watch writes a table or json");
  }
  const bool json = *format == Format::kJson;
  const bool scorecard = AsksForScorecard(flags);
  if (flags.args().size() != (scorecard ? 1 : 2)) {
    return UsageError(
        "logistics watch takes a parcel, or the word events, or the flags of scorecard");
  }
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  std::ostream& out = session.out();
  if (scorecard) {
    const auto question = ScorecardQuestion(flags);
    if (!question.ok()) return question.status();
    v1::WatchScorecardRequest request;
    request.set_dimension(question->dimension());
    request.set_value(question->value());
    *request.mutable_begin_date() = question->begin_date();
    *request.mutable_end_date() = question->end_date();
    return PrintAll(session, json, v1::ScorecardServiceClient(*connection).WatchScorecard(request),
                    [&](const v1::Scorecard& seen) {
                      PrintScorecard(seen, out);
                      out << "\n";
                    });
  }
  if (flags.args()[1] == "events") {
    return PrintAll(session, json,
                    v1::TrackingServiceClient(*connection).WatchEvents(v1::WatchEventsRequest()),
                    [&](const v1::WatchEventsResponse& page) {
                      for (const auto& entry : page.entries()) {
                        out << Text(entry.event().event_time()) << "  " << OneLine(entry.parcel())
                            << "  " << OneLine(entry.event().carrier()) << "  "
                            << Words(v1::TrackingStatus_Name(entry.event().status())) << "  "
                            << OneLine(entry.event().place()) << "\n";
                      }
                    });
  }
  v1::WatchParcelRequest request;
  request.set_name(NameIn("parcels", flags.args()[1]));
  return PrintAll(session, json, v1::ParcelServiceClient(*connection).WatchParcel(request),
                  [&](const v1::Parcel& parcel) {
                    PrintParcel(parcel, out);
                    out << "\n";
                  });
}

}  // namespace caravan::cli
