// Editions: their rules, their phases and their lottery.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "google/type/date.pb.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {

// The phase of an id; null where the edition has none.
const v1::Fair::Phase* FindPhase(const v1::Fair& fair, std::string_view id);

// The ids of its phases, for messages: `1, 2, 3`.
std::string PhaseIds(const v1::Fair& fair);

// The day so many days after a day.
google::type::Date DaysAfter(const google::type::Date& date, int32_t days);

// Adds what is wrong with a rule set; `prefix` is the path of its fields, `rules.`.
void CheckRules(const v1::Rules& rules, std::string_view prefix, api::Violations& violations);

// INVALID_ARGUMENT where phases are out of order, overlap or share an id, due dates are
// out of order, or rules make no sense.
absl::Status CheckFair(const v1::Fair& fair);

// FAILED_PRECONDITION with reason RULES_IN_FORCE where a change of rules comes too late.
absl::Status CheckRulesChange(const v1::Fair& before, const v1::Fair& after);

// FAILED_PRECONDITION with reason EDITION_IN_FORCE where a change of its number does.
absl::Status CheckEditionChange(const v1::Fair& before, const v1::Fair& after);

// FAILED_PRECONDITION with reason LOTTERY_NOT_COMMITTED where a stage has no
// commitment.
absl::Status CheckOpening(const v1::Fair& fair);

// The lottery of a stage; null where it has none.
const v1::Fair::Draw* FindDraw(const v1::Fair& fair, v1::Stage stage);

// Notes a commitment. FAILED_PRECONDITION with reason FAIR_NOT_PLANNED or
// LOTTERY_COMMITTED.
absl::Status Commit(const v1::CommitLotteryRequest& request, absl::Time now, v1::Fair& fair);

// Draws the lottery of a stage with the digest of a snapshot, its first (null: none is
// frozen). Errors are those of RevealLottery; INVALID_ARGUMENT where the public value is
// of the future.
absl::Status Reveal(const v1::RevealLotteryRequest& request, const v1::Snapshot* first,
                    absl::Time now, v1::Fair& fair);

}  // namespace caravan::fairs
