// Eligibility: whether an application may be submitted, by every condition that the
// edition sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "caravan/fairs/v1/application_explanations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/zones/v1/compliance.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"

namespace caravan::fairs {

// A firm as the zones service knows it.
struct Firm {
  std::string name;
  zones::v1::Enterprise::State state = zones::v1::Enterprise::STATE_UNSPECIFIED;  // unknown there
  std::vector<zones::v1::Enterprise::Role> roles = {};
  zones::v1::ComplianceStanding::Level standing =
      zones::v1::ComplianceStanding::LEVEL_UNSPECIFIED;  // on the day
};

// That a firm takes part in a section by an application other than the one in
// question; whose that is, is nobody else's business.
struct Exhibit {
  std::string firm;
  bool as_partner = false;  // rather than by one of its own
};

// What eligibility rests on, beside the application.
struct EligibilityFacts {
  int64_t today = 0;  // yyyymmdd
  const v1::Fair* fair = nullptr;
  const v1::Section* section = nullptr;
  // The enterprise and the joint partners of the application. One that lacks is
  // unknown to zones.
  std::vector<Firm> firms = {};
  // On these firms; of whatever edition, lifted or not.
  std::vector<v1::Sanction> sanctions = {};
  // The enterprise's applications of other kinds in the section.
  std::vector<v1::Application> others = {};
  // Of the enterprise as a partner of others, and of the joint partners.
  std::vector<Exhibit> exhibits = {};
};

// Below the threshold of exports of its trade, so that it takes part as a newcomer;
// never for SPECIAL.
bool IsBelowThreshold(const v1::Application& application, const v1::Rules& rules);

// Whether a sanction is in force in an edition: from its first one on, so many as it
// counts, unless it was lifted.
bool IsRunning(const v1::Sanction& sanction, int32_t edition);

// Whether a sanction keeps out of applications of a kind in a section.
bool KeepsOut(const v1::Sanction& sanction, const v1::Section& section, v1::Application::Kind kind);

// Most booths of a firm in a section.
int32_t FirmCap(const v1::Rules& rules, const v1::Section& section);

// Every condition that applies to the application, in the order of the contract. An
// application that is a DRAFT is a newcomer's where it is below the threshold; else
// where it was when it was submitted.
v1::CheckApplicationResponse CheckEligibility(const v1::Application& application,
                                              const EligibilityFacts& facts);

// What SubmitApplication answers: FAILED_PRECONDITION that names every condition
// which is not met, with the reason of the first (NOT_ELIGIBLE for the group of those
// about the firm); OK where all are met.
absl::Status ToStatus(const v1::Application& application,
                      const v1::CheckApplicationResponse& checked);

// Why an application takes no part in a run: the reason of the first condition that is
// not met, that of the fair's being open left aside; empty: it takes part.
std::string ExclusionOf(const v1::CheckApplicationResponse& checked);

}  // namespace caravan::fairs
