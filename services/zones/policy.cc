#include "services/zones/policy.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"

namespace caravan::zones {

using v1::Policy;

namespace {

constexpr std::string_view kGoodsLists = "goods_lists.";

// Adds a violation for every id that comes twice.
template <class Items>
void CheckIds(const Items& items, const std::string& path, api::Violations& violations) {
  std::set<std::string_view> seen;
  for (int i = 0; i < items.size(); ++i) {
    const std::string& id = items[i].id();
    if (id.empty() || seen.insert(id).second) continue;
    violations.Add(absl::StrCat(path, "[", i, "].id"),
                   absl::StrCat("'", id, "' comes twice in ", path, "; ids must differ"));
  }
}

// The goods list that a path of the context names; empty where it names none.
std::string_view GoodsListOf(std::string_view path) {
  if (!absl::StartsWith(path, kGoodsLists)) return "";
  path.remove_prefix(kGoodsLists.size());
  return absl::StripSuffix(absl::StripPrefix(path, "\""), "\"");
}

void CheckExpression(const Policy& policy, const std::string& expression, const std::string& path,
                     api::Violations& violations) {
  if (expression.empty()) return;  // its contract requires it
  const v1::EligibilityContext nothing;
  absl::StatusOr<api::Filter> filter =
      api::Filter::Parse(expression, nothing.GetDescriptor(), path);
  if (!filter.ok()) {
    if (!violations.AddAll(filter.status(), "")) {
      violations.Add(path, std::string(filter.status().message()));
    }
    return;
  }
  // What is missing where nothing is known tells which goods lists it asks for.
  for (const api::Seen& seen : filter->Explain(nothing).seen) {
    std::string_view list = GoodsListOf(seen.path);
    bool known = std::any_of(policy.goods_lists().begin(), policy.goods_lists().end(),
                             [&](const Policy::GoodsList& l) { return l.id() == list; });
    if (list.empty() || known) continue;
    violations.Add(path, absl::StrCat("names the goods list '", list,
                                      "', which is not among the policy's goods_lists"));
  }
}

void CheckClause(const Policy& policy, int index, api::Violations& violations) {
  const Policy::Clause& clause = policy.clauses(index);
  std::string path = absl::StrCat("clauses[", index, "]");
  if (clause.has_start_date() && clause.has_end_date() &&
      api::FirstDay(clause.start_date()) >= api::FirstDay(clause.end_date())) {
    violations.Add(
        absl::StrCat(path, ".end_date"),
        absl::StrCat(api::FormatDate(clause.end_date()), " is not after the clause's start on ",
                     api::FormatDate(clause.start_date())));
  }
  CheckIds(clause.conditions(), absl::StrCat(path, ".conditions"), violations);
  for (int i = 0; i < clause.conditions_size(); ++i) {
    CheckExpression(policy, clause.conditions(i).expression(),
                    absl::StrCat(path, ".conditions[", i, "].expression"), violations);
  }
}

void CheckDates(const Policy& policy, api::Violations& violations) {
  std::string state = Policy::State_Name(policy.state());
  bool enacted = policy.state() == Policy::IN_FORCE || policy.state() == Policy::REPEALED;
  bool repealed = policy.state() == Policy::REPEALED;
  auto check = [&](const char* field, bool has, bool wanted) {
    if (wanted && !has)
      violations.Add(field, absl::StrCat("is required of a policy that is ", state));
    if (!wanted && has)
      violations.Add(field, absl::StrCat("must be unset where the policy is ", state));
  };
  check("effective_date", policy.has_effective_date(), enacted);
  check("repeal_date", policy.has_repeal_date(), repealed);
  if (policy.has_effective_date() && policy.has_repeal_date() &&
      api::FirstDay(policy.repeal_date()) < api::FirstDay(policy.effective_date())) {
    violations.Add("repeal_date", absl::StrCat(api::FormatDate(policy.repeal_date()),
                                               " is before the policy takes effect on ",
                                               api::FormatDate(policy.effective_date())));
  }
}

}  // namespace

bool IsInForce(const Policy& policy, int64_t day) {
  return policy.state() != Policy::DRAFT &&
         api::InForce(policy.effective_date(), policy.repeal_date(), day);
}

absl::Status CheckPolicy(const Policy& policy) {
  api::Violations violations;
  CheckIds(policy.clauses(), "clauses", violations);
  CheckIds(policy.goods_lists(), "goods_lists", violations);
  for (int i = 0; i < policy.clauses_size(); ++i) CheckClause(policy, i, violations);
  CheckDates(policy, violations);
  if (!violations.empty()) return violations.ToStatus();
  if (policy.state() != Policy::DRAFT && policy.clauses().empty()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "POLICY_HAS_NO_CLAUSES",
                      absl::StrCat(policy.name(),
                                   " has no clause and would grant nothing; add one before it is "
                                   "put in force"))
        .With("resource", policy.name())
        .Precondition("CLAUSES", policy.name(), "has no clause");
  }
  return absl::OkStatus();
}

}  // namespace caravan::zones
