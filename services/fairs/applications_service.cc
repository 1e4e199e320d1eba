#include "services/fairs/applications_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"
#include "services/common/api/errors.h"
#include "services/common/resources/deletion.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/application.h"
#include "services/fairs/exhibits.h"
#include "services/fairs/explanation.h"
#include "services/fairs/firms.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/stand_changes.h"
#include "services/fairs/stands.h"

namespace caravan::fairs {

using resources::Registry;
using resources::WriteKind;
using resources::Writer;
using resources::Writing;
using v1::Application;

namespace {

// What zones said of an application's firms a moment ago.
struct FirmFacts {
  std::vector<Firm> firms;
};

// The firms of an application, as they were asked for. Where they are others by now:
// ABORTED, to be tried again.
absl::StatusOr<std::vector<Firm>> FirmsLearnt(const resources::Caller& caller,
                                              const Application& application) {
  const FirmFacts* learnt = caller.Facts<FirmFacts>();
  for (const std::string& name : FirmsOf(application)) {
    const bool known =
        learnt != nullptr && std::any_of(learnt->firms.begin(), learnt->firms.end(),
                                         [&](const Firm& firm) { return firm.name == name; });
    if (!known) return resources::ChangedMeanwhile(application.name());
  }
  return learnt == nullptr ? std::vector<Firm>() : learnt->firms;
}

// The edition and the section of an application.
struct Place {
  v1::Fair fair;
  v1::Section section;
};

// Nothing where either does not exist: the check of references says so.
absl::StatusOr<std::optional<Place>> PlaceOf(const Registry& registry, store::Reader& reader,
                                             const Application& application) {
  const auto& type = *registry.FindByMessage(*Application::descriptor())->type;
  auto fair = registry.Lookup<v1::Fair>(reader, type.pattern().Parent(application.name()));
  if (!fair.ok()) return fair.status();
  auto section = registry.Lookup<v1::Section>(reader, application.section());
  if (!section.ok()) return section.status();
  if (!fair->has_value() || !section->has_value()) return std::nullopt;
  return Place{**std::move(fair), **std::move(section)};
}

const resources::Collection& Applications(const Registry& registry) {
  return *registry.FindByMessage(*Application::descriptor());
}

absl::Status PrepareNew(const Writing& writing, Application& after) {
  absl::StatusOr<std::string> pseudonym = NewPseudonym();
  if (!pseudonym.ok()) return pseudonym.status();
  after.set_pseudonym(*std::move(pseudonym));
  auto place = PlaceOf(writing.registry, writing.tx, after);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return absl::OkStatus();
  if (absl::Status s = CheckApplication(after, (*place)->fair, (*place)->section); !s.ok()) {
    return s;
  }
  return TakePlace(writing, after);
}

absl::Status PrepareUpdate(const Writing& writing, const Application& before,
                           const Application& after) {
  if (!ChangesEntry(before, after)) return absl::OkStatus();
  if (absl::Status s = CheckUpdate(before, after); !s.ok()) return s;
  if (before.state() != Application::DRAFT) return absl::OkStatus();
  auto place = PlaceOf(writing.registry, writing.tx, after);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return absl::OkStatus();
  return CheckApplication(after, (*place)->fair, (*place)->section);
}

absl::Status PrepareLoaded(const Writing& writing, const Application* before, Application& after) {
  if (before == nullptr || before->pseudonym().empty()) {
    absl::StatusOr<std::string> pseudonym = NewPseudonym();
    if (!pseudonym.ok()) return pseudonym.status();
    after.set_pseudonym(*std::move(pseudonym));
  }
  auto place = PlaceOf(writing.registry, writing.tx, after);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return absl::OkStatus();
  CompleteLoaded(before, (*place)->fair, after);
  if (absl::Status s = CheckApplication(after, (*place)->fair, (*place)->section); !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckLoaded(before, after); !s.ok()) return s;
  if (after.state() == Application::WITHDRAWN) return absl::OkStatus();
  if (IsUnderWay(after)) TakePartners(writing.tx, after);
  return TakePlace(writing, after);
}

absl::Status Submit(const Writing& writing, const Place& place, Application& after) {
  absl::StatusOr<std::vector<Firm>> firms = FirmsLearnt(writing.caller, after);
  if (!firms.ok()) return firms.status();
  if (absl::Status s = fairs::CheckApplication(after, place.fair, place.section); !s.ok()) {
    return s;
  }
  // It is still a draft where its conditions are looked at.
  Application draft = after;
  draft.set_state(Application::DRAFT);
  auto facts = ReadFacts(writing.registry, writing.tx, draft, place.fair, place.section,
                         writing.caller.today);
  if (!facts.ok()) return facts.status();
  facts->firms = *std::move(firms);
  const v1::CheckApplicationResponse checked = CheckEligibility(draft, *facts);
  if (absl::Status s = ToStatus(after, checked); !s.ok()) return s;
  after.set_newcomer(checked.newcomer());
  *after.mutable_screening_due_date() = place.fair.screening_due_date();
  TakePartners(writing.tx, after);
  return absl::OkStatus();
}

absl::Status PrepareStep(const Writing& writing, Application& after) {
  const int64_t today = writing.caller.today;
  switch (after.state()) {
    case Application::SUBMITTED:
    case Application::SCREENED:
    case Application::SCORED:
    case Application::CONFIRMED:
      break;
    case Application::RETURNED: {
      StandChanges changes(writing.registry, writing.caller, writing.tx);
      if (absl::Status s = changes.Remove(after); !s.ok()) return s;
      after.clear_position();
      return absl::OkStatus();
    }
    case Application::FORFEITED:
      return CheckForfeit(after, today);
    default:
      return absl::OkStatus();
  }
  auto place = PlaceOf(writing.registry, writing.tx, after);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return absl::InternalError("the edition of an application is gone");
  const v1::Rules& rules = (*place)->fair.rules();
  switch (after.state()) {
    case Application::SUBMITTED:
      return Submit(writing, **place, after);
    case Application::SCREENED:
      after.set_screener(writing.caller.principal.name);
      return CheckScreening(after, rules);
    case Application::SCORED:
      return Score(rules, after);
    default:
      if (absl::Status s = CheckConfirmation(after, rules, today); !s.ok()) return s;
      return CheckNoRerun(writing.registry, writing.tx, after);
  }
}

// Where the reference of a request to a document dangles, the resource that is written
// does, too: the request's field is blamed.
absl::Status BlameField(const absl::Status& status, std::string_view field,
                        const std::string& document) {
  if (api::ReasonOf(status) != "REFERENCE_NOT_FOUND") return status;
  api::Violations violations;
  violations.Add(std::string(field),
                 absl::StrCat("refers to ", document, ", which does not exist"));
  return violations.ToStatus("REFERENCE_NOT_FOUND");
}

// Notes a change of an application's stand, with its new position.
void NoteChange(const resources::Caller& caller, const std::string& reason,
                const std::string& consent, const Application::Position& to,
                Application& application) {
  Application::Change& change = *application.add_changes();
  *change.mutable_from() = application.position();
  *change.mutable_to() = to;
  change.set_reason(reason);
  change.set_consent(consent);
  change.set_actor(caller.principal.name);
  change.mutable_time()->set_seconds(absl::ToUnixSeconds(caller.now));
  *application.mutable_position() = to;
}

absl::Status NotAllocated(const Application& application) {
  return api::Error(absl::StatusCode::kFailedPrecondition, "NOT_ALLOCATED",
                    absl::StrCat("no run that is computed has had ", application.name()))
      .With("resource", application.name());
}

// What a run saw of an application's section, and what it decided there.
struct Decided {
  v1::Allocation run;
  v1::SectionInputs inputs;
  v1::SectionResult result;
};

absl::StatusOr<Decided> DecisionOn(const Registry& registry, store::Reader& reader,
                                   const Application& application, const std::string& run) {
  auto allocation = resources::Require<v1::Allocation>(registry, reader, run);
  if (!allocation.ok()) return allocation.status();
  const std::string_view section = LastSegment(application.section());
  auto inputs = registry.Lookup<v1::SectionInputs>(
      reader, absl::StrCat(allocation->snapshot(), "/sectionInputs/", section));
  if (!inputs.ok()) return inputs.status();
  auto result =
      registry.Lookup<v1::SectionResult>(reader, absl::StrCat(run, "/sectionResults/", section));
  if (!result.ok()) return result.status();
  if (!inputs->has_value() || !result->has_value()) return NotAllocated(application);
  return Decided{*std::move(allocation), **std::move(inputs), **std::move(result)};
}

// The numbers of the cells that a run gave an application; none but in PLACEMENT.
absl::StatusOr<std::vector<std::string>> CellsOf(const Registry& registry, store::Reader& reader,
                                                 const Decided& decided,
                                                 const Application& application) {
  std::vector<std::string> cells;
  const auto& decisions = decided.result.decisions();
  const auto decision = std::find_if(decisions.begin(), decisions.end(), [&](const auto& one) {
    return one.pseudonym() == application.pseudonym();
  });
  if (decision == decisions.end() || decision->row().empty()) return cells;
  const auto& type = *Applications(registry).type;
  auto hall = registry.Lookup<v1::Hall>(
      reader, absl::StrCat(type.pattern().Parent(application.name()), "/halls/", decision->hall()));
  if (!hall.ok()) return hall.status();
  if (!hall->has_value()) return cells;
  const Application::Position position =
      PositionOf(**hall, {.application = application.name(),
                          .section = application.section(),
                          .row = decision->row(),
                          .first_number = decision->first_number(),
                          .booths = decision->booths()});
  cells.assign(position.cells().begin(), position.cells().end());
  return cells;
}

}  // namespace

absl::Status PrepareApplication(const Writing& writing, const Application* before,
                                Application& after) {
  switch (writing.kind) {
    case WriteKind::kCreate:
      return PrepareNew(writing, after);
    case WriteKind::kUpdate:
      return PrepareUpdate(writing, *before, after);
    case WriteKind::kLoad:
      return PrepareLoaded(writing, before, after);
    case WriteKind::kTransition:
      return PrepareStep(writing, after);
  }
  return absl::InternalError("no such kind of write");
}

std::vector<std::string> FirmsOf(const Application& application) {
  std::vector<std::string> firms(application.joint_partners().begin(),
                                 application.joint_partners().end());
  if (!application.enterprise().empty()) firms.push_back(application.enterprise());
  return firms;
}

absl::StatusOr<EligibilityFacts> ReadFacts(const Registry& registry, store::Reader& reader,
                                           const Application& application, const v1::Fair& fair,
                                           const v1::Section& section, int64_t today) {
  EligibilityFacts facts;
  facts.today = today;
  facts.fair = &fair;
  facts.section = &section;
  auto others = OthersOf(registry, reader, application);
  if (!others.ok()) return others.status();
  facts.others = *std::move(others);
  auto exhibits = ExhibitsOf(registry, reader, application);
  if (!exhibits.ok()) return exhibits.status();
  facts.exhibits = *std::move(exhibits);
  const std::vector<std::string> firms = FirmsOf(application);
  if (firms.empty()) return facts;
  absl::Status s = resources::Visit<v1::Sanction>(
      registry, reader, "enterprise", {firms.begin(), firms.end()},
      [&](v1::Sanction sanction) { facts.sanctions.push_back(std::move(sanction)); });
  if (!s.ok()) return s;
  return facts;
}

ApplicationsService::ApplicationsService(const Registry& registry, store::Store& store,
                                         const peers::Peer& zones)
    : registry_(registry), store_(store), zones_(zones) {
  BindBefore<v1::SubmitApplicationRequest>(
      "SubmitApplication", [this](rpc::Call& call, const v1::SubmitApplicationRequest& request) {
        return AskForFirms(call, request.name());
      });
  BindBefore<v1::CheckApplicationRequest>(
      "CheckApplication", [this](rpc::Call& call, const v1::CheckApplicationRequest& request) {
        return AskForFirms(call, request.name());
      });
  BindWrite<v1::DeleteApplicationRequest, google::protobuf::Empty>(
      "DeleteApplication",
      [this](rpc::Call& call, store::Transaction& tx, const v1::DeleteApplicationRequest& request) {
        return resources::DeleteIf<Application>(registry_, call.caller, tx, request, CheckDelete);
      });
}

absl::Status ApplicationsService::AskForFirms(rpc::Call& call, const std::string& name) const {
  auto application = registry_.Lookup<Application>(store_, name);
  if (!application.ok()) return application.status();
  // That there is none, or none for this caller, is said where it is read again.
  if (!application->has_value() ||
      !call.caller.Permits(*Applications(registry_).type, **application)) {
    return absl::OkStatus();
  }
  auto firms = AskFirms(zones_, zones_.Options(call.deadline, call.trace.ToTraceparent()),
                        FirmsOf(**application), call.caller.today);
  if (!firms.ok()) return firms.status();
  call.caller.facts = FirmFacts{*std::move(firms)};
  return absl::OkStatus();
}

absl::StatusOr<Application> ApplicationsService::MoveApplication(
    rpc::Call& call, store::Transaction& tx, const v1::MoveApplicationRequest& request) {
  const resources::Collection& applications = Applications(registry_);
  Writer writer(registry_, call.caller, tx);
  auto before = writer.ReadForChange(applications, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  Application after = static_cast<const Application&>(*before->message);
  if (absl::Status s = CheckMovable(after, request.consent()); !s.ok()) return s;
  auto position = StandChanges(registry_, call.caller, tx)
                      .Move(after, request.hall(), request.row(), request.first_number());
  if (!position.ok()) return position.status();
  NoteChange(call.caller, request.reason(), request.consent(), *position, after);
  auto written = writer.Write(applications, &*before, after, WriteKind::kUpdate, "");
  if (!written.ok()) return BlameField(written.status(), "consent", request.consent());
  return after;
}

absl::StatusOr<v1::SwapApplicationResponse> ApplicationsService::SwapApplication(
    rpc::Call& call, store::Transaction& tx, const v1::SwapApplicationRequest& request) {
  if (request.other() == request.name()) {
    api::Violations violations;
    violations.Add("other", absl::StrCat("is ", request.name(),
                                         " itself; must be the application to swap with"));
    return violations.ToStatus();
  }
  const resources::Collection& applications = Applications(registry_);
  Writer writer(registry_, call.caller, tx);
  auto before = writer.ReadForChange(applications, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  auto other_before = writer.ReadForChange(applications, request.other(), "", "other");
  if (!other_before.ok()) return other_before.status();
  v1::SwapApplicationResponse response;
  Application& one = *response.mutable_application();
  Application& other = *response.mutable_other();
  one = static_cast<const Application&>(*before->message);
  other = static_cast<const Application&>(*other_before->message);
  if (absl::Status s = CheckMovable(one, request.consent()); !s.ok()) return s;
  if (absl::Status s = CheckMovable(other, request.other_consent()); !s.ok()) return s;
  absl::Status swapped = StandChanges(registry_, call.caller, tx).Swap(one, other);
  if (!swapped.ok()) return swapped;
  const Application::Position here = one.position(), there = other.position();
  NoteChange(call.caller, request.reason(), request.consent(), there, one);
  NoteChange(call.caller, request.reason(), request.other_consent(), here, other);
  auto written = writer.Write(applications, &*before, one, WriteKind::kUpdate, "");
  if (!written.ok()) return BlameField(written.status(), "consent", request.consent());
  written = writer.Write(applications, &*other_before, other, WriteKind::kUpdate, "");
  if (!written.ok()) {
    return BlameField(written.status(), "other_consent", request.other_consent());
  }
  return response;
}

absl::StatusOr<v1::CheckApplicationResponse> ApplicationsService::CheckApplication(
    rpc::Call& call, store::Reader& reader, const v1::CheckApplicationRequest& request) {
  auto application = registry_.Lookup<Application>(reader, request.name());
  if (!application.ok()) return application.status();
  if (!application->has_value()) {
    return call.caller.Missing(*Applications(registry_).type, request.name());
  }
  auto place = PlaceOf(registry_, reader, **application);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return absl::InternalError("the edition of an application is gone");
  auto facts = ReadFacts(registry_, reader, **application, (*place)->fair, (*place)->section,
                         call.caller.today);
  if (!facts.ok()) return facts.status();
  absl::StatusOr<std::vector<Firm>> firms = FirmsLearnt(call.caller, **application);
  if (!firms.ok()) return firms.status();
  facts->firms = *std::move(firms);
  return CheckEligibility(**application, *facts);
}

absl::StatusOr<v1::ExplainApplicationResponse> ApplicationsService::ExplainApplication(
    rpc::Call& call, store::Reader& reader, const v1::ExplainApplicationRequest& request) {
  auto found = registry_.Lookup<Application>(reader, request.name());
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return call.caller.Missing(*Applications(registry_).type, request.name());
  }
  const Application& application = **found;
  const std::string& run =
      request.allocation().empty() ? application.allocation() : request.allocation();
  if (run.empty()) return NotAllocated(application);
  auto decided = DecisionOn(registry_, reader, application, run);
  if (!decided.ok()) return decided.status();
  const auto& results = *registry_.FindByMessage(*v1::SectionResult::descriptor());
  if (!decided->run.has_publish_time() &&
      !call.caller.Permits(*results.type, decided->result, results.read_permission)) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "ALLOCATION_NOT_PUBLISHED",
                      absl::StrCat(run, " is ", v1::Allocation::State_Name(decided->run.state()),
                                   "; it is explained once it is PUBLISHED"))
        .With("resource", run);
  }
  auto response = Explain(decided->run.rules(), decided->inputs, decided->result,
                          decided->run.seed(), application.pseudonym());
  if (absl::IsNotFound(response.status())) return NotAllocated(application);
  if (!response.ok()) return response.status();
  response->set_allocation(run);
  AddPoints(decided->run.rules(), application, *response);
  auto cells = CellsOf(registry_, reader, *decided, application);
  if (!cells.ok()) return cells.status();
  response->mutable_cells()->Add(cells->begin(), cells->end());
  return response;
}

}  // namespace caravan::fairs
