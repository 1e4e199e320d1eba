// Pools of booths: a section's applications by rank, and the ways in which the booths of
// a pool are divided among those who stand in it. section_run.h says which way is whose.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "services/fairs/quantities.h"

namespace caravan::fairs {

// Reasons of a decision, as ExplainApplicationResponse.reason lists them.
inline constexpr std::string_view kMaximumReached = "MAXIMUM_REACHED";
inline constexpr std::string_view kPoolExhausted = "POOL_EXHAUSTED";
inline constexpr std::string_view kBelowBase = "BELOW_BASE";
inline constexpr std::string_view kNoPoints = "NO_POINTS";
inline constexpr std::string_view kBelowMinimum = "BELOW_MINIMUM";
inline constexpr std::string_view kNewcomerFirmsExhausted = "NEWCOMER_FIRMS_EXHAUSTED";
inline constexpr std::string_view kExcluded = "EXCLUDED";
inline constexpr std::string_view kNoRunLongEnough = "NO_RUN_LONG_ENOUGH";
inline constexpr std::string_view kRunsTaken = "RUNS_TAKEN";
inline constexpr std::string_view kOthersServeMore = "OTHERS_SERVE_MORE";

// An application that takes part.
struct Applicant {
  const v1::SectionInputs::Entry* entry = nullptr;
  int64_t score = 0;  // thousandths
  // The fewest booths that are of use, at least 1; the most that it may have,
  // within all caps. Where the caps leave fewer than are of use, it gets none.
  int64_t minimum = 1;
  int64_t maximum = 1;
  std::string key;  // in the lottery
};

// Whether `a` ranks before `b`.
bool RanksBefore(const Applicant& a, const Applicant& b);

// By rank.
using Ranking = std::vector<const Applicant*>;

// What an applicant gets in a pool, and why not more.
struct Grant {
  int64_t booths = 0;
  std::string_view reason;
};

struct Division {
  std::vector<Grant> grants = {};  // in the order of the ranking
  int64_t left = 0;
  // For SCORE_STEP: see Quantities.
  int64_t step_points = 0;
  int64_t step_booths = 0;
};

// Divides by a rule of the edition.
absl::StatusOr<Division> DivideByRule(const QuantityRule& rule, int64_t booths,
                                      absl::Span<const Applicant* const> ranking);

inline constexpr int64_t kAnyNumberOfFirms = std::numeric_limits<int64_t>::max();

// Divides by rank: min(maximum, left), or none where that is below the minimum, to
// so many firms at the most.
Division DivideByRank(int64_t booths, int64_t firms, absl::Span<const Applicant* const> ranking);

// Booths by the id of a delegation.
using BoothsOfDelegations = std::map<std::string, int64_t, std::less<>>;

struct WaitingListDivision {
  std::vector<Grant> grants = {};  // in the order of the ranking
  // Whether it is its delegation's booths that it has.
  std::vector<bool> of_delegation = {};
  BoothsOfDelegations left_of_delegations = {};  // after the first round
  int64_t second_round = 0;                      // booths to divide in the second round
  int64_t left = 0;
};

// Divides the general booths of a waiting list: first, by rank, what is left of each
// applicant's delegation, then, by rank among those who have none, what is left of
// all. Never more than `booths` together.
WaitingListDivision DivideWaitingList(int64_t booths, const BoothsOfDelegations& quotas,
                                      absl::Span<const Applicant* const> ranking);

// The inputs of a section in stage BRAND or GENERAL, checked and read. Refers to
// them.
struct SectionPools {
  std::string_view section;  // id
  v1::Stage stage = v1::STAGE_UNSPECIFIED;
  bool waiting_list = false;
  QuantityRule rule;  // of brand booths or of quotas

  // Points into itself: it is moved, never copied.
  std::vector<Applicant> applicants;                      // by rank
  std::vector<const v1::SectionInputs::Entry*> excluded;  // who take no part

  BoothsOfDelegations quotas;  // of every delegation that has booths or applications

  SectionPools() = default;
  SectionPools(SectionPools&&) = default;
  SectionPools& operator=(SectionPools&&) = default;

  // Applicants of a pool.
  Ranking Newcomers() const;
  Ranking Others() const;  // all that are no newcomers
  Ranking OthersOf(std::string_view delegation) const;
};

// How many newcomers may get booths, where so many of the other firms get some
// besides those that hold booths already.
int64_t NewcomerFirms(const v1::Rules& rules, const v1::SectionInputs& inputs, int64_t others);

// INVALID_ARGUMENT with reason SECTION_INPUTS_INVALID or RULES_INVALID and the field
// where they could not have been made by FreezeSnapshot.
absl::StatusOr<SectionPools> ReadSectionPools(const v1::Rules& rules,
                                              const v1::SectionInputs& inputs,
                                              std::string_view seed);

// Checks what the inputs of every stage have in common: pseudonyms are there and
// differ.
absl::Status CheckPseudonyms(const v1::SectionInputs& inputs);

// The error for a field of the inputs: `path` is what it is, `should` what would be right.
absl::Status InputsInvalid(std::string path, std::string should);

}  // namespace caravan::fairs
