#include "services/fairs/invitations_service.h"

#include "absl/time/time.h"
#include "services/fairs/fair.h"
#include "services/fairs/invitation.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using resources::WriteKind;
using v1::Invitation;

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
      if (absl::Status s = CheckOffer(*before, after); !s.ok()) return s;
    }
    return SettleInvitation(**fair, **section, after);
  }
  const v1::Fair::Phase* phase = FindPhase(**fair, (*section)->phase());
  if (phase == nullptr) return absl::InternalError("the phase of a section is gone");
  if (absl::Status s = CheckInvitationStep(after, *phase, writing.caller.today); !s.ok()) return s;
  if (after.state() == Invitation::REPORTED) {
    const int64_t micros = absl::ToUnixMicros(writing.caller.now);
    after.mutable_report_time()->set_seconds(micros / 1'000'000);
    after.mutable_report_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
  }
  return absl::OkStatus();
}

}  // namespace caravan::fairs
