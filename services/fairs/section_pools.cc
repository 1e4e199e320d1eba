#include "services/fairs/section_pools.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/apportionment.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"

namespace caravan::fairs {
namespace {

using v1::SectionInputs;

// Of numbers of booths in inputs, so that sums of a few fit an int32.
constexpr int64_t kMaxBooths = 100'000'000;

absl::Status RulesInvalid(std::string path, std::string should) {
  return api::Error(absl::StatusCode::kInvalidArgument, "RULES_INVALID",
                    absl::StrCat(path, " should be ", should))
      .Field(path, absl::StrCat("Should be ", should, "."));
}

absl::Status CheckNumber(std::string_view path, int64_t number) {
  if (number >= 0 && number <= kMaxBooths) return absl::OkStatus();
  return InputsInvalid(std::string(path), absl::StrCat("from 0 to ", kMaxBooths, ", not ", number));
}

absl::Status CheckNumbers(const SectionInputs& inputs) {
  const std::pair<std::string_view, int64_t> numbers[] = {
      {"brand_booths", inputs.brand_booths()},
      {"general_booths", inputs.general_booths()},
      {"newcomer_booths", inputs.newcomer_booths()},
      {"brand_minimum", inputs.brand_minimum()},
      {"firm_cap", inputs.firm_cap()},
      {"general_firms", inputs.general_firms()},
      {"newcomer_firms", inputs.newcomer_firms()}};
  for (const auto& [path, number] : numbers) {
    if (absl::Status status = CheckNumber(path, number); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<QuantityRule> ReadRule(std::string_view path, const v1::Rules::QuantityRule& rule,
                                      const SectionInputs& inputs) {
  QuantityRule read;
  switch (rule.method()) {
    case v1::RANKED:
      read.method = QuantityMethod::kRanked;
      break;
    case v1::SCORE_STEP:
      read.method = QuantityMethod::kScoreStep;
      break;
    case v1::HIGHEST_AVERAGES:
      read.method = QuantityMethod::kHighestAverages;
      break;
    case v1::LARGEST_REMAINDER_OF_SCORES:
      read.method = QuantityMethod::kLargestRemainder;
      break;
    default:
      return RulesInvalid(absl::StrCat(path, ".method"), "one of the methods");
  }
  const bool own = !inputs.base().empty();
  const std::optional<int64_t> base = ParsePoints(own ? inputs.base() : rule.base());
  if (!base.has_value()) {
    return own ? InputsInvalid("base", "points, such as 12.5")
               : RulesInvalid(absl::StrCat(path, ".base"), "points, such as 12.5");
  }
  read.base = *base;
  return read;
}

// Reads the quotas of stage GENERAL.
absl::Status ReadQuotas(const SectionInputs& inputs, SectionPools& pools) {
  int64_t sum = 0;
  for (int i = 0; i < inputs.quotas_size(); ++i) {
    const SectionInputs::Quota& quota = inputs.quotas(i);
    const std::string path = absl::StrCat("quotas[", i, "]");
    if (quota.delegation().empty()) {
      return InputsInvalid(absl::StrCat(path, ".delegation"), "the id of a delegation");
    }
    if (absl::Status status = CheckNumber(absl::StrCat(path, ".booths"), quota.booths());
        !status.ok()) {
      return status;
    }
    if (!pools.quotas.emplace(quota.delegation(), quota.booths()).second) {
      return InputsInvalid(absl::StrCat(path, ".delegation"),
                           "of another delegation than the quotas before");
    }
    sum += quota.booths();
  }
  // Of a waiting list, booths of a delegation may have gone to firms of others.
  if (!inputs.waiting_list() && sum > inputs.general_booths()) {
    return InputsInvalid("quotas", absl::StrCat("of ", inputs.general_booths(),
                                                " general booths at the most together, not ", sum));
  }
  return absl::OkStatus();
}

template <class Predicate>
Ranking Select(const std::vector<Applicant>& applicants, Predicate predicate) {
  Ranking ranking;
  for (const Applicant& applicant : applicants) {
    if (predicate(applicant)) ranking.push_back(&applicant);
  }
  return ranking;
}

}  // namespace

absl::Status InputsInvalid(std::string path, std::string should) {
  return api::Error(absl::StatusCode::kInvalidArgument, "SECTION_INPUTS_INVALID",
                    absl::StrCat(path, " should be ", should))
      .Field(path, absl::StrCat("Should be ", should, "."));
}

absl::Status CheckPseudonyms(const SectionInputs& inputs) {
  if (inputs.applications_size() > kMaxClaimants) {
    return InputsInvalid("applications", absl::StrCat(kMaxClaimants, " at the most"));
  }
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(inputs.applications_size());
  for (int i = 0; i < inputs.applications_size(); ++i) {
    const std::string_view pseudonym = inputs.applications(i).pseudonym();
    if (pseudonym.empty() || !seen.insert(pseudonym).second) {
      return InputsInvalid(absl::StrCat("applications[", i, "].pseudonym"),
                           "there, and another than those before");
    }
  }
  return absl::OkStatus();
}

bool RanksBefore(const Applicant& a, const Applicant& b) {
  return a.score != b.score ? a.score > b.score : a.key < b.key;
}

absl::StatusOr<Division> DivideByRule(const QuantityRule& rule, int64_t booths,
                                      absl::Span<const Applicant* const> ranking) {
  // Those whom caps leave fewer booths than are of use are no candidates.
  std::vector<Candidate> candidates;
  candidates.reserve(ranking.size());
  for (const Applicant* applicant : ranking) {
    if (applicant->maximum < applicant->minimum) continue;
    candidates.push_back({.score = applicant->score,
                          .minimum = applicant->minimum,
                          .maximum = applicant->maximum,
                          .tie_key = applicant->key});
  }
  const absl::StatusOr<Quantities> quantities = DivideBooths(rule, booths, candidates);
  if (!quantities.ok()) return quantities.status();
  Division division{.left = quantities->left,
                    .step_points = quantities->step_points,
                    .step_booths = quantities->step_booths};
  division.grants.reserve(ranking.size());
  const bool apportioned = rule.method == QuantityMethod::kHighestAverages ||
                           rule.method == QuantityMethod::kLargestRemainder;
  int64_t left = booths;  // for RANKED: when the applicant's turn comes
  size_t candidate = 0;
  for (const Applicant* applicant : ranking) {
    Grant grant;
    if (applicant->maximum < applicant->minimum) {
      grant.reason = kBelowMinimum;
    } else {
      grant.booths = quantities->booths[candidate++];
      left -= grant.booths;
      if (grant.booths == applicant->maximum) {
        grant.reason = kMaximumReached;
      } else if (grant.booths > 0) {
        grant.reason = kPoolExhausted;
      } else if (rule.method == QuantityMethod::kScoreStep && applicant->score < rule.base) {
        grant.reason = kBelowBase;
      } else if (apportioned && applicant->score == 0) {
        grant.reason = kNoPoints;
      } else if (rule.method == QuantityMethod::kRanked) {
        grant.reason = left > 0 ? kBelowMinimum : kPoolExhausted;
      } else {
        // It was dropped for a number below its minimum; who needs no more than one
        // had none.
        grant.reason = applicant->minimum > 1 || division.left > 0 ? kBelowMinimum : kPoolExhausted;
      }
    }
    division.grants.push_back(grant);
  }
  return division;
}

Division DivideByRank(int64_t booths, int64_t firms, absl::Span<const Applicant* const> ranking) {
  Division division{.left = booths};
  division.grants.reserve(ranking.size());
  for (const Applicant* applicant : ranking) {
    const int64_t offer = std::min(applicant->maximum, division.left);
    Grant grant;
    if (applicant->maximum < applicant->minimum) {
      grant.reason = kBelowMinimum;
    } else if (firms == 0) {
      grant.reason = kNewcomerFirmsExhausted;
    } else if (offer < applicant->minimum) {
      grant.reason = offer > 0 ? kBelowMinimum : kPoolExhausted;
    } else {
      grant = {offer, offer == applicant->maximum ? kMaximumReached : kPoolExhausted};
      division.left -= offer;
      --firms;
    }
    division.grants.push_back(grant);
  }
  return division;
}

WaitingListDivision DivideWaitingList(int64_t booths, const BoothsOfDelegations& quotas,
                                      absl::Span<const Applicant* const> ranking) {
  WaitingListDivision division{.grants = std::vector<Grant>(ranking.size()),
                               .of_delegation = std::vector<bool>(ranking.size()),
                               .left_of_delegations = quotas,
                               .left = booths};
  Ranking others;
  std::vector<size_t> indexes;  // of the others
  for (size_t i = 0; i < ranking.size(); ++i) {
    const Applicant* const applicant = ranking[i];
    const auto quota = division.left_of_delegations.find(applicant->entry->delegation());
    const int64_t available = quota == division.left_of_delegations.end() ? 0 : quota->second;
    const int64_t offer = std::min({applicant->maximum, available, division.left});
    if (offer < applicant->minimum) {
      others.push_back(applicant);
      indexes.push_back(i);
      continue;
    }
    division.grants[i] = {offer, offer == applicant->maximum ? kMaximumReached : kPoolExhausted};
    division.of_delegation[i] = true;
    quota->second -= offer;
    division.left -= offer;
  }
  division.second_round = division.left;
  const Division second = DivideByRank(division.left, kAnyNumberOfFirms, others);
  for (size_t k = 0; k < others.size(); ++k) division.grants[indexes[k]] = second.grants[k];
  division.left = second.left;
  return division;
}

Ranking SectionPools::Newcomers() const {
  return Select(applicants, [](const Applicant& a) { return a.entry->newcomer(); });
}

Ranking SectionPools::Others() const {
  return Select(applicants,
                [&](const Applicant& a) { return stage == v1::BRAND || !a.entry->newcomer(); });
}

Ranking SectionPools::OthersOf(std::string_view delegation) const {
  return Select(applicants, [&](const Applicant& a) {
    return !a.entry->newcomer() && a.entry->delegation() == delegation;
  });
}

int64_t NewcomerFirms(const v1::Rules& rules, const SectionInputs& inputs, int64_t others) {
  if (rules.newcomer_divisor() <= 0) return 0;
  const int64_t firms = (inputs.general_firms() + others) / rules.newcomer_divisor();
  return std::max<int64_t>(0, firms - inputs.newcomer_firms());
}

absl::StatusOr<SectionPools> ReadSectionPools(const v1::Rules& rules, const SectionInputs& inputs,
                                              std::string_view seed) {
  const bool brand = inputs.stage() == v1::BRAND;
  if (!brand && inputs.stage() != v1::GENERAL) {
    return InputsInvalid("stage", "BRAND or GENERAL, where booths are divided");
  }
  if (absl::Status status = CheckNumbers(inputs); !status.ok()) return status;
  if (absl::Status status = CheckPseudonyms(inputs); !status.ok()) return status;
  SectionPools pools;
  pools.section = LastSegment(inputs.name());
  pools.stage = inputs.stage();
  pools.waiting_list = inputs.waiting_list();
  absl::StatusOr<QuantityRule> rule =
      brand ? ReadRule("brand_quantity", rules.brand_quantity(), inputs)
            : ReadRule("general_quantity", rules.general_quantity(), inputs);
  if (!rule.ok()) return rule.status();
  pools.rule = *rule;
  if (!brand) {
    if (absl::Status status = ReadQuotas(inputs, pools); !status.ok()) return status;
  }
  const int64_t cap = inputs.firm_cap() > 0 ? inputs.firm_cap() : rules.firm_cap();
  if (cap <= 0 || cap > kMaxBooths) {
    return RulesInvalid("firm_cap", absl::StrCat("from 1 to ", kMaxBooths));
  }
  const v1::Application::Kind kind = brand ? v1::Application::BRAND : v1::Application::GENERAL;
  for (int i = 0; i < inputs.applications_size(); ++i) {
    const SectionInputs::Entry& entry = inputs.applications(i);
    const auto path = [i](std::string_view field) {
      return absl::StrCat("applications[", i, "].", field);
    };
    if (entry.kind() != kind) {
      return InputsInvalid(path("kind"), absl::StrCat(v1::Application::Kind_Name(kind),
                                                      " in this stage, as all are"));
    }
    if (!brand && !entry.newcomer()) {
      if (entry.delegation().empty()) {
        return InputsInvalid(path("delegation"), "the id of a delegation");
      }
      pools.quotas.try_emplace(entry.delegation(), 0);
    }
    if (!entry.exclusion().empty()) {
      pools.excluded.push_back(&entry);
      continue;
    }
    const std::optional<int64_t> score = ParsePoints(entry.score());
    if (!score.has_value()) return InputsInvalid(path("score"), "points, such as 12.5");
    if (entry.minimum_booths() < 1) return InputsInvalid(path("minimum_booths"), "at least 1");
    if (absl::Status status = CheckNumber(path("maximum_booths"), entry.maximum_booths());
        !status.ok()) {
      return status;
    }
    Applicant applicant{.entry = &entry,
                        .score = *score,
                        .minimum = entry.minimum_booths(),
                        .maximum = std::min<int64_t>(entry.maximum_booths(), cap),
                        .key = LotteryKey(seed, pools.section, entry.pseudonym())};
    if (brand) applicant.minimum = std::max<int64_t>(applicant.minimum, inputs.brand_minimum());
    if (!brand && entry.newcomer()) {
      applicant.maximum = std::min<int64_t>(applicant.maximum, rules.newcomer_maximum());
    }
    pools.applicants.push_back(std::move(applicant));
  }
  std::sort(pools.applicants.begin(), pools.applicants.end(), RanksBefore);
  return pools;
}

}  // namespace caravan::fairs
