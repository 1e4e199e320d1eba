#include "services/fairs/invitation.h"

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/fair.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using v1::Fair;
using v1::Invitation;
using v1::Section;

namespace {

absl::Status Refuse(std::string_view reason, const Invitation& invitation,
                    const std::string& sentence) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason, sentence)
      .With("resource", invitation.name())
      .Precondition("INVITATION", invitation.name(), sentence);
}

void CheckInvitee(const Invitation& invitation, api::Violations& violations) {
  int invitees = 0;
  std::string_view second;
  const auto count = [&](std::string_view field, const std::string& value) {
    if (value.empty()) return;
    if (++invitees == 2) second = field;
  };
  count("enterprise", invitation.enterprise());
  count("pilot_zone", invitation.pilot_zone());
  count("platform", invitation.platform());
  count("warehouse", invitation.warehouse());
  if (invitees == 0) {
    violations.Add("enterprise",
                   "and pilot_zone, platform and warehouse are empty; set whom it invites");
  }
  if (invitees > 1) {
    violations.Add(std::string(second), "is a second one to invite; an invitation has one");
  }
  const std::string& warehouse = invitation.warehouse();
  const size_t id = std::string_view("warehouses/").size();
  if (!warehouse.empty() &&
      (!absl::StartsWith(warehouse, "warehouses/") || warehouse.size() == id ||
       absl::StrContains(warehouse.substr(id), '/'))) {
    violations.Add("warehouse",
                   absl::StrCat("is ", api::Quoted(warehouse), "; must be warehouses/{warehouse}"));
  }
}

}  // namespace

google::type::Date ReportDueDate(const Fair& fair, const Fair::Phase& phase) {
  return DaysAfter(phase.end_date(), fair.rules().report_days());
}

absl::Status SettleInvitation(const Fair& fair, const Section& section, Invitation& invitation) {
  api::Violations violations;
  CheckInvitee(invitation, violations);
  RequireSameEdition(invitation.name(), "section", invitation.section(), violations);
  if (section.kind() != Section::SPECIAL) {
    violations.Add("section", absl::StrCat("is ", section.name(), ", which is ",
                                           Section::Kind_Name(section.kind()),
                                           "; only stands of a SPECIAL section are by invitation"));
  }
  const Fair::Phase* phase = FindPhase(fair, section.phase());
  const google::type::Date& due = invitation.reply_due_date();
  if (phase != nullptr && !api::IsUnset(due) && !api::DateProblem(due).has_value()) {
    if (due.day() == 0) {
      violations.Add("reply_due_date",
                     absl::StrCat("is ", api::FormatDate(due), ", which is no day"));
    } else if (api::FirstDay(due) >= api::FirstDay(phase->start_date())) {
      violations.Add("reply_due_date",
                     absl::StrCat(api::FormatDate(due), " is not before the first day of phase ",
                                  phase->id(), ", ", api::FormatDate(phase->start_date())));
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  if (phase != nullptr) {
    *invitation.mutable_report_due_date() = ReportDueDate(fair, *phase);
  }
  return absl::OkStatus();
}

absl::Status CheckOffer(const Invitation& before, const Invitation& after) {
  if (before.state() == Invitation::INVITED) return absl::OkStatus();
  const bool same =
      before.booths() == after.booths() && google::protobuf::util::MessageDifferencer::Equals(
                                               before.reply_due_date(), after.reply_due_date());
  if (same) return absl::OkStatus();
  return Refuse("INVITATION_ANSWERED", before,
                absl::StrCat(before.name(), " is ", Invitation::State_Name(before.state()),
                             "; what it offers can be changed while it is INVITED"));
}

absl::Status CheckInvitationStep(const Invitation& invitation, const Fair::Phase& phase,
                                 int64_t today) {
  const auto& reply = invitation.reply_due_date();
  const auto& report = invitation.report_due_date();
  switch (invitation.state()) {
    case Invitation::ACCEPTED:
      if (today <= api::FirstDay(reply)) return absl::OkStatus();
      return Refuse("INVITATION_EXPIRED", invitation,
                    absl::StrCat("a reply to ", invitation.name(), " was due on ",
                                 api::FormatDate(reply), ", and it is ", api::FormatDay(today)));
    case Invitation::LAPSED:
      if (today > api::FirstDay(reply)) return absl::OkStatus();
      return Refuse("REPLY_NOT_DUE", invitation,
                    absl::StrCat(invitation.name(), " may be replied to until ",
                                 api::FormatDate(reply), ", and it is ", api::FormatDay(today)));
    case Invitation::REPORTED:
      if (today < api::FirstDay(phase.start_date())) {
        return Refuse("REPORT_TOO_EARLY", invitation,
                      absl::StrCat("the stand of ", invitation.name(), " reports from ",
                                   api::FormatDate(phase.start_date()), " on, and it is ",
                                   api::FormatDay(today)));
      }
      if (today <= api::FirstDay(report)) return absl::OkStatus();
      return Refuse("REPORT_LATE", invitation,
                    absl::StrCat("the report of ", invitation.name(), " was due on ",
                                 api::FormatDate(report), ", and it is ", api::FormatDay(today)));
    default:
      return absl::OkStatus();
  }
}

}  // namespace caravan::fairs
