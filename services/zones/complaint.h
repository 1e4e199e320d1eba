// Complaints: what must be true of one, who handles it, and who decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "services/zones/period.h"

namespace caravan::zones {

// Checks a complaint as it will be stored, beyond what its contract declares:
// what is set fits the state, measures fit what was decided, and days follow
// each other. INVALID_ARGUMENT names fields relative to the complaint.
absl::Status CheckComplaint(const v1::Complaint& complaint);

// Checks that no day that a change brings in is after `today` (yyyymmdd).
// INVALID_ARGUMENT names fields relative to the complaint. Measures may begin and
// end in the future.
absl::Status CheckNoFutureDays(const v1::Complaint* before, const v1::Complaint& after,
                               int64_t today);

// Checks that who handles a new complaint may, and sets its zone. `home` is the
// zone that answers for the firm's home on the day of filing; empty where there
// is none. `association` is the complaint's, with the zone that answers for its
// own; nothing where it has none. FAILED_PRECONDITION with reason
// ASSOCIATION_DISSOLVED or NOT_A_MEMBER; INVALID_ARGUMENT where the complaint
// names another zone.
absl::Status Assign(const std::optional<v1::Association>& association, std::string_view home,
                    v1::Complaint& complaint);

// Whether a role that gives the permission is held on the resource itself, on
// what it lies below, or on everything, rather than through an owner.
using HoldsOn = absl::FunctionRef<bool(std::string_view resource)>;

// Checks that a party to a complaint does only what parties may, by a rule of
// ours. `before` is null where it is filed. PERMISSION_DENIED with reason
// NOT_FOR_THIS_PARTY.
absl::Status CheckParty(const v1::Complaint* before, const v1::Complaint& after, HoldsOn holds);

// Checks that a complaint that is decided keeps its text. FAILED_PRECONDITION with
// reason COMPLAINT_DECIDED.
absl::Status CheckOpenForUpdate(const v1::Complaint& before, const v1::Complaint& after);

// Completes what a transition brings in: who decided or appealed, the measure of
// a dismissal, and the day of closing after an appeal.
void CompleteDecision(const v1::Complaint& before, std::string_view principal,
                      v1::Complaint& after);

// A finding as it holds on a day, after decisions on appeals up to then.
struct HeldFinding {
  const v1::Complaint* complaint;
  const v1::Complaint::Finding* finding;
  Period in_force;    // of its measure; without an end: the greatest number
  bool under_appeal;  // so that it counts for nothing
};

// The finding against the firm that holds on a day (yyyymmdd), in force or not;
// nothing where none has been made, it was quashed, or the complaint was
// dismissed. Points into the complaint.
std::optional<HeldFinding> FindingOn(const v1::Complaint& complaint, int64_t day);

}  // namespace caravan::zones
