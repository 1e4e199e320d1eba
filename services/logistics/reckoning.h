// Reckonings of months: what they come to, and when they may be opened, disputed and
// frozen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "caravan/logistics/v1/disputes.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/reckonings.pb.h"
#include "services/logistics/scorecard.h"
#include "services/logistics/targets.h"

namespace caravan::logistics {

// So many FINAL months are looked at again when a later one becomes FINAL (ours: a
// carrier's number that was silent for so long is another parcel).
inline constexpr int kAdjustedMonths = 12;

// `partnerships/p/reckonings/2024-06`, and what such a name (the month alone will do, for
// MonthOf) says; of others, something.
std::string ReckoningName(std::string_view partnership, absl::CivilMonth month);
absl::CivilMonth MonthOf(std::string_view reckoning);
std::string_view PartnershipOf(std::string_view reckoning);

// Checks that a month may be opened: `latest` is the latest that has a reckoning. Errors
// are those of OpenReckoning; `today` is yyyymmdd.
absl::Status CheckOpening(const v1::Partnership& partnership, absl::CivilMonth month,
                          std::optional<absl::CivilMonth> latest, int64_t today);

// A new reckoning without its result.
v1::Reckoning NewReckoning(const v1::Partnership& partnership, absl::CivilMonth month,
                           std::string_view opener, int64_t today);

// What a month comes to.
v1::Reckoning::Result ResultOf(const v1::Partnership& partnership, absl::CivilMonth month,
                               const Scorecard& scorecard, absl::Time now);

// --- Disputes.

// Whether it is settled that a month counts what a dispute claims.
bool Counts(const v1::Dispute& dispute);

// What a parcel adds to a month, by its name.
using FindParcel = absl::FunctionRef<const Scorecard*(const std::string& parcel)>;

// Puts the claims of disputes that count in place of what the parcels add. Where claims
// no longer fit what else is counted of a parcel, as events came since, what is counted
// of a part is at most what is counted of the whole. A parcel that is no longer found
// (null) adds nothing. Later disputes go before earlier ones.
void ApplyClaims(absl::Span<const v1::Dispute> disputes, FindParcel find_parcel,
                 Scorecard& scorecard);

// INVALID_ARGUMENT where a parcel is unknown, a measure of it is there twice, or claims
// contradict what else is counted of it, such as in time but not due.
absl::Status CheckClaims(const v1::Dispute& dispute, FindParcel find_parcel);

// FAILED_PRECONDITION with reason RECKONING_FINAL or WINDOW_CLOSED.
absl::Status CheckDisputable(const v1::Reckoning& reckoning, int64_t today);

// --- Becoming FINAL.

// Errors are those of FinalizeReckoning; `before` is the reckoning of the month before, if
// there is one. Disputes that silence has accepted are no obstacle.
absl::Status CheckFinalizable(const v1::Reckoning& reckoning, const v1::Reckoning* before,
                              absl::Span<const v1::Dispute> disputes, int64_t today);

// Whether the time to answer it is over without an answer.
bool SilenceAccepts(const v1::Dispute& dispute, int64_t today);

// What changed of a FINAL month, of which `result` is what it comes to now. `later` are the
// FINAL months behind it, ascending, in which it may have been adjusted before. Nothing
// where counts and payment are as they were.
std::optional<v1::Reckoning::Adjustment> AdjustmentOf(const v1::Reckoning& reckoning,
                                                      absl::Span<const v1::Reckoning> later,
                                                      const v1::Reckoning::Result& result);

// Why a partnership is at risk after these months, all FINAL and ascending; nothing
// where it is not.
std::optional<std::string> RiskOf(const v1::Partnership& partnership,
                                  absl::Span<const v1::Reckoning::Verdict> verdicts);

}  // namespace caravan::logistics
