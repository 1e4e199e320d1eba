// Invitations to the special area.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/sections.pb.h"

namespace caravan::fairs {

// The last day on which a stand of a phase reports.
google::type::Date ReportDueDate(const v1::Fair& fair, const v1::Fair::Phase& phase);

// Checks an invitation, and sets the day until which its stand reports. INVALID_ARGUMENT
// where it invites nobody or several, its section is not special or of another edition, or a
// reply is due when the phase has begun.
absl::Status SettleInvitation(const v1::Fair& fair, const v1::Section& section,
                              v1::Invitation& invitation);

// Checks a change of what was offered. FAILED_PRECONDITION with reason INVITATION_ANSWERED.
absl::Status CheckOffer(const v1::Invitation& before, const v1::Invitation& after);

// Checks that a step may be taken on a day (yyyymmdd). FAILED_PRECONDITION with reason
// INVITATION_EXPIRED, REPLY_NOT_DUE, REPORT_TOO_EARLY or REPORT_LATE.
absl::Status CheckInvitationStep(const v1::Invitation& invitation, const v1::Fair::Phase& phase,
                                 int64_t today);

}  // namespace caravan::fairs
