#include "services/fairs/invitations_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/errors.h"
#include "services/common/resources/writer.h"
#include "services/fairs/fair.h"
#include "services/fairs/hall.h"
#include "services/fairs/invitation.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using google::protobuf::util::TimeUtil;
using resources::WriteKind;
using v1::Application;
using v1::Invitation;

namespace {

// The stand of who has accepted: a confirmed application of the invitation's id, which
// stage PLACEMENT gives a position like all others.
absl::Status ApplyFor(const resources::Writing& writing, const Invitation& invitation) {
  Application application;
  application.set_name(
      absl::StrCat(EditionOf(invitation.name()), "/applications/", LastSegment(invitation.name())));
  application.set_section(invitation.section());
  application.set_kind(Application::SPECIAL);
  application.set_enterprise(invitation.enterprise());
  application.set_pilot_zone(invitation.pilot_zone());
  application.set_platform(invitation.platform());
  application.set_warehouse(invitation.warehouse());
  application.set_minimum_booths(invitation.booths());
  application.set_maximum_booths(invitation.booths());
  application.set_allotted_booths(invitation.booths());
  application.set_stand_type(Application::STANDARD);
  application.set_state(Application::CONFIRMED);
  const resources::Caller caller = writing.caller.Unrestricted();
  resources::Writer writer(writing.registry, caller, writing.tx);
  const resources::Collection& applications =
      *writing.registry.FindByMessage(*Application::descriptor());
  auto there = writer.Read(applications, application.name());
  if (!there.ok()) return there.status();
  if (there->has_value()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "APPLICATION_EXISTS",
                      absl::StrCat(application.name(), " exists already, so that the stand of ",
                                   invitation.name(), " cannot be called so"))
        .With("resource", application.name())
        .Precondition("APPLICATION_EXISTS", application.name(), "exists already");
  }
  return writer.Write(applications, nullptr, application, WriteKind::kCreate, "").status();
}

}  // namespace

absl::Status PrepareInvitation(const resources::Writing& writing, const Invitation* before,
                               Invitation& after) {
  auto fair = writing.registry.Lookup<v1::Fair>(writing.reader, EditionOf(after.name()));
  if (!fair.ok()) return fair.status();
  auto section = writing.registry.Lookup<v1::Section>(writing.reader, after.section());
  if (!section.ok()) return section.status();
  // What does not exist is left to the check of references.
  if (!fair->has_value() || !section->has_value()) return absl::OkStatus();
  if (writing.kind != WriteKind::kTransition) {
    if (before != nullptr) {
      // Only the edition's own change sets that day, and nothing else.
      if (!google::protobuf::util::MessageDifferencer::Equals(before->report_due_date(),
                                                              after.report_due_date())) {
        return absl::OkStatus();
      }
      if (absl::Status s = CheckOffer(*before, after); !s.ok()) return s;
    }
    return SettleInvitation(**fair, **section, after);
  }
  const v1::Fair::Phase* phase = FindPhase(**fair, (*section)->phase());
  if (phase == nullptr) return absl::InternalError("the phase of a section is gone");
  if (absl::Status s = CheckInvitationStep(after, *phase, writing.caller.today); !s.ok()) return s;
  if (after.state() == Invitation::ACCEPTED) return ApplyFor(writing, after);
  if (after.state() == Invitation::REPORTED) {
    *after.mutable_report_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(writing.caller.now));
  }
  return absl::OkStatus();
}

}  // namespace caravan::fairs
