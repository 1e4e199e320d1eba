#include "services/fairs/testing/made_up_section.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"
#include "services/fairs/section_run.h"

namespace caravan::fairs::testing {
namespace {

using v1::SectionInputs;

constexpr std::string_view kSnapshot = "fairs/136/snapshots/1";
constexpr std::string_view kAllocation = "fairs/136/allocations/1";
constexpr std::string_view kGroups[] = {"", "lamps", "bulbs", "fittings"};

int Below(Random& random, int bound) {
  return static_cast<int>(random.Below(static_cast<uint64_t>(std::max(bound, 1))));
}

// Divides booths over delegations, unevenly.
void AddQuotas(const MadeUpSection& shape, Random& random, SectionInputs& inputs) {
  int left = shape.booths;
  for (int d = 0; d < shape.delegations; ++d) {
    const int share = left / (shape.delegations - d);
    const int booths = d + 1 == shape.delegations ? left : Below(random, 2 * share + 1);
    SectionInputs::Quota& quota = *inputs.add_quotas();
    quota.set_delegation(absl::StrCat("d", 10 + d));
    quota.set_booths(std::min(booths, left));
    left -= quota.booths();
  }
}

void AddRuns(const MadeUpSection& shape, Random& random, SectionInputs& inputs) {
  int left = shape.booths;
  for (int row = 0; left > 0; ++row) {
    SectionInputs::Run& run = *inputs.add_runs();
    run.set_hall("11.2");
    run.set_row(absl::StrCat("r", 100 + row));
    run.set_first_number(1 + Below(random, 9));
    run.set_number_step(1 + Below(random, 2));
    run.set_cells(std::min(left, 1 + Below(random, 12)));
    if (Below(random, 2) == 0) run.add_corner_numbers(run.first_number());
    left -= run.cells();
  }
}

void AddEntry(const MadeUpSection& shape, int number, Random& random, SectionInputs& inputs) {
  SectionInputs::Entry& entry = *inputs.add_applications();
  entry.set_pseudonym(absl::StrCat("p", 1'000'000 + number));
  entry.set_kind(shape.stage == v1::BRAND ? v1::Application::BRAND : v1::Application::GENERAL);
  entry.set_delegation(absl::StrCat("d", 10 + Below(random, shape.delegations)));
  entry.set_score(
      FormatPoints(Below(random, shape.score_steps + 1) * (100 * kOnePoint / shape.score_steps)));
  entry.set_minimum_booths(1 + Below(random, shape.minimum_booths));
  entry.set_maximum_booths(entry.minimum_booths() + Below(random, shape.most_booths));
  entry.set_newcomer(shape.stage == v1::GENERAL && Below(random, 100) < shape.newcomer_percent);
  entry.set_stand_type(Below(random, 4) == 0 ? v1::Application::CUSTOM_BUILT
                                             : v1::Application::STANDARD);
  if (shape.stage == v1::PLACEMENT) {
    entry.set_booths(entry.minimum_booths());
    if (Below(random, 5) == 0) entry.set_kind(v1::Application::BRAND);
  }
  entry.set_product_group(std::string(random.Pick(kGroups)));
  if (Below(random, 100) < shape.excluded_percent) entry.set_exclusion("STANDING_NOT_GOOD");
}

v1::Fair::Draw MakeUpDraw(v1::Stage stage, const std::string& inputs_digest) {
  v1::Fair::Draw draw;
  draw.set_stage(stage);
  draw.set_secret("a secret that nobody could guess");
  draw.set_commitment(LotteryCommitment(draw.secret()));
  draw.mutable_commit_time()->set_seconds(1'720'000'000);
  draw.set_snapshot(std::string(kSnapshot));
  draw.set_inputs_digest(inputs_digest);
  draw.set_public_value("4 7 1");
  draw.set_public_source("China Welfare Lottery 3D, draw 2024233");
  draw.mutable_public_time()->set_seconds(1'725'000'000);
  draw.set_seed(LotterySeed(draw.secret(), draw.inputs_digest(), draw.public_value()));
  return draw;
}

}  // namespace

v1::Rules KnownRules() {
  v1::Rules rules;
  for (auto* criteria : {rules.mutable_brand_criteria(), rules.mutable_general_criteria()}) {
    for (const auto& [id, maximum] : {std::pair("exports", "60"), std::pair("brand", "40")}) {
      v1::Rules::Criterion& criterion = *criteria->Add();
      criterion.set_id(id);
      criterion.set_title(absl::StrCat("Points for ", id));
      criterion.set_maximum(maximum);
    }
  }
  rules.mutable_brand_quantity()->set_method(v1::RANKED);
  rules.mutable_general_quantity()->set_method(v1::SCORE_STEP);
  rules.mutable_general_quantity()->set_base("30");
  rules.set_quota_method(v1::LARGEST_REMAINDER);
  rules.set_producer_exports_usd(750'000);
  rules.set_distributor_exports_usd(1'500'000);
  rules.set_newcomer_divisor(4);
  rules.set_newcomer_maximum(2);
  rules.set_firm_cap(10);
  rules.set_host_booths(3);
  rules.set_host_partners(2);
  rules.add_tiers("80");
  rules.add_tiers("60");
  v1::Rules::SanctionRule& sanction = *rules.add_sanctions();
  sanction.set_violation(v1::TRANSFER);
  sanction.set_section_editions(4);
  sanction.set_brand_editions(15);
  rules.set_confirmation_days(10);
  rules.set_objection_days(5);
  rules.set_report_days(90);
  return rules;
}

std::string MadeUpInputsName(std::string_view section_id) {
  return absl::StrCat(kSnapshot, "/sectionInputs/", section_id);
}

SectionInputs MakeUpSection(const MadeUpSection& shape, std::string_view id, Random& random) {
  SectionInputs inputs;
  inputs.set_name(MadeUpInputsName(id));
  inputs.set_phase("1");
  inputs.set_stage(shape.stage);
  inputs.set_waiting_list(shape.waiting_list);
  if (shape.stage == v1::BRAND) {
    inputs.set_brand_booths(shape.booths);
    inputs.set_brand_minimum(2);
  } else if (shape.stage == v1::GENERAL) {
    inputs.set_general_booths(shape.booths);
    inputs.set_newcomer_booths(shape.booths / 5);
    AddQuotas(shape, random, inputs);
  } else {
    AddRuns(shape, random, inputs);
  }
  for (int i = 0; i < shape.applications; ++i) AddEntry(shape, i, random, inputs);
  inputs.set_digest(DigestOfInputs(inputs).value());
  return inputs;
}

std::vector<v1::Bundle> MakeUpRun(const v1::Rules& rules,
                                  const std::vector<SectionInputs>& sections) {
  v1::Bundle whole;  // but for inputs and result
  v1::Snapshot& snapshot = *whole.mutable_snapshot();
  v1::Allocation& allocation = *whole.mutable_allocation();
  snapshot.set_name(std::string(kSnapshot));
  snapshot.set_stage(sections.front().stage());
  snapshot.set_waiting_list(sections.front().waiting_list());
  *snapshot.mutable_rules() = rules;
  snapshot.mutable_freeze_time()->set_seconds(1'724'000'000);
  std::vector<std::string> inputs_digests;
  for (const SectionInputs& inputs : sections) {
    const std::string section = absl::StrCat("fairs/136/sections/", LastSegment(inputs.name()));
    snapshot.add_sections(section);
    allocation.add_sections(section);
    inputs_digests.push_back(DigestOfInputs(inputs).value());
    whole.add_inputs_digests(inputs_digests.back());
  }
  snapshot.set_digest(DigestOfSnapshot(inputs_digests));
  *whole.mutable_draw() = MakeUpDraw(snapshot.stage(), snapshot.digest());
  allocation.set_name(std::string(kAllocation));
  allocation.set_stage(snapshot.stage());
  allocation.set_snapshot(snapshot.name());
  allocation.set_inputs_digest(snapshot.digest());
  *allocation.mutable_rules() = rules;
  allocation.set_rules_digest(DigestOfRules(rules).value());
  allocation.set_seed(whole.draw().seed());
  std::vector<v1::SectionResult> results;
  std::vector<std::string> result_digests;
  for (const SectionInputs& inputs : sections) {
    v1::SectionResult& result =
        results.emplace_back(RunSection(rules, inputs, allocation.seed()).value());
    result.set_name(absl::StrCat(kAllocation, "/sectionResults/", LastSegment(inputs.name())));
    result_digests.push_back(result.digest());
    whole.add_result_digests(result.digest());
    allocation.set_firms(allocation.firms() + result.firms());
    allocation.set_booths(allocation.booths() + result.booths());
    allocation.set_left_booths(allocation.left_booths() + result.left_booths());
    allocation.set_applications(allocation.applications() + inputs.applications_size());
    for (const auto& bound : result.bounds()) {
      allocation.set_booths_bound(allocation.booths_bound() + bound.bound());
    }
  }
  allocation.set_digest(DigestOfAllocation(snapshot.digest(), allocation.rules_digest(),
                                           allocation.seed(), result_digests));
  std::vector<v1::Bundle> bundles;
  for (size_t i = 0; i < sections.size(); ++i) {
    v1::Bundle& bundle = bundles.emplace_back(whole);
    *bundle.mutable_inputs() = sections[i];
    *bundle.mutable_result() = std::move(results[i]);
  }
  return bundles;
}

}  // namespace caravan::fairs::testing
