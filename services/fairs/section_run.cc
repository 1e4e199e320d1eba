#include "services/fairs/section_run.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/fairs/digest.h"
#include "services/fairs/names.h"
#include "services/fairs/section_placement.h"
#include "services/fairs/section_pools.h"

namespace caravan::fairs {
namespace {

using Pool = v1::ExplainApplicationResponse;

// Puts pools and decisions into a result.
class ResultWriter {
 public:
  explicit ResultWriter(v1::SectionResult& result) : result_(result) {}

  v1::SectionResult::Pool& AddPool(Pool::Pool pool, std::string_view delegation, int64_t booths,
                                   int64_t left, size_t applications) {
    v1::SectionResult::Pool& added = *result_.add_pools();
    added.set_pool(pool);
    added.set_delegation(std::string(delegation));
    added.set_booths(static_cast<int32_t>(booths));
    added.set_left(static_cast<int32_t>(left));
    added.set_applications(static_cast<int32_t>(applications));
    return added;
  }

  void AddDecision(const Applicant& applicant, Pool::Pool pool, size_t rank, const Grant& grant) {
    v1::SectionResult::Decision& decision = *result_.add_decisions();
    decision.set_pseudonym(applicant.entry->pseudonym());
    decision.set_pool(pool);
    decision.set_rank(static_cast<int32_t>(rank));
    decision.set_booths(static_cast<int32_t>(grant.booths));
    decision.set_reason(std::string(grant.reason));
    if (grant.booths == 0) return;
    result_.set_firms(result_.firms() + 1);
    result_.set_booths(result_.booths() + static_cast<int32_t>(grant.booths));
  }

  // A pool that is divided once, and the decisions of all who stand in it.
  void AddDivision(Pool::Pool pool, std::string_view delegation, int64_t booths,
                   const Ranking& ranking, const Division& division) {
    v1::SectionResult::Pool& added =
        AddPool(pool, delegation, booths, division.left, ranking.size());
    if (division.step_booths > 0) {
      added.set_step(absl::StrCat(division.step_points, "/", division.step_booths));
    }
    for (size_t k = 0; k < ranking.size(); ++k) {
      AddDecision(*ranking[k], pool, k + 1, division.grants[k]);
    }
    AddLeft(division.left);
  }

  void AddLeft(int64_t booths) {
    result_.set_left_booths(result_.left_booths() + static_cast<int32_t>(booths));
  }

  void AddExcluded(const SectionPools& pools) {
    for (const v1::SectionInputs::Entry* entry : pools.excluded) {
      v1::SectionResult::Decision& decision = *result_.add_decisions();
      decision.set_pseudonym(entry->pseudonym());
      decision.set_pool(PoolOf(pools, *entry));
      decision.set_reason(std::string(kExcluded));
    }
  }

 private:
  // Where it would have stood.
  static Pool::Pool PoolOf(const SectionPools& pools, const v1::SectionInputs::Entry& entry) {
    if (pools.stage == v1::GENERAL && entry.newcomer()) return Pool::NEWCOMERS;
    if (pools.waiting_list) return Pool::WAITING_LIST;
    return pools.stage == v1::BRAND ? Pool::BRAND_BOOTHS : Pool::QUOTA;
  }

  v1::SectionResult& result_;
};

absl::Status RunBrand(const v1::SectionInputs& inputs, const SectionPools& pools,
                      ResultWriter& writer) {
  const Ranking ranking = pools.Others();
  if (inputs.waiting_list()) {
    writer.AddDivision(Pool::WAITING_LIST, "", inputs.brand_booths(), ranking,
                       DivideByRank(inputs.brand_booths(), kAnyNumberOfFirms, ranking));
    return absl::OkStatus();
  }
  const absl::StatusOr<Division> division =
      DivideByRule(pools.rule, inputs.brand_booths(), ranking);
  if (!division.ok()) return division.status();
  writer.AddDivision(Pool::BRAND_BOOTHS, "", inputs.brand_booths(), ranking, *division);
  return absl::OkStatus();
}

std::map<std::string_view, Ranking> ByDelegation(const SectionPools& pools) {
  std::map<std::string_view, Ranking> rankings;
  for (const auto& [delegation, booths] : pools.quotas) rankings[delegation];
  for (const Applicant& applicant : pools.applicants) {
    if (!applicant.entry->newcomer()) rankings[applicant.entry->delegation()].push_back(&applicant);
  }
  return rankings;
}

absl::Status RunQuotas(const SectionPools& pools, ResultWriter& writer) {
  for (const auto& [delegation, ranking] : ByDelegation(pools)) {
    const int64_t booths = pools.quotas.find(delegation)->second;
    const absl::StatusOr<Division> division = DivideByRule(pools.rule, booths, ranking);
    if (!division.ok()) return division.status();
    writer.AddDivision(Pool::QUOTA, delegation, booths, ranking, *division);
  }
  return absl::OkStatus();
}

void RunWaitingList(const v1::SectionInputs& inputs, const SectionPools& pools,
                    ResultWriter& writer) {
  const Ranking ranking = pools.Others();
  const WaitingListDivision division =
      DivideWaitingList(inputs.general_booths(), pools.quotas, ranking);
  std::map<std::string_view, size_t> rank;  // within each delegation
  size_t rank_of_others = 0;
  for (size_t i = 0; i < ranking.size(); ++i) {
    const size_t of_delegation = ++rank[ranking[i]->entry->delegation()];
    if (division.of_delegation[i]) {
      writer.AddDecision(*ranking[i], Pool::QUOTA, of_delegation, division.grants[i]);
    } else {
      writer.AddDecision(*ranking[i], Pool::WAITING_LIST, ++rank_of_others, division.grants[i]);
    }
  }
  for (const auto& [delegation, booths] : pools.quotas) {
    writer.AddPool(Pool::QUOTA, delegation, booths,
                   division.left_of_delegations.find(delegation)->second, rank[delegation]);
  }
  writer.AddPool(Pool::WAITING_LIST, "", division.second_round, division.left, rank_of_others);
  writer.AddLeft(division.left);
}

absl::Status RunGeneral(const v1::Rules& rules, const v1::SectionInputs& inputs,
                        const SectionPools& pools, v1::SectionResult& result,
                        ResultWriter& writer) {
  if (inputs.waiting_list()) {
    RunWaitingList(inputs, pools, writer);
  } else if (absl::Status status = RunQuotas(pools, writer); !status.ok()) {
    return status;
  }
  const int64_t firms = NewcomerFirms(rules, inputs, result.firms());
  const Ranking newcomers = pools.Newcomers();
  writer.AddDivision(Pool::NEWCOMERS, "", inputs.newcomer_booths(), newcomers,
                     DivideByRank(inputs.newcomer_booths(), firms, newcomers));
  return absl::OkStatus();
}

absl::StatusOr<v1::SectionResult> DivideSection(const v1::Rules& rules,
                                                const v1::SectionInputs& inputs,
                                                std::string_view seed) {
  const absl::StatusOr<SectionPools> pools = ReadSectionPools(rules, inputs, seed);
  if (!pools.ok()) return pools.status();
  v1::SectionResult result;
  result.mutable_decisions()->Reserve(inputs.applications_size());
  ResultWriter writer(result);
  const absl::Status status = inputs.stage() == v1::BRAND
                                  ? RunBrand(inputs, *pools, writer)
                                  : RunGeneral(rules, inputs, *pools, result, writer);
  if (!status.ok()) return status;
  writer.AddExcluded(*pools);
  return result;
}

}  // namespace

absl::StatusOr<v1::SectionResult> RunSection(const v1::Rules& rules,
                                             const v1::SectionInputs& inputs,
                                             std::string_view seed) {
  absl::StatusOr<v1::SectionResult> result = inputs.stage() == v1::PLACEMENT
                                                 ? RunPlacement(rules, inputs, seed)
                                                 : DivideSection(rules, inputs, seed);
  if (!result.ok()) return result.status();
  std::sort(result->mutable_decisions()->pointer_begin(),
            result->mutable_decisions()->pointer_end(),
            [](const v1::SectionResult::Decision* a, const v1::SectionResult::Decision* b) {
              return a->pseudonym() < b->pseudonym();
            });
  result->set_digest(DigestOfResult(LastSegment(inputs.name()), *result));
  return result;
}

}  // namespace caravan::fairs
