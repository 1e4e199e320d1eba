// Invented editions of a fair for tests, benchmarks and demonstrations: the
// 136th Canton Fair's phases and sections, as large as wanted, the same on every
// machine.
//
// What is known: phases, sections and minima of brand booths; the criteria of brand
// booths; 3 x 3 m cells; thresholds, caps and periods of sanctions. What is
// assumed:
// - Sections have from 50 to 200 parts of their phase; a fifth of a section is brand
//   booths, 8 % are for newcomers.
// - A floor is 126 x 108 m: ten double rows of 3 x 12 cells between aisles; the ends
//   of a row are corners; one cell in 50 is blocked.
// - Of applications 10 % are for brand booths (four in seven of them renewals, of
//   which nine in ten are confirmed), 18 % newcomers', the others general ones. Firms
//   ask for 1.3 times what there is.
// - A firm has a quality that shows in all its points, and delegations have firms
//   in proportion to their weights. One firm in 300 is under a sanction.
// - Where a published scheme of general criteria is an excerpt, the rest is ours.
#pragma once

#include <cstdint>
#include <vector>

#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"

namespace caravan::fairs::testing {

// The whole edition by default.
struct EditionOptions {
  uint64_t seed = 136;
  int sections = 55;  // the first so many of each phase in turn
  int booths = 74'000;
  int applications = 32'000;
  int delegations = 50;
  int days_later = 0;  // than the dates of 2024: for a course that takes place today
};

struct Edition {
  v1::Fair fair;  // PLANNED, without lottery
  std::vector<v1::Section> sections;
  std::vector<v1::Hall> halls;
  std::vector<v1::FloorPlan> floor_plans;  // without stands
  std::vector<v1::Delegation> delegations;
  std::vector<v1::Quota> quotas;  // not divided
  std::vector<v1::Sanction> sanctions;
  // SCORED with verified points, but for renewals: CONFIRMED, RETURNED or
  // FORFEITED. By name; pseudonyms are set, as the service would.
  std::vector<v1::Application> applications;

  // What the zones service must know of: the firms, and the documents that show
  // points and exports.
  std::vector<zones::v1::Enterprise> enterprises;
  std::vector<zones::v1::Document> documents;
};

Edition MakeEdition(const EditionOptions& options);

// What an exhibitor writes of an application that an edition has as scored.
v1::Application DraftOf(const v1::Application& scored);

}  // namespace caravan::fairs::testing
