#include "services/fairs/application.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "openssl/rand.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/points.h"

namespace caravan::fairs {

using google::protobuf::FieldDescriptor;
using google::protobuf::RepeatedPtrField;
using v1::Application;
using v1::Rules;

namespace {

constexpr size_t kPseudonymBytes = 16;

// Moves and swaps that an application remembers; the contract's limit of `changes`.
constexpr int kMostChanges = 100;

bool IsIn(Application::State state, std::initializer_list<Application::State> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

// The maxima of criteria, in thousandths, by id.
std::map<std::string, int64_t> MaximaOf(const RepeatedPtrField<Rules::Criterion>& criteria) {
  std::map<std::string, int64_t> maxima;
  for (const Rules::Criterion& one : criteria) {
    maxima[one.id()] = ParsePoints(one.maximum()).value_or(0);
  }
  return maxima;
}

// Checks entries of points, each with a criterion: it is known and comes once, and
// its points do not exceed its maximum.
template <class Points>
void CheckPoints(const RepeatedPtrField<Points>& points, std::string_view field,
                 Application::Kind kind, const std::map<std::string, int64_t>& maxima,
                 api::Violations& violations) {
  std::set<std::string_view> seen;
  for (int i = 0; i < points.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "]");
    const auto found = maxima.find(points[i].criterion());
    if (found == maxima.end()) {
      violations.Add(at + ".criterion",
                     absl::StrCat("is ", api::Quoted(points[i].criterion()),
                                  ", which is no criterion of the edition for ",
                                  Application::Kind_Name(kind), " applications"));
      continue;
    }
    const auto& [criterion, maximum] = *found;
    if (!seen.insert(points[i].criterion()).second) {
      violations.Add(at + ".criterion", absl::StrCat(criterion, " comes twice"));
    }
    // What is no number is left to the contract's pattern.
    const std::optional<int64_t> given = ParsePoints(points[i].points());
    if (given.has_value() && *given > maximum) {
      violations.Add(at + ".points",
                     absl::StrCat("is ", points[i].points(), "; ", criterion, " gives ",
                                  FormatPoints(maximum), " at the most"));
    }
  }
}

void CheckExhibitor(const Application& application, api::Violations& violations) {
  struct Party {
    const char* field;
    bool given;
  };
  const Party parties[] = {{"enterprise", !application.enterprise().empty()},
                           {"pilot_zone", !application.pilot_zone().empty()},
                           {"platform", !application.platform().empty()},
                           {"warehouse", !application.warehouse().empty()}};
  if (application.kind() == Application::SPECIAL) {
    const auto given = std::count_if(std::begin(parties), std::end(parties),
                                     [](const Party& party) { return party.given; });
    if (given == 0) {
      violations.Add("enterprise",
                     "is required, or one of pilot_zone, platform and warehouse, of an application "
                     "of kind SPECIAL");
    } else if (given > 1) {
      for (const Party& party : parties) {
        if (party.given) {
          violations.Add(party.field,
                         "is one of several: exactly one of enterprise, pilot_zone, platform and "
                         "warehouse is set");
        }
      }
    }
    return;
  }
  const std::string& kind = Application::Kind_Name(application.kind());
  const auto require = [&](const char* field, bool given) {
    if (!given) {
      violations.Add(field, absl::StrCat("is required of an application of kind ", kind));
    }
  };
  require("enterprise", parties[0].given);
  require("delegation", !application.delegation().empty());
  require("trade", application.trade() != Application::TRADE_UNSPECIFIED);
  for (const Party& party : parties) {
    if (party.given && std::string_view(party.field) != "enterprise") {
      violations.Add(party.field, absl::StrCat("may only be set in an application of kind SPECIAL; "
                                               "this one is of kind ",
                                               kind));
    }
  }
}

void CheckSection(const Application& application, const v1::Fair& fair, const v1::Section& section,
                  api::Violations& violations) {
  if (!absl::StartsWith(section.name(), absl::StrCat(fair.name(), "/"))) {
    violations.Add("section",
                   absl::StrCat(section.name(), " is of another edition than ", fair.name()));
    return;
  }
  const auto& groups = section.product_groups();
  const auto is_its_own = [&](const v1::Section::ProductGroup& group) {
    return group.id() == application.product_group();
  };
  if (!application.product_group().empty() &&
      std::none_of(groups.begin(), groups.end(), is_its_own)) {
    violations.Add("product_group",
                   absl::StrCat("is ", api::Quoted(application.product_group()),
                                ", which is no product group of ", section.name()));
  }
}

// The fields that an exhibitor writes, and an update may change while it is a DRAFT.
const std::vector<const FieldDescriptor*>& EntryFields() {
  static const auto* const fields = [] {
    auto* found = new std::vector<const FieldDescriptor*>();
    const auto* descriptor = Application::descriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const auto& behaviors = field->options().GetRepeatedExtension(google::api::field_behavior);
      const bool set_by_system = std::any_of(behaviors.begin(), behaviors.end(), [](int behavior) {
        return behavior == google::api::OUTPUT_ONLY || behavior == google::api::IDENTIFIER;
      });
      if (!set_by_system && field->name() != "etag") found->push_back(field);
    }
    return found;
  }();
  return *fields;
}

// The entry fields in which two applications differ.
std::vector<const FieldDescriptor*> Changed(const Application& before, const Application& after) {
  std::vector<const FieldDescriptor*> changed;
  for (const FieldDescriptor* field : EntryFields()) {
    google::protobuf::util::MessageDifferencer differencer;
    if (!differencer.CompareWithFields(before, after, {field}, {field})) changed.push_back(field);
  }
  return changed;
}

// Whether joint partners were taken off, and none added.
bool OnlyFewerPartners(const Application& before, const Application& after) {
  const auto& had = before.joint_partners();
  const auto& has = after.joint_partners();
  return std::all_of(has.begin(), has.end(), [&](const std::string& partner) {
    return std::find(had.begin(), had.end(), partner) != had.end();
  });
}

api::Error Refused(std::string_view reason, const Application& application, std::string message) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason, std::move(message))
      .With("resource", application.name())
      .With("state", Application::State_Name(application.state()));
}

}  // namespace

absl::StatusOr<std::string> NewPseudonym() {
  unsigned char bytes[kPseudonymBytes];
  if (RAND_bytes(bytes, sizeof bytes) != 1) {
    return absl::InternalError("the system has no random numbers");
  }
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

const std::string& ExhibitorOf(const Application& application) {
  if (!application.enterprise().empty()) return application.enterprise();
  if (!application.pilot_zone().empty()) return application.pilot_zone();
  if (!application.platform().empty()) return application.platform();
  return application.warehouse();
}

const RepeatedPtrField<Rules::Criterion>& CriteriaOf(const Rules& rules, Application::Kind kind) {
  if (kind == Application::BRAND) return rules.brand_criteria();
  if (kind == Application::GENERAL) return rules.general_criteria();
  return Rules::default_instance().general_criteria();
}

bool IsUnderWay(const Application& application) {
  return HasBooths(application) ||
         IsIn(application.state(), {Application::SUBMITTED, Application::SCREENED,
                                    Application::SCORED, Application::WAITLISTED});
}

bool HasBooths(const Application& application) {
  return IsIn(application.state(), {Application::ALLOTTED, Application::CONFIRMED,
                                    Application::POSITIONED, Application::USED});
}

absl::Status CheckApplication(const Application& application, const v1::Fair& fair,
                              const v1::Section& section) {
  api::Violations violations;
  CheckExhibitor(application, violations);
  CheckSection(application, fair, section, violations);
  if (application.minimum_booths() > application.maximum_booths()) {
    violations.Add("minimum_booths",
                   absl::StrCat("is ", application.minimum_booths(), "; maximum_booths is ",
                                application.maximum_booths(), ", and must not be less"));
  }
  const auto maxima = MaximaOf(CriteriaOf(fair.rules(), application.kind()));
  CheckPoints(application.claimed_points(), "claimed_points", application.kind(), maxima,
              violations);
  CheckPoints(application.verified_points(), "verified_points", application.kind(), maxima,
              violations);
  const auto& partners = application.joint_partners();
  if (!partners.empty() && application.kind() == Application::SPECIAL) {
    violations.Add("joint_partners", "may not be set in an application of kind SPECIAL");
  }
  const auto itself = std::find(partners.begin(), partners.end(), application.enterprise());
  if (itself != partners.end()) {
    violations.Add(absl::StrCat("joint_partners[", itself - partners.begin(), "]"),
                   absl::StrCat(application.enterprise(), " is the exhibitor itself"));
  }
  if (application.renewal() && application.kind() != Application::BRAND) {
    violations.Add("renewal", "may only be set in an application of kind BRAND");
  }
  if (application.renewal() && application.state() == Application::DRAFT) {
    violations.Add("renewal",
                   "is set where the register is loaded, with the booths that the firm held; an "
                   "application that is to be submitted renews nothing");
  }
  return violations.ToStatus();
}

absl::Status CheckLoaded(const Application* before, const Application& after) {
  api::Violations violations;
  const std::string& state = Application::State_Name(after.state());
  const auto require = [&](const char* field, bool given) {
    if (!given) violations.Add(field, absl::StrCat("is required of one that is ", state));
  };
  const bool placed = IsIn(after.state(), {Application::POSITIONED, Application::USED});
  if (before != nullptr && before->has_position() && before->state() != after.state()) {
    violations.Add("state", absl::StrCat("is ", state, ", but it has a stand and is ",
                                         Application::State_Name(before->state()),
                                         ": return it, which frees the stand"));
  } else if (placed && !after.has_position()) {
    violations.Add("state", absl::StrCat("is ", state,
                                         ", but it has no stand: positions are given by runs, and "
                                         "not loaded"));
  }
  const std::optional<int64_t> score = ParsePoints(after.score());
  if (!score.has_value()) {
    violations.Add(
        "score", absl::StrCat("is ", api::Quoted(after.score()), "; must be points such as 87.5"));
  }
  if (HasBooths(after)) {
    require("allotted_booths", after.allotted_booths() > 0);
  } else if (IsUnderWay(after) || after.state() == Application::DRAFT) {
    if (after.allotted_booths() != 0) {
      violations.Add("allotted_booths", absl::StrCat("may not be set in one that is ", state));
    }
  }
  if (after.state() == Application::ALLOTTED) {
    require("confirmation_due_date", after.has_confirmation_due_date());
  }
  const bool scored = after.kind() != Application::SPECIAL && !after.renewal() &&
                      (after.state() == Application::SCORED ||
                       after.state() == Application::WAITLISTED || HasBooths(after));
  if (scored) require("score", !after.score().empty());
  if (scored && !after.verified_points().empty() && score.has_value()) {
    int64_t sum = 0;
    for (const auto& points : after.verified_points()) {
      sum += ParsePoints(points.points()).value_or(0);
    }
    if (sum != *score) {
      violations.Add("score", absl::StrCat("is ", after.score(), "; the verified points sum up to ",
                                           FormatPoints(sum)));
    }
  }
  return violations.ToStatus();
}

void CompleteLoaded(const Application* before, const v1::Fair& fair, Application& after) {
  if (before != nullptr) {
    after.set_pseudonym(before->pseudonym());
    after.set_allocation(before->allocation());
    if (before->has_position()) *after.mutable_position() = before->position();
    *after.mutable_changes() = before->changes();
    *after.mutable_rechecked_points() = before->rechecked_points();
  }
  if (after.state() != Application::DRAFT) {
    *after.mutable_screening_due_date() = fair.screening_due_date();
  }
  if (after.renewal() && after.state() == Application::ALLOTTED &&
      !after.has_confirmation_due_date()) {
    *after.mutable_confirmation_due_date() = fair.renewal_due_date();
  }
}

bool ChangesEntry(const Application& before, const Application& after) {
  return !Changed(before, after).empty();
}

absl::Status CheckUpdate(const Application& before, const Application& after) {
  if (before.state() == Application::DRAFT) return absl::OkStatus();
  // Names and partners can still be put right before the booths are confirmed.
  const bool unconfirmed =
      IsIn(before.state(), {Application::SUBMITTED, Application::SCREENED, Application::SCORED,
                            Application::WAITLISTED, Application::ALLOTTED});
  std::vector<std::string> refused;
  for (const FieldDescriptor* field : Changed(before, after)) {
    const bool allowed =
        unconfirmed && (field->number() == Application::kFasciaFieldNumber ||
                        (field->number() == Application::kJointPartnersFieldNumber &&
                         OnlyFewerPartners(before, after)));
    if (!allowed) refused.push_back(field->name());
  }
  if (refused.empty()) return absl::OkStatus();
  api::Error error = Refused(
      "APPLICATION_SUBMITTED", before,
      absl::StrCat(before.name(), " is ", Application::State_Name(before.state()), ": ",
                   absl::StrJoin(refused, ", "), " cannot be changed any more",
                   unconfirmed ? "; its fascia can be, and joint partners can be taken off" : ""));
  for (const std::string& field : refused) error.Field(field, "cannot be changed in this state");
  return error;
}

absl::Status CheckDelete(const Application& application) {
  if (IsIn(application.state(), {Application::DRAFT, Application::WITHDRAWN})) {
    return absl::OkStatus();
  }
  return Refused(
      "APPLICATION_SUBMITTED", application,
      absl::StrCat(application.name(), " is ", Application::State_Name(application.state()),
                   "; only what is DRAFT or WITHDRAWN can be deleted"));
}

absl::Status CheckScreening(const Application& after, const Rules& rules) {
  api::Violations violations;
  const auto maxima = MaximaOf(CriteriaOf(rules, after.kind()));
  CheckPoints(after.verified_points(), "verified_points", after.kind(), maxima, violations);
  std::vector<std::string> missing;
  std::set<std::string_view> given;
  for (const auto& points : after.verified_points()) given.insert(points.criterion());
  for (const auto& [criterion, maximum] : maxima) {
    if (!given.contains(criterion)) missing.push_back(criterion);
  }
  if (!missing.empty()) {
    violations.Add("verified_points", absl::StrCat("lacks points of ", absl::StrJoin(missing, ", "),
                                                   "; 0 where there are none"));
  }
  return violations.ToStatus();
}

absl::Status Score(const Rules& rules, Application& after) {
  api::Violations violations;
  CheckPoints(after.rechecked_points(), "rechecked_points", after.kind(),
              MaximaOf(CriteriaOf(rules, after.kind())), violations);
  if (absl::Status s = violations.ToStatus(); !s.ok()) return s;
  auto& counted = *after.mutable_verified_points();
  for (const auto& rechecked : after.rechecked_points()) {
    const auto verified = std::find_if(counted.begin(), counted.end(), [&](const auto& points) {
      return points.criterion() == rechecked.criterion();
    });
    (verified == counted.end() ? *counted.Add() : *verified) = rechecked;
  }
  if (absl::Status s = CheckScreening(after, rules); !s.ok()) return s;
  int64_t sum = 0;
  for (const auto& points : counted) sum += ParsePoints(points.points()).value_or(0);
  after.set_score(FormatPoints(sum));
  return absl::OkStatus();
}

absl::Status CheckConfirmation(const Application& application, const Rules& rules, int64_t today) {
  if (application.has_confirmation_due_date() &&
      today > api::FirstDay(application.confirmation_due_date())) {
    return Refused(
               "CONFIRMATION_LATE", application,
               absl::StrCat("the booths of ", application.name(), " were to be confirmed until ",
                            api::FormatDate(application.confirmation_due_date()), "; today is ",
                            api::FormatDay(today)))
        .With("confirmation_due_date", api::FormatDate(application.confirmation_due_date()));
  }
  if (!application.joint_partners().empty() &&
      application.allotted_booths() < rules.host_booths()) {
    return Refused("PARTNERS_NOT_HOSTED", application,
                   absl::StrCat(application.name(), " has ", application.allotted_booths(),
                                " booths; a firm hosts joint partners from ", rules.host_booths(),
                                " on: take its joint partners off, or return the booths"))
        .Field("joint_partners", "must be empty");
  }
  return absl::OkStatus();
}

absl::Status CheckForfeit(const Application& application, int64_t today) {
  if (!application.has_confirmation_due_date()) {
    return Refused(
        "CONFIRMATION_NOT_DUE", application,
        absl::StrCat("the booths of ", application.name(), " need not be confirmed until any day"));
  }
  if (today > api::FirstDay(application.confirmation_due_date())) return absl::OkStatus();
  return Refused("CONFIRMATION_NOT_DUE", application,
                 absl::StrCat("the booths of ", application.name(), " can be confirmed until ",
                              api::FormatDate(application.confirmation_due_date()), "; today is ",
                              api::FormatDay(today)))
      .With("confirmation_due_date", api::FormatDate(application.confirmation_due_date()));
}

absl::Status CheckMovable(const Application& application, std::string_view consent) {
  if (application.state() != Application::POSITIONED) {
    return Refused("NOT_POSITIONED", application,
                   absl::StrCat(application.name(), " is ",
                                Application::State_Name(application.state()),
                                "; a stand is moved or swapped while it is POSITIONED"))
        .With("from", "POSITIONED");
  }
  const auto& changes = application.changes();
  if (changes.size() >= kMostChanges) {
    return Refused("CHANGES_EXHAUSTED", application,
                   absl::StrCat("the stand of ", application.name(), " was given another place ",
                                kMostChanges, " times, which is the most"));
  }
  const auto used = std::find_if(changes.begin(), changes.end(),
                                 [&](const auto& change) { return change.consent() == consent; });
  if (used != changes.end()) {
    return Refused("CONSENT_MISSING", application,
                   absl::StrCat(consent, " is the consent to an earlier change of ",
                                application.name(), "; each takes one of its own"))
        .With("consent", consent);
  }
  return absl::OkStatus();
}

}  // namespace caravan::fairs
