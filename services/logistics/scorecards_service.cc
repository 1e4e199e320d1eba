#include "services/logistics/scorecards_service.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"
#include "services/common/resources/list.h"
#include "services/logistics/watch.h"

namespace caravan::logistics {

namespace {

constexpr char kRebuild[] = "RebuildScorecards";
constexpr size_t kMostScorecards = 10'000;
// Above all names, which are ASCII.
constexpr std::string_view kLastValue = "\x7f";

int32_t NumberOf(absl::CivilDay day) {
  return static_cast<int32_t>(day - absl::CivilDay(1970, 1, 1));
}

ScorecardRange RangeOf(Dimension dimension, std::string first, std::string last, Days days) {
  ScorecardRange range;
  range.dimension = static_cast<int>(dimension);
  range.first_value = std::move(first);
  range.last_value = std::move(last);
  range.begin_day = NumberOf(days.begin);
  range.end_day = NumberOf(days.end);
  return range;
}

v1::Scorecard MessageOf(v1::Dimension dimension, std::string_view value, Days days,
                        const Scorecard& scorecard, int64_t sequence) {
  v1::Scorecard message = ToMessage(scorecard);
  message.set_dimension(dimension);
  message.set_value(std::string(value));
  *message.mutable_begin_date() = ToDate(days.begin);
  *message.mutable_end_date() = ToDate(days.end);
  message.set_sequence(sequence);
  return message;
}

// What values of dimensions look like.
std::string_view CollectionOf(v1::Dimension dimension) {
  switch (dimension) {
    case v1::PARTNERSHIP:
      return "partnerships/";
    case v1::COURIER:
    case v1::LINE_HAUL_COMPANY:
      return "partners/";
    case v1::LANE:
      return "lanes/";
    case v1::DESTINATION:
      return "countries/";
    case v1::ORIGIN_ZONE:
      return "pilotZones/";
    case v1::SELLER:
      return "enterprises/";
    case v1::PLATFORM:
      return "platforms/";
    default:
      return "";
  }
}

absl::Status CheckValue(v1::Dimension dimension, std::string_view value, std::string field) {
  const std::string_view collection = CollectionOf(dimension);
  if (absl::StartsWith(value, collection) && value.size() > collection.size()) {
    return absl::OkStatus();
  }
  const std::string problem =
      absl::StrCat("is \"", value, "\", which is no value of ", v1::Dimension_Name(dimension),
                   "; it would be of the form ", collection, "*");
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS",
                    absl::StrCat(field, " ", problem))
      .Field(field, problem);
}

// The scorecard of one value over days.
absl::StatusOr<v1::Scorecard> Compute(ParcelKeeper& keeper, v1::Dimension dimension,
                                      const std::string& value, Days days) {
  auto read =
      keeper.ReadScorecards(RangeOf(FromMessage(dimension), value, value, days), std::nullopt);
  if (!read.ok()) return read.status();
  return MessageOf(dimension, value, days,
                   read->days.empty() ? Scorecard() : read->days[0].scorecard, read->sequence);
}

absl::Status TooMany() {
  return api::Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_SCORECARDS",
                    absl::StrCat("there are more than ", kMostScorecards,
                                 " scorecards; ask for fewer values or days, or for longer "
                                 "periods"))
      .Field("end_date", absl::StrCat("asks for more than ", kMostScorecards, " scorecards"));
}

}  // namespace

ScorecardsService::ScorecardsService(std::shared_ptr<ParcelHost> host,
                                     operations::Operations& operations)
    : host_(std::move(host)), operations_(operations) {
  method("QueryScorecards").checks_owners = true;
  operations.Register<v1::RebuildScorecardsRequest, v1::RebuildScorecardsResponse>(
      kRebuild,
      [host = host_](operations::OperationContext& context,
                     const v1::RebuildScorecardsRequest& request)
          -> absl::StatusOr<v1::RebuildScorecardsResponse> {
        auto rebuilt = host->keeper().Rebuild(
            request.mend(), [&](const v1::RebuildScorecardsMetadata& metadata) {
              context.SetProgress(metadata.buckets_done(), metadata.buckets(),
                                  absl::StrCat(metadata.parcels(), " parcels counted"));
              return !context.cancelled();
            });
        if (absl::IsCancelled(rebuilt.status())) return context.CancelledStatus();
        return rebuilt;
      });
}

absl::StatusOr<v1::Scorecard> ScorecardsService::ComputeScorecard(
    rpc::Call&, store::Reader&, const v1::ComputeScorecardRequest& request) {
  if (absl::Status s = CheckValue(request.dimension(), request.value(), "value"); !s.ok()) {
    return s;
  }
  auto days = ReadDays(request.begin_date(), request.end_date(), request.granularity());
  if (!days.ok()) return days.status();
  return Compute(host_->keeper(), request.dimension(), request.value(), *days);
}

absl::StatusOr<v1::QueryScorecardsResponse> ScorecardsService::QueryScorecards(
    rpc::Call& call, store::Reader&, const v1::QueryScorecardsRequest& request) {
  auto days = ReadDays(request.begin_date(), request.end_date(), request.granularity());
  if (!days.ok()) return days.status();
  const Dimension dimension = FromMessage(request.dimension());
  const Granularity granularity = FromMessage(request.granularity());
  days->begin = PeriodOf(days->begin, granularity);
  days->end = PeriodAt(days->end - 1, granularity).end;

  // Each value by itself where they are named, or where the caller may read some only.
  std::vector<std::string> values = {request.values().begin(), request.values().end()};
  for (int i = 0; i < request.values_size(); ++i) {
    const std::string& value = request.values(i);
    if (absl::Status s = CheckValue(request.dimension(), value, absl::StrCat("values[", i, "]"));
        !s.ok()) {
      return s;
    }
    if (!call.caller.HoldsOn(value)) return call.caller.Denied(value);
  }
  const bool all = values.empty() && call.caller.Everywhere();
  if (values.empty() && !all) {
    for (const std::string& name :
         call.caller.access->Prefixes(call.caller.principal, call.caller.permission)) {
      if (CheckValue(request.dimension(), name, "values").ok()) values.push_back(name);
    }
    if (values.empty()) return call.caller.Denied("");
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<ScorecardRange> ranges;
  if (all) {
    ranges.push_back(RangeOf(dimension, "", std::string(kLastValue), *days));
  } else {
    for (const std::string& value : values) {
      ranges.push_back(RangeOf(dimension, value, value, *days));
    }
  }

  v1::QueryScorecardsResponse response;
  for (const ScorecardRange& range : ranges) {
    auto read = host_->keeper().ReadScorecards(range, granularity);
    if (!read.ok()) return read.status();
    if (static_cast<size_t>(response.scorecards_size()) + read->days.size() > kMostScorecards) {
      return TooMany();
    }
    for (const ParcelKeeper::DayScorecard& day : read->days) {
      const Days period = PeriodAt(absl::CivilDay(1970, 1, 1) + day.day, granularity);
      *response.add_scorecards() =
          MessageOf(request.dimension(), day.value, period, day.scorecard, read->sequence);
    }
  }
  return response;
}

absl::StatusOr<v1::CompareCouriersResponse> ScorecardsService::CompareCouriers(
    rpc::Call&, store::Reader&, const v1::CompareCouriersRequest& request) {
  auto days = ReadDays(request.begin_date(), request.end_date(), v1::GRANULARITY_UNSPECIFIED);
  if (!days.ok()) return days.status();
  const std::string prefix = absl::StrCat(request.lane(), " ");
  auto read = host_->keeper().ReadScorecards(
      RangeOf(Dimension::kLaneAndCourier, prefix, absl::StrCat(prefix, kLastValue), *days),
      std::nullopt);
  if (!read.ok()) return read.status();
  const Rate rate = FromMessage(request.rate());
  std::vector<Contestant> contestants;
  for (const ParcelKeeper::DayScorecard& courier : read->days) {
    contestants.push_back({courier.value.substr(prefix.size()), RateOf(courier.scorecard, rate)});
  }
  auto comparison = logistics::CompareCouriers(contestants, IsGreaterBetter(rate));
  if (!comparison.ok()) return comparison.status();
  return ToMessage(*comparison, rate);
}

absl::StatusOr<std::unique_ptr<rpc::Source<v1::Scorecard>>> ScorecardsService::WatchScorecard(
    rpc::Call&, const v1::WatchScorecardRequest& request) {
  if (absl::Status s = CheckValue(request.dimension(), request.value(), "value"); !s.ok()) {
    return s;
  }
  auto days = ReadDays(request.begin_date(), request.end_date(), request.granularity());
  if (!days.ok()) return days.status();
  const auto read = [host = host_, dimension = request.dimension(), value = request.value(),
                     days = *days, last = std::optional<v1::Scorecard>()]() mutable
      -> absl::StatusOr<std::optional<v1::Scorecard>> {
    auto now = Compute(host->keeper(), dimension, value, days);
    if (!now.ok()) return now.status();
    if (last.has_value()) {
      last->set_sequence(now->sequence());
      if (google::protobuf::util::MessageDifferencer::Equals(*last, *now)) return std::nullopt;
    }
    last = *now;
    return *std::move(now);
  };
  return Watch<v1::Scorecard>(host_->hub(), host_->executor(), std::string(kScorecardsKey), read);
}

absl::StatusOr<google::longrunning::Operation> ScorecardsService::RebuildScorecards(
    rpc::Call& call, store::Transaction& tx, const v1::RebuildScorecardsRequest& request) {
  return operations_.Start(call.caller, tx, kRebuild, request, "");
}

}  // namespace caravan::logistics
