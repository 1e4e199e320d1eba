#include "services/fairs/eligibility.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/fairs/application.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"

namespace caravan::fairs {

using v1::Application;
using v1::Fair;
using v1::Sanction;
using v1::Section;
using zones::v1::ComplianceStanding;
using zones::v1::Enterprise;
using Response = v1::CheckApplicationResponse;

namespace {

constexpr std::string_view kFairNotOpen = "FAIR_NOT_OPEN";
constexpr std::string_view kNotEligible = "NOT_ELIGIBLE";

// Conditions that SubmitApplication's errors name one by one; all others are about
// the firm, and are NOT_ELIGIBLE together.
constexpr std::string_view kOwnReasons[] = {kFairNotOpen, "SECTION_CLOSED",   "EVIDENCE_MISSING",
                                            "ABOVE_CAP",  "PARTNER_EXHIBITS", "BRAND_HOLDER"};

std::string Join(const std::vector<std::string>& clauses) { return absl::StrJoin(clauses, "; "); }

const Firm* Find(const EligibilityFacts& facts, const std::string& name) {
  const auto found = std::find_if(facts.firms.begin(), facts.firms.end(),
                                  [&](const Firm& firm) { return firm.name == name; });
  return found == facts.firms.end() ? nullptr : &*found;
}

std::string StateOf(const Firm* firm) {
  return firm == nullptr || firm->state == Enterprise::STATE_UNSPECIFIED
             ? "unknown to the zones service"
             : Enterprise::State_Name(firm->state);
}

bool IsActive(const Firm* firm) { return firm != nullptr && firm->state == Enterprise::ACTIVE; }

bool HasRole(const Firm* firm, Enterprise::Role role) {
  return firm != nullptr &&
         std::find(firm->roles.begin(), firm->roles.end(), role) != firm->roles.end();
}

bool InGoodStanding(const Firm* firm) {
  return firm != nullptr && firm->standing == ComplianceStanding::GOOD;
}

std::string StandingOf(const Firm* firm) {
  return firm == nullptr || firm->standing == ComplianceStanding::LEVEL_UNSPECIFIED
             ? "unknown"
             : ComplianceStanding::Level_Name(firm->standing);
}

Enterprise::Role RoleOf(Application::Trade trade) {
  return trade == Application::PRODUCER ? Enterprise::PRODUCER : Enterprise::DISTRIBUTOR;
}

int64_t ThresholdOf(const v1::Rules& rules, Application::Trade trade) {
  return trade == Application::PRODUCER ? rules.producer_exports_usd()
                                        : rules.distributor_exports_usd();
}

// What sanctions that run keep a firm out; empty: none.
std::string RunningSanctions(const EligibilityFacts& facts, const std::string& firm,
                             Application::Kind kind) {
  std::vector<std::string> running;
  for (const Sanction& sanction : facts.sanctions) {
    if (sanction.enterprise() != firm || !IsRunning(sanction, facts.fair->edition()) ||
        !KeepsOut(sanction, *facts.section, kind)) {
      continue;
    }
    running.push_back(absl::StrCat(sanction.name(), " keeps it out of ",
                                   sanction.scope() == Sanction::SECTION        ? "the section"
                                   : sanction.scope() == Sanction::BRAND_BOOTHS ? "brand booths"
                                                                                : "the fair",
                                   " up to edition ",
                                   sanction.first_edition() + sanction.editions() - 1));
  }
  return Join(running);
}

// Checks one application.
class Checker {
 public:
  Checker(const Application& application, const EligibilityFacts& facts)
      : application_(application),
        facts_(facts),
        rules_(facts.fair->rules()),
        special_(application.kind() == Application::SPECIAL) {}

  Response Check() && {
    response_.set_newcomer(application_.state() == Application::DRAFT
                               ? IsBelowThreshold(application_, rules_)
                               : application_.newcomer());
    CheckFair();
    CheckSection();
    if (!application_.enterprise().empty()) CheckFirm();
    if (!special_) CheckThreshold();
    if (!application_.joint_partners().empty()) CheckHost();
    if (application_.kind() == Application::BRAND) CheckBrandMinimum();
    CheckEvidence();
    CheckCap();
    if (!application_.enterprise().empty()) CheckExhibits();
    if (application_.kind() == Application::GENERAL) CheckBrandHolder();
    const auto& all = response_.conditions();
    response_.set_eligible(
        std::all_of(all.begin(), all.end(), [](const auto& one) { return one.met(); }));
    return std::move(response_);
  }

 private:
  void Add(std::string_view reason, std::string_view field, bool met, std::string explanation) {
    Response::Condition& condition = *response_.add_conditions();
    condition.set_reason(std::string(reason));
    condition.set_field(std::string(field));
    condition.set_met(met);
    condition.set_explanation(std::move(explanation));
  }

  void CheckFair() {
    const Fair& fair = *facts_.fair;
    const int64_t due = api::FirstDay(fair.application_due_date());
    Add(kFairNotOpen, "", fair.state() == Fair::OPEN && facts_.today <= due,
        absl::StrCat(fair.name(), " is ", Fair::State_Name(fair.state()),
                     "; applications are submitted while it is OPEN, until ", api::FormatDay(due),
                     "; today is ", api::FormatDay(facts_.today)));
  }

  void CheckSection() {
    const bool special = facts_.section->kind() == Section::SPECIAL;
    Add("SECTION_CLOSED", "section", special == special_,
        absl::StrCat(facts_.section->name(), " takes applications of kind ",
                     special ? "SPECIAL" : "BRAND and GENERAL", "; this one is ",
                     Application::Kind_Name(application_.kind())));
  }

  void CheckFirm() {
    const std::string& name = application_.enterprise();
    const Firm* firm = Find(facts_, name);
    Add("ENTERPRISE_NOT_ACTIVE", "enterprise", IsActive(firm),
        absl::StrCat(name, " is ", StateOf(firm), "; it must be ACTIVE"));
    if (!special_) {
      const Enterprise::Role role = RoleOf(application_.trade());
      std::vector<std::string> roles;
      if (firm != nullptr) {
        for (Enterprise::Role has : firm->roles) roles.push_back(Enterprise::Role_Name(has));
      }
      Add("TRADE_ROLE_MISSING", "trade", HasRole(firm, role),
          absl::StrCat(name, " is registered as ",
                       roles.empty() ? "nothing" : absl::StrJoin(roles, ", "),
                       "; its trade takes the role ", Enterprise::Role_Name(role)));
    }
    Add("STANDING_NOT_GOOD", "enterprise", InGoodStanding(firm),
        absl::StrCat("the compliance standing of ", name, " on ", api::FormatDay(facts_.today),
                     " is ", StandingOf(firm), "; it must be GOOD"));
    const std::string sanctions = RunningSanctions(facts_, name, application_.kind());
    Add("SANCTIONED", "enterprise", sanctions.empty(),
        sanctions.empty() ? absl::StrCat("no sanction on ", name, " is in force in edition ",
                                         facts_.fair->edition())
                          : absl::StrCat(name, " is under a sanction: ", sanctions));
  }

  void CheckThreshold() {
    const int64_t threshold = ThresholdOf(rules_, application_.trade());
    const std::string exports = absl::StrCat(
        "it exported for ", application_.prior_year_exports_usd(),
        " US dollars in the year before; a ", Application::Trade_Name(application_.trade()),
        " is a newcomer below ", threshold);
    std::vector<std::string> problems;
    if (response_.newcomer()) {
      if (application_.kind() != Application::GENERAL) {
        problems.push_back(absl::StrCat("asks for GENERAL booths, not ",
                                        Application::Kind_Name(application_.kind())));
      }
      if (!application_.joint_partners().empty()) problems.push_back("hosts no joint partners");
      if (rules_.newcomer_divisor() == 0) problems.push_back("gets no booths in this edition");
    }
    Add("BELOW_THRESHOLD", "prior_year_exports_usd", problems.empty(),
        problems.empty() ? exports : absl::StrCat(exports, ", who ", Join(problems)));
  }

  void CheckHost() {
    const int partners = application_.joint_partners_size();
    Add("HOST_NOT_ENTITLED", "joint_partners",
        application_.trade() == Application::DISTRIBUTOR &&
            application_.maximum_booths() >= rules_.host_booths() &&
            partners <= rules_.host_partners(),
        absl::StrCat("a ", Application::Trade_Name(application_.trade()), " that asks for ",
                     application_.maximum_booths(), " booths names ", partners,
                     " joint partners; a DISTRIBUTOR with ", rules_.host_booths(),
                     " booths or more hosts ", rules_.host_partners(), " at the most"));
    std::vector<std::string> problems;
    for (const std::string& name : application_.joint_partners()) {
      const Firm* firm = Find(facts_, name);
      if (!IsActive(firm)) {
        problems.push_back(absl::StrCat(name, " is ", StateOf(firm), ", not ACTIVE"));
        continue;
      }
      if (!HasRole(firm, Enterprise::PRODUCER)) {
        problems.push_back(absl::StrCat(name, " is not registered as PRODUCER"));
      }
      if (!InGoodStanding(firm)) {
        problems.push_back(
            absl::StrCat("the standing of ", name, " is ", StandingOf(firm), ", not GOOD"));
      }
      const std::string sanctions = RunningSanctions(facts_, name, application_.kind());
      if (!sanctions.empty()) {
        problems.push_back(absl::StrCat(name, " is under a sanction: ", sanctions));
      }
    }
    Add("PARTNER_NOT_ELIGIBLE", "joint_partners", problems.empty(),
        problems.empty() ? "its joint partners are ACTIVE producers of GOOD standing, without "
                           "sanctions"
                         : Join(problems));
  }

  void CheckBrandMinimum() {
    const int32_t minimum = facts_.section->brand_minimum();
    Add("BELOW_BRAND_MINIMUM", "maximum_booths", application_.maximum_booths() >= minimum,
        absl::StrCat("it asks for ", application_.maximum_booths(), " brand booths at the most; ",
                     facts_.section->name(), " gives a firm ", minimum, " or more"));
  }

  void CheckEvidence() {
    std::vector<std::string> fields;
    if (application_.prior_year_exports_usd() > 0 && application_.export_documents().empty()) {
      fields.push_back("export_documents");
    }
    for (int i = 0; i < application_.claimed_points_size(); ++i) {
      const auto& claim = application_.claimed_points(i);
      if (ParsePoints(claim.points()).value_or(0) > 0 && claim.documents().empty()) {
        fields.push_back(absl::StrCat("claimed_points[", i, "].documents"));
      }
    }
    Add("EVIDENCE_MISSING", fields.empty() ? "claimed_points" : fields.front(), fields.empty(),
        fields.empty() ? "exports and points come with documents"
                       : absl::StrCat(absl::StrJoin(fields, ", "),
                                      fields.size() == 1 ? " is empty" : " are empty",
                                      "; exports and points take a document"));
  }

  void CheckCap() {
    const int32_t cap = FirmCap(rules_, *facts_.section);
    int32_t has = 0;
    for (const Application& other : facts_.others) {
      if (HasBooths(other)) has += other.allotted_booths();
    }
    Add("ABOVE_CAP", "maximum_booths", application_.maximum_booths() + has <= cap,
        absl::StrCat("it asks for ", application_.maximum_booths(), " booths at the most and has ",
                     has, " others in ", facts_.section->name(), "; a firm may have ", cap,
                     " there"));
  }

  void CheckExhibits() {
    std::vector<std::string> problems;
    for (const Exhibit& exhibit : facts_.exhibits) {
      problems.push_back(absl::StrCat(exhibit.firm, exhibit.as_partner
                                                        ? " is the joint partner of another there"
                                                        : " has an application of its own there"));
    }
    Add("PARTNER_EXHIBITS", application_.joint_partners().empty() ? "enterprise" : "joint_partners",
        problems.empty(),
        problems.empty() ? absl::StrCat("it is nobody's joint partner in ", facts_.section->name(),
                                        ", and its own do not take part there otherwise")
                         : absl::StrCat("in ", facts_.section->name(), ", ", Join(problems)));
  }

  void CheckBrandHolder() {
    const auto holding =
        std::find_if(facts_.others.begin(), facts_.others.end(), [](const Application& other) {
          return other.kind() == Application::BRAND && HasBooths(other);
        });
    const bool holds = holding != facts_.others.end();
    Add("BRAND_HOLDER", "kind", !holds,
        holds ? absl::StrCat(holding->name(), " has ", holding->allotted_booths(),
                             " brand booths in the section, and is ",
                             Application::State_Name(holding->state()),
                             "; a holder of brand booths gets no general ones there")
              : absl::StrCat(application_.enterprise(), " has no brand booths in the section"));
  }

  const Application& application_;
  const EligibilityFacts& facts_;
  const v1::Rules& rules_;
  const bool special_;
  Response response_;
};

}  // namespace

bool IsBelowThreshold(const Application& application, const v1::Rules& rules) {
  return application.kind() != Application::SPECIAL &&
         application.prior_year_exports_usd() < ThresholdOf(rules, application.trade());
}

bool IsRunning(const Sanction& sanction, int32_t edition) {
  return !sanction.lifted() && sanction.first_edition() <= edition &&
         edition < sanction.first_edition() + sanction.editions();
}

bool KeepsOut(const Sanction& sanction, const Section& section, Application::Kind kind) {
  switch (sanction.scope()) {
    case Sanction::SECTION:
      return sanction.section_id() == LastSegment(section.name());
    case Sanction::BRAND_BOOTHS:
      return kind == Application::BRAND;
    case Sanction::FAIR:
      return true;
    default:
      return false;
  }
}

int32_t FirmCap(const v1::Rules& rules, const Section& section) {
  return section.firm_cap() > 0 ? section.firm_cap() : rules.firm_cap();
}

Response CheckEligibility(const Application& application, const EligibilityFacts& facts) {
  return Checker(application, facts).Check();
}

absl::Status ToStatus(const Application& application, const Response& checked) {
  if (checked.eligible()) return absl::OkStatus();
  std::string_view reason;
  std::vector<std::string> reasons, explanations;
  for (const Response::Condition& condition : checked.conditions()) {
    if (condition.met()) continue;
    reasons.push_back(condition.reason());
    explanations.push_back(condition.explanation());
    if (!reason.empty()) continue;
    const auto* own = std::find(std::begin(kOwnReasons), std::end(kOwnReasons), condition.reason());
    reason = own == std::end(kOwnReasons) ? kNotEligible : *own;
  }
  api::Error error(absl::StatusCode::kFailedPrecondition, reason,
                   absl::StrCat(application.name(), " cannot be submitted: ", Join(explanations)));
  error.With("resource", application.name()).With("conditions", absl::StrJoin(reasons, ","));
  for (const Response::Condition& condition : checked.conditions()) {
    if (condition.met()) continue;
    error.Precondition(condition.reason(), application.name(), condition.explanation());
    if (!condition.field().empty()) error.Field(condition.field(), condition.explanation());
  }
  return error;
}

std::string ExclusionOf(const Response& checked) {
  for (const Response::Condition& condition : checked.conditions()) {
    if (!condition.met() && condition.reason() != kFairNotOpen) return condition.reason();
  }
  return "";
}

}  // namespace caravan::fairs
