// `policies check`: which policies apply to a shipment, and why.
#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/policies.client.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

using zones::v1::CheckEligibilityResponse;
using zones::v1::Outcome;

// For scripts: what the policies come to together.
constexpr int kFailed = 10;
constexpr int kNotEvidenced = 11;
constexpr int kNotApplicable = 12;

int CodeOf(const CheckEligibilityResponse& response) {
  int code = kNotApplicable;
  for (const auto& policy : response.policies()) {
    if (policy.outcome() == zones::v1::FAILED) return kFailed;
    if (policy.outcome() == zones::v1::NOT_EVIDENCED) code = kNotEvidenced;
    if (policy.outcome() == zones::v1::MET && code == kNotApplicable) code = 0;
  }
  return code;
}

// All outcomes in one column.
std::string Padded(Outcome outcome) {
  constexpr size_t kWidth = 15;
  std::string name = zones::v1::Outcome_Name(outcome);
  name.resize(std::max(name.size(), kWidth), ' ');
  return name;
}

void Print(const CheckEligibilityResponse& response, std::ostream& out) {
  if (!response.pilot_zone().empty()) out << "Zone: " << OneLine(response.pilot_zone()) << "\n";
  for (const auto& policy : response.policies()) {
    out << Padded(policy.outcome()) << OneLine(policy.policy()) << "\n";
    for (const auto& clause : policy.clauses()) {
      out << "  " << Padded(clause.outcome()) << "clause " << OneLine(clause.clause());
      if (!clause.reason().empty()) out << ": " << OneLine(clause.reason());
      out << "\n";
      for (const auto& condition : clause.conditions()) {
        out << "    " << Padded(condition.outcome()) << OneLine(condition.condition());
        if (!condition.explanation().empty()) out << ": " << OneLine(condition.explanation());
        out << "\n";
      }
    }
  }
}

absl::StatusOr<int> RunPolicies(Session& session, const Flags& flags) {
  if (flags.args().size() != 1 || flags.args()[0] != "check") {
    return UsageError("policies takes check; `caravanctl get policies` lists them");
  }
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  zones::v1::CheckEligibilityRequest request;
  if (auto status = FillRequest(session, flags, &request); !status.ok()) return status;
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const auto connection = session.connection();
  const zones::v1::PolicyServiceClient policies(*connection);
  const auto response = policies.CheckEligibility(request);
  if (!response.ok()) return response.status();
  if (*format == Format::kJson || *format == Format::kYaml) {
    auto status = PrintAnswer(*format, **catalog, *response, session.out());
    if (!status.ok()) return status;
  } else if (*format == Format::kName) {
    for (const auto& policy : response->policies()) {
      if (policy.outcome() == zones::v1::MET) session.out() << policy.policy() << "\n";
    }
  } else {
    Print(*response, session.out());
  }
  if (response->policies().empty()) session.err() << "No policy covers the day and the mode.\n";
  return CodeOf(*response);
}

}  // namespace

Command PoliciesCommand() {
  std::vector<Flag> flags = RequestFlags(*zones::v1::CheckEligibilityRequest::descriptor());
  flags.push_back(OutputFlag("table, wide, json, yaml or name (of policies that are met)"));
  return {.name = "policies",
          .arguments = "check",
          .summary = "check which policies apply to a shipment",
          .details =
              "Says of every policy, clause and condition whether it is MET, FAILED or\n"
              "NOT_EVIDENCED, and why. Evidence that is not given is not evidenced. For example\n\n"
              "  caravanctl policies check --enterprise 91330108madem0001a \\\n"
              "      --supervision-mode 9610 --goods.hs-code 620411 \\\n"
              "      --evidence.goods-logged --evidence.purchase-invoice false\n\n"
              "exit codes: 0 every policy that applies is met, 10 one failed, 11 one is not\n"
              "evidenced, 12 none applies.\n",
          .flags = std::move(flags),
          .run = RunPolicies,
          .completes = Completes::kWords,
          .words = {"check"}};
}

}  // namespace caravan::cli
