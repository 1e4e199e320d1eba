#include "services/logistics/reckonings_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/logistics/reckoning.h"
#include "services/logistics/scorecard_message.h"

namespace caravan::logistics {

using resources::WriteKind;
using resources::Writing;
using v1::Dispute;
using v1::Partner;
using v1::Partnership;
using v1::Reckoning;

namespace {

// `partnerships/p/reckonings/2024-06` of a dispute's name.
std::string ReckoningOf(std::string_view dispute) {
  return std::string(dispute.substr(0, dispute.find("/disputes/")));
}

// Checks that the caller acts for a party: holds the method's permission on it.
absl::Status CheckActsFor(const Writing& writing, const std::string& party) {
  auto partner = resources::Require<Partner>(writing.registry, writing.reader, party);
  if (!partner.ok()) return partner.status();
  const auto& partners = *writing.registry.FindByMessage(*Partner::descriptor());
  if (writing.caller.Permits(*partners.type, *partner)) return absl::OkStatus();
  return writing.caller.Denied(party);
}

// A month is DISPUTED from its first dispute on.
absl::Status MarkDisputed(const Writing& writing, const std::string& name) {
  const resources::Caller caller = writing.caller.Unrestricted();
  resources::Writer writer(writing.registry, caller, writing.tx);
  const auto& reckonings = *writing.registry.FindByMessage(*Reckoning::descriptor());
  auto stored = writer.ReadForChange(reckonings, name, "", "etag");
  if (!stored.ok()) return stored.status();
  Reckoning reckoning = static_cast<const Reckoning&>(*stored->message);
  reckoning.set_state(Reckoning::DISPUTED);
  return writer.Write(reckonings, &*stored, reckoning, WriteKind::kTransition, "").status();
}

absl::Status PrepareFiling(const Writing& writing, Dispute& dispute) {
  const std::string name = ReckoningOf(dispute.name());
  auto reckoning = writing.registry.Lookup<Reckoning>(writing.reader, name);
  if (!reckoning.ok()) return reckoning.status();
  // One that does not exist is left to the check of the parent.
  if (!reckoning->has_value()) return absl::OkStatus();
  dispute.set_line_haul_company((*reckoning)->line_haul_company());
  dispute.set_courier((*reckoning)->courier());
  dispute.set_filer(writing.caller.principal.name);
  if (dispute.party() != Dispute::PARTY_UNSPECIFIED) {
    const bool courier = dispute.party() == Dispute::COURIER;
    absl::Status s =
        CheckActsFor(writing, courier ? dispute.courier() : dispute.line_haul_company());
    if (!s.ok()) return s;
  }
  if (absl::Status s = CheckDisputable(**reckoning, writing.caller.today); !s.ok()) return s;
  auto partnership =
      resources::Require<Partnership>(writing.registry, writing.reader, PartnershipOf(name));
  if (!partnership.ok()) return partnership.status();
  const absl::CivilDay today(writing.caller.today / 10000, writing.caller.today / 100 % 100,
                             writing.caller.today % 100);
  *dispute.mutable_answer_due_date() = ToDate(today + partnership->dispute_window_days());

  const Measured* measured = writing.caller.Facts<Measured>();
  if (measured == nullptr) return absl::InternalError("the claims of a dispute were not measured");
  const absl::CivilMonth month = MonthOf(name);
  absl::Status s = CheckClaims(dispute, [&](const std::string& parcel) -> const Scorecard* {
    const auto found = measured->parcels.find({month, parcel});
    if (found == measured->parcels.end() || !found->second.has_value()) return nullptr;
    return &*found->second;
  });
  if (!s.ok() || (*reckoning)->state() == Reckoning::DISPUTED) return s;
  return MarkDisputed(writing, name);
}

absl::Status AnswerLate(const Dispute& dispute) {
  const std::string due = api::FormatDate(dispute.answer_due_date());
  return api::Error(absl::StatusCode::kFailedPrecondition, "ANSWER_LATE",
                    absl::StrCat(dispute.name(), " could be rejected until ", due,
                                 "; silence has accepted it"))
      .With("resource", dispute.name())
      .Precondition("ANSWER_LATE", dispute.name(), absl::StrCat("was to be answered until ", due));
}

}  // namespace

absl::Status PrepareDispute(const Writing& writing, const Dispute* before, Dispute& after) {
  if (before == nullptr) return PrepareFiling(writing, after);
  if (writing.caller.unrestricted) return absl::OkStatus();  // accepted by silence
  const std::string& principal = writing.caller.principal.name;
  if (after.state() == Dispute::ARBITRATED) {
    after.set_arbiter(principal);
    return absl::OkStatus();
  }
  const bool courier_filed = after.party() == Dispute::COURIER;
  absl::Status s =
      CheckActsFor(writing, courier_filed ? after.line_haul_company() : after.courier());
  if (!s.ok()) return s;
  if (after.state() == Dispute::REJECTED && SilenceAccepts(*before, writing.caller.today)) {
    return AnswerLate(after);
  }
  after.set_answerer(principal);
  return absl::OkStatus();
}

ReckoningsService::ReckoningsService(const host::Dependencies& dependencies,
                                     std::shared_ptr<ScorecardSource> source)
    : registry_(dependencies.registry), closer_(dependencies, source) {
  BindBefore<v1::OpenReckoningRequest>(
      "OpenReckoning",
      [source](rpc::Call& call, const v1::OpenReckoningRequest& request) -> absl::Status {
        const absl::CivilMonth month = MonthOf(request.reckoning_id());
        auto scorecard = source->OfMonth(request.parent(), month);
        if (!scorecard.ok()) return scorecard.status();
        Measured measured;
        measured.months[month] = *std::move(scorecard);
        call.caller.facts = std::move(measured);
        return absl::OkStatus();
      });
  BindBefore<v1::FinalizeReckoningRequest>(
      "FinalizeReckoning",
      [source, &registry = registry_, &store = dependencies.store](
          rpc::Call& call, const v1::FinalizeReckoningRequest& request) -> absl::Status {
        auto measured = MeasureForFinal(registry, store, *source, request.name());
        if (!measured.ok()) return measured.status();
        call.caller.facts = *std::move(measured);
        return absl::OkStatus();
      });
}

absl::StatusOr<Reckoning> ReckoningsService::OpenReckoning(
    rpc::Call& call, store::Transaction& tx, const v1::OpenReckoningRequest& request) {
  const auto& partnerships = *registry_.FindByMessage(*Partnership::descriptor());
  auto partnership = registry_.Lookup<Partnership>(tx, request.parent());
  if (!partnership.ok()) return partnership.status();
  if (!partnership->has_value()) return call.caller.Missing(*partnerships.type, request.parent());
  if (!call.caller.Permits(*partnerships.type, **partnership)) {
    return call.caller.Denied(request.parent());
  }
  const auto& reckonings = *registry_.FindByMessage(*Reckoning::descriptor());
  const absl::CivilMonth month = MonthOf(request.reckoning_id());
  const std::string name = ReckoningName(request.parent(), month);
  resources::Writer writer(registry_, call.caller, tx);
  auto existing = writer.Read(reckonings, name);
  if (!existing.ok()) return existing.status();
  if (existing->has_value()) {
    return api::Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
                      absl::StrCat(name, " exists already"))
        .With("resource", name)
        .Resource(reckonings.type->type(), name)
        .Field("reckoning_id", "is taken");
  }
  if (absl::Status s = resources::WatchReferences(tx, request.parent()); !s.ok()) return s;
  std::optional<absl::CivilMonth> latest;
  absl::Status s = resources::VisitBelow<Reckoning>(registry_, tx, {.parent = request.parent()},
                                                    [&](const Reckoning& reckoning) {
                                                      latest = MonthOf(reckoning.name());
                                                      return true;
                                                    });
  if (s.ok()) s = CheckOpening(**partnership, month, latest, call.caller.today);
  if (!s.ok()) return s;

  const Measured* measured = call.caller.Facts<Measured>();
  if (measured == nullptr) return absl::InternalError("the month was not measured");
  Reckoning reckoning =
      NewReckoning(**partnership, month, call.caller.principal.name, call.caller.today);
  *reckoning.mutable_result() =
      ResultOf(**partnership, month, measured->months.at(month), call.caller.now);
  auto written = writer.Write(reckonings, nullptr, reckoning, WriteKind::kCreate, "");
  if (!written.ok()) return written.status();
  return reckoning;
}

absl::StatusOr<Reckoning> ReckoningsService::FinalizeReckoning(
    rpc::Call& call, store::Transaction& tx, const v1::FinalizeReckoningRequest& request) {
  const Measured* measured = call.caller.Facts<Measured>();
  if (measured == nullptr) return absl::InternalError("the month was not measured");
  return Finalize(registry_, call.caller, tx, request.name(), request.etag(), *measured);
}

DisputesService::DisputesService(std::shared_ptr<ScorecardSource> source) {
  BindBefore<v1::CreateDisputeRequest>(
      "CreateDispute",
      [source = std::move(source)](rpc::Call& call,
                                   const v1::CreateDisputeRequest& request) -> absl::Status {
        const absl::CivilMonth month = MonthOf(request.parent());
        Measured measured;
        for (const auto& claim : request.dispute().claims()) {
          const auto [parcel, added] =
              measured.parcels.try_emplace({month, claim.parcel()}, std::nullopt);
          if (!added) continue;
          auto found = source->OfParcel(PartnershipOf(request.parent()), claim.parcel(), month);
          if (found.ok()) {
            parcel->second = *std::move(found);
          } else if (!absl::IsNotFound(found.status())) {
            return found.status();
          }
        }
        call.caller.facts = std::move(measured);
        return absl::OkStatus();
      });
}

}  // namespace caravan::logistics
