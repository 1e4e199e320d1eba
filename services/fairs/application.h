// Applications: what must be true of one, what may be changed in it and when, and
// what its course adds to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace caravan::fairs {

// What stands for an exhibitor in bundles and in the lottery: 128 random bits of a
// cryptographic generator, 32 hex digits. INTERNAL where the system has none.
absl::StatusOr<std::string> NewPseudonym();

// Whom an application is of: its enterprise or, for SPECIAL, its pilot zone,
// platform or warehouse. Empty where none of them is set.
const std::string& ExhibitorOf(const v1::Application& application);

// The criteria by which applications of a kind are scored; none for SPECIAL.
const google::protobuf::RepeatedPtrField<v1::Rules::Criterion>& CriteriaOf(
    const v1::Rules& rules, v1::Application::Kind kind);

// Whether it has been submitted and is not over: from SUBMITTED to USED, and
// WAITLISTED.
bool IsUnderWay(const v1::Application& application);

// Whether booths are allotted to it: ALLOTTED, CONFIRMED, POSITIONED, USED.
bool HasBooths(const v1::Application& application);

// Checks what an exhibitor writes, and points that are loaded, beyond what the contract
// declares, against the edition and the section that it is for. INVALID_ARGUMENT names
// fields relative to the application.
absl::Status CheckApplication(const v1::Application& application, const v1::Fair& fair,
                              const v1::Section& section);

// Checks an application that is loaded, beyond CheckApplication: that what is set
// fits its state. `before` is what it replaces, or null. INVALID_ARGUMENT.
absl::Status CheckLoaded(const v1::Application* before, const v1::Application& after);

// What loading leaves as it was, or what it adds: a pseudonym is never changed, a
// stand is only given by a run, and who renews confirms until the edition's day.
// Both may have been set by whoever loads only where the contract says so.
void CompleteLoaded(const v1::Application* before, const v1::Fair& fair, v1::Application& after);

// Whether an update changes what the exhibitor writes.
bool ChangesEntry(const v1::Application& before, const v1::Application& after);

// Checks that an update changes only what may be changed in the state.
// FAILED_PRECONDITION with reason APPLICATION_SUBMITTED names the fields.
absl::Status CheckUpdate(const v1::Application& before, const v1::Application& after);

// Checks that an application may be deleted. FAILED_PRECONDITION with reason
// APPLICATION_SUBMITTED.
absl::Status CheckDelete(const v1::Application& application);

// Checks the points that a delegation has verified: each criterion of the kind once,
// none above its maximum. INVALID_ARGUMENT.
absl::Status CheckScreening(const v1::Application& after, const v1::Rules& rules);

// Takes the rechecked points over into those that count, and sets the score, their
// sum. INVALID_ARGUMENT where points are of no criterion, or above its maximum.
absl::Status Score(const v1::Rules& rules, v1::Application& after);

// Checks that booths may be confirmed on a day (yyyymmdd). FAILED_PRECONDITION with
// reason CONFIRMATION_LATE, or PARTNERS_NOT_HOSTED.
absl::Status CheckConfirmation(const v1::Application& application, const v1::Rules& rules,
                               int64_t today);

// Checks that booths may be taken back on a day (yyyymmdd). FAILED_PRECONDITION with
// reason CONFIRMATION_NOT_DUE.
absl::Status CheckForfeit(const v1::Application& application, int64_t today);

// Checks that the stand of an application may be given another place.
// FAILED_PRECONDITION with reason NOT_POSITIONED, CHANGES_EXHAUSTED, or
// CONSENT_MISSING where the document is the consent to an earlier change.
absl::Status CheckMovable(const v1::Application& application, std::string_view consent);

}  // namespace caravan::fairs
