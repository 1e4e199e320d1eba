#include "services/logistics/reckoning_close.h"

#include <algorithm>

#include "caravan/logistics/v1/disputes.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/date.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/logistics/reckoning.h"

namespace caravan::logistics {

using google::protobuf::util::TimeUtil;
using resources::Registry;
using resources::WriteKind;
using v1::Dispute;
using v1::Partnership;
using v1::Reckoning;

namespace {

constexpr absl::Duration kCloseInterval = absl::Hours(1);
constexpr absl::Duration kLookInterval = absl::Minutes(1);
constexpr absl::Duration kLease = absl::Minutes(5);

absl::StatusOr<std::vector<Dispute>> DisputesOf(const Registry& registry, store::Reader& reader,
                                                const std::string& reckoning) {
  std::vector<Dispute> disputes;
  absl::Status s = resources::VisitBelow<Dispute>(registry, reader, {.parent = reckoning},
                                                  [&](const Dispute& dispute) {
                                                    disputes.push_back(dispute);
                                                    return true;
                                                  });
  if (!s.ok()) return s;
  return disputes;
}

// The FINAL months before a month that it may adjust, ascending.
absl::StatusOr<std::vector<Reckoning>> EarlierMonths(const Registry& registry,
                                                     store::Reader& reader,
                                                     std::string_view partnership,
                                                     absl::CivilMonth month) {
  std::vector<Reckoning> earlier;
  for (int back = kAdjustedMonths; back > 0; --back) {
    auto found = registry.Lookup<Reckoning>(reader, ReckoningName(partnership, month - back));
    if (!found.ok()) return found.status();
    if (found->has_value() && (*found)->state() == Reckoning::FINAL) {
      earlier.push_back(**std::move(found));
    }
  }
  return earlier;
}

// What was measured, of one month.
class MonthMeasured {
 public:
  MonthMeasured(const Measured& measured, absl::CivilMonth month)
      : measured_(measured), month_(month) {}

  // The month with the claims that count. Nothing where something was not measured.
  std::optional<Scorecard> With(const std::vector<Dispute>& disputes) const {
    const auto month = measured_.months.find(month_);
    if (month == measured_.months.end()) return std::nullopt;
    for (const Dispute& dispute : disputes) {
      if (!Counts(dispute)) continue;
      for (const auto& claim : dispute.claims()) {
        if (!measured_.parcels.contains({month_, claim.parcel()})) return std::nullopt;
      }
    }
    Scorecard scorecard = month->second;
    ApplyClaims(
        disputes,
        [&](const std::string& parcel) -> const Scorecard* {
          const auto found = measured_.parcels.find({month_, parcel});
          if (found == measured_.parcels.end() || !found->second.has_value()) return nullptr;
          return &*found->second;
        },
        scorecard);
    return scorecard;
  }

 private:
  const Measured& measured_;
  const absl::CivilMonth month_;
};

// The freezing of one month.
class Closing {
 public:
  Closing(const Registry& registry, const resources::Caller& caller, store::Transaction& tx,
          const Measured& measured)
      : registry_(registry),
        unrestricted_(caller.Unrestricted()),
        tx_(tx),
        measured_(measured),
        writer_(registry, caller, tx),
        consequences_(registry, unrestricted_, tx) {}

  absl::StatusOr<Reckoning> Close(const std::string& name, std::string_view etag) {
    const auto& reckonings = *registry_.FindByMessage(*Reckoning::descriptor());
    auto stored = writer_.ReadForChange(reckonings, name, etag, "etag");
    if (!stored.ok()) return stored.status();
    Reckoning reckoning = static_cast<const Reckoning&>(*stored->message);
    const absl::CivilMonth month = MonthOf(name);
    auto partnership = resources::Require<Partnership>(registry_, tx_, PartnershipOf(name));
    if (!partnership.ok()) return partnership.status();
    auto disputes = SettledDisputes(reckoning, partnership->name(), month);
    if (!disputes.ok()) return disputes.status();

    const auto scorecard = MonthMeasured(measured_, month).With(*disputes);
    if (!scorecard.has_value()) return resources::ChangedMeanwhile(name);
    const absl::Time now = unrestricted_.now;
    *reckoning.mutable_result() = ResultOf(*partnership, month, *scorecard, now);
    if (absl::Status s = Adjust(*partnership, month, reckoning); !s.ok()) return s;
    reckoning.set_state(Reckoning::FINAL);
    *reckoning.mutable_final_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now));
    auto written = writer_.Write(reckonings, &*stored, reckoning, WriteKind::kTransition, "");
    if (!written.ok()) return written.status();
    if (absl::Status s = Warn(*partnership, reckoning); !s.ok()) return s;
    return reckoning;
  }

 private:
  // Its disputes, those accepted by silence among them.
  absl::StatusOr<std::vector<Dispute>> SettledDisputes(const Reckoning& reckoning,
                                                       const std::string& partnership,
                                                       absl::CivilMonth month) {
    const int64_t today = unrestricted_.today;
    if (absl::Status s = resources::WatchReferences(tx_, reckoning.name()); !s.ok()) return s;
    auto disputes = DisputesOf(registry_, tx_, reckoning.name());
    if (!disputes.ok()) return disputes.status();
    auto before = registry_.Lookup<Reckoning>(tx_, ReckoningName(partnership, month - 1));
    if (!before.ok()) return before.status();
    absl::Status s =
        CheckFinalizable(reckoning, before->has_value() ? &**before : nullptr, *disputes, today);
    if (!s.ok()) return s;
    const auto& collection = *registry_.FindByMessage(*Dispute::descriptor());
    for (Dispute& dispute : *disputes) {
      // By key, so that whoever changes it meanwhile makes this run again.
      auto stored = consequences_.ReadForChange(collection, dispute.name(), "", "etag");
      if (!stored.ok()) return stored.status();
      dispute = static_cast<const Dispute&>(*stored->message);
      if (!SilenceAccepts(dispute, today)) continue;
      dispute.set_state(Dispute::ACCEPTED);
      auto written = consequences_.Write(collection, &*stored, dispute, WriteKind::kTransition, "");
      if (!written.ok()) return written.status();
    }
    return disputes;
  }

  // Sets what earlier months are to be adjusted by.
  absl::Status Adjust(const Partnership& partnership, absl::CivilMonth month,
                      Reckoning& reckoning) {
    auto earlier = EarlierMonths(registry_, tx_, partnership.name(), month);
    if (!earlier.ok()) return earlier.status();
    for (size_t i = 0; i < earlier->size(); ++i) {
      const Reckoning& settled = (*earlier)[i];
      auto disputes = DisputesOf(registry_, tx_, settled.name());
      if (!disputes.ok()) return disputes.status();
      const auto scorecard = MonthMeasured(measured_, MonthOf(settled.name())).With(*disputes);
      if (!scorecard.has_value()) return resources::ChangedMeanwhile(settled.name());
      const Reckoning::Result result =
          ResultOf(partnership, MonthOf(settled.name()), *scorecard, unrestricted_.now);
      auto adjustment = AdjustmentOf(settled, absl::MakeConstSpan(*earlier).subspan(i + 1), result);
      if (adjustment.has_value()) *reckoning.add_adjustments() = *std::move(adjustment);
    }
    return absl::OkStatus();
  }

  // Makes the partnership AT_RISK where the months say so.
  absl::Status Warn(const Partnership& partnership, const Reckoning& reckoning) {
    if (partnership.state() != Partnership::ACTIVE) return absl::OkStatus();
    std::vector<Reckoning::Verdict> verdicts;
    absl::Status s = resources::VisitBelow<Reckoning>(
        registry_, tx_, {.parent = partnership.name()}, [&](const Reckoning& month) {
          if (month.name() < reckoning.name()) verdicts.push_back(month.result().verdict());
          return true;
        });
    if (!s.ok()) return s;
    verdicts.push_back(reckoning.result().verdict());
    const std::optional<std::string> risk = RiskOf(partnership, verdicts);
    if (!risk.has_value()) return absl::OkStatus();
    const auto& partnerships = *registry_.FindByMessage(*Partnership::descriptor());
    auto stored = consequences_.ReadForChange(partnerships, partnership.name(), "", "etag");
    if (!stored.ok()) return stored.status();
    Partnership after = static_cast<const Partnership&>(*stored->message);
    after.set_state(Partnership::AT_RISK);
    after.set_state_reason(*risk);
    return consequences_.Write(partnerships, &*stored, after, WriteKind::kTransition, "").status();
  }

  const Registry& registry_;
  const resources::Caller unrestricted_;
  store::Transaction& tx_;
  const Measured& measured_;
  resources::Writer writer_;
  resources::Writer consequences_;
};

}  // namespace

absl::StatusOr<Measured> MeasureForFinal(const Registry& registry, store::Store& store,
                                         ScorecardSource& source, std::string_view reckoning) {
  const std::string partnership(PartnershipOf(reckoning));
  const absl::CivilMonth month = MonthOf(reckoning);
  // By month; the claims of disputes that may count.
  std::map<absl::CivilMonth, std::vector<std::string>> claimed;
  absl::Status s = store.Read([&](store::Reader& reader) -> absl::Status {
    claimed.clear();
    auto found = registry.Lookup<Reckoning>(reader, reckoning);
    if (!found.ok() || !found->has_value()) return found.status();
    auto earlier = EarlierMonths(registry, reader, partnership, month);
    if (!earlier.ok()) return earlier.status();
    std::vector<std::string> names = {std::string(reckoning)};
    for (const Reckoning& settled : *earlier) names.push_back(settled.name());
    for (const std::string& name : names) {
      std::vector<std::string>& parcels = claimed[MonthOf(name)];
      auto disputes = DisputesOf(registry, reader, name);
      if (!disputes.ok()) return disputes.status();
      for (const Dispute& dispute : *disputes) {
        if (dispute.state() != Dispute::FILED && !Counts(dispute)) continue;
        for (const auto& claim : dispute.claims()) parcels.push_back(claim.parcel());
      }
    }
    return absl::OkStatus();
  });
  if (!s.ok()) return s;
  Measured measured;
  for (const auto& [of, parcels] : claimed) {
    auto scorecard = source.OfMonth(partnership, of);
    if (!scorecard.ok()) return scorecard.status();
    measured.months[of] = *std::move(scorecard);
    for (const std::string& parcel : parcels) {
      std::optional<Scorecard>& kept = measured.parcels[{of, parcel}];
      if (kept.has_value()) continue;
      auto found = source.OfParcel(partnership, parcel, of);
      if (found.ok()) {
        kept = *std::move(found);
      } else if (!absl::IsNotFound(found.status())) {
        return found.status();
      }
    }
  }
  return measured;
}

absl::StatusOr<Reckoning> Finalize(const Registry& registry, const resources::Caller& caller,
                                   store::Transaction& tx, std::string_view reckoning,
                                   std::string_view etag, const Measured& measured) {
  return Closing(registry, caller, tx, measured).Close(std::string(reckoning), etag);
}

absl::StatusOr<int64_t> FinalizeDue(const Registry& registry, store::Store& store,
                                    ScorecardSource& source, absl::Time now, absl::TimeZone zone) {
  resources::Caller caller;
  caller.principal.name = "services/logistics";
  caller.method = "caravan.logistics.v1.ReckoningService/FinalizeReckoning";
  caller.now = now;
  caller.today = api::DayOf(now, zone);
  caller.unrestricted = true;

  std::vector<std::string> due;
  absl::Status s = store.Read([&](store::Reader& reader) {
    due.clear();
    return resources::Visit<Reckoning>(
        registry, reader, "state", {int64_t{Reckoning::OPEN}, int64_t{Reckoning::DISPUTED}},
        [&](const Reckoning& reckoning) {
          if (api::FirstDay(reckoning.dispute_due_date()) < caller.today) {
            due.push_back(reckoning.name());
          }
        });
  });
  if (!s.ok()) return s;
  // The months of a partnership in their order.
  std::sort(due.begin(), due.end());
  int64_t closed = 0;
  for (const std::string& name : due) {
    auto measured = MeasureForFinal(registry, store, source, name);
    if (!measured.ok()) return measured.status();
    auto committed = store.WriteAndWait([&](store::Transaction& tx) {
      return Finalize(registry, caller, tx, name, "", *measured).status();
    });
    // What waits for people, or has changed, has its next turn.
    if (absl::IsFailedPrecondition(committed.status()) || absl::IsAborted(committed.status())) {
      continue;
    }
    if (!committed.ok()) return committed.status();
    ++closed;
  }
  return closed;
}

ReckoningCloser::ReckoningCloser(const host::Dependencies& dependencies,
                                 std::shared_ptr<ScorecardSource> source)
    : clock_(operations::Clock::Telling(dependencies.clock)), maintenance_([&] {
        operations::MaintenanceOptions options;
        options.store = &dependencies.store;
        options.replica = dependencies.settings.replica_id();
        options.lease_name = "reckonings";
        options.clock = clock_.get();
        options.interval = kLookInterval;
        options.lease = kLease;
        absl::TimeZone zone = absl::UTCTimeZone();
        absl::LoadTimeZone(dependencies.settings.time_zone(), &zone);
        operations::MaintenanceTask task = {
            .name = "reckonings",
            .interval = kCloseInterval,
            .run = [&registry = dependencies.registry, &store = dependencies.store, zone,
                    source = std::move(source)](absl::Time now) {
              return FinalizeDue(registry, store, *source, now, zone);
            }};
        return std::make_unique<operations::Maintenance>(
            options, std::vector<operations::MaintenanceTask>{std::move(task)});
      }()) {}

}  // namespace caravan::logistics
