#include "services/fairs/testing/edition.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "services/common/codes/codes.h"
#include "services/common/testing/random.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"

namespace caravan::fairs::testing {

using caravan::testing::Random;
using v1::Application;

namespace {

constexpr char kFair[] = "fairs/canton-136";
constexpr char kExports[] = "documents/customs-exports-2023";
constexpr char kEvidence[] = "documents/certificates-2024";

struct KnownSection {
  std::string_view id;
  std::string_view title;
  int phase;
  int brand_minimum;
};

constexpr KnownSection kSections[] = {
    {"household-electrical-appliances", "Household Electrical Appliances", 1, 4},
    {"consumer-electronics-and-information-products",
     "Consumer Electronics and Information Products", 1, 4},
    {"industrial-automation-and-intelligent-manufacturing",
     "Industrial Automation and Intelligent Manufacturing", 1, 4},
    {"processing-machinery-and-equipment", "Processing Machinery and Equipment", 1, 4},
    {"power-machinery-and-electric-power", "Power Machinery and Electric Power", 1, 4},
    {"general-machinery-and-mechanical-basic-parts", "General Machinery and Mechanical Basic Parts",
     1, 4},
    {"construction-machinery", "Construction Machinery", 1, 2},
    {"agricultural-machinery", "Agricultural Machinery", 1, 2},
    {"new-materials-and-chemical-products", "New Materials and Chemical Products", 1, 4},
    {"new-energy-vehicles-and-smart-mobility", "New Energy Vehicles and Smart Mobility", 1, 4},
    {"vehicles", "Vehicles", 1, 2},
    {"vehicle-spare-parts", "Vehicle Spare Parts", 1, 4},
    {"motorcycles", "Motorcycles", 1, 4},
    {"bicycles", "Bicycles", 1, 4},
    {"lighting-equipment", "Lighting Equipment", 1, 4},
    {"electronic-and-electrical-products", "Electronic and Electrical Products", 1, 4},
    {"new-energy-resources", "New Energy Resources", 1, 4},
    {"hardware", "Hardware", 1, 4},
    {"tools", "Tools", 1, 4},
    {"general-ceramics", "General Ceramics", 2, 4},
    {"kitchenware-and-tableware", "Kitchenware and Tableware", 2, 4},
    {"household-items", "Household Items", 2, 4},
    {"glass-artware", "Glass Artware", 2, 4},
    {"home-decorations", "Home Decorations", 2, 4},
    {"gardening-products", "Gardening Products", 2, 4},
    {"festival-products", "Festival Products", 2, 4},
    {"gifts-and-premiums", "Gifts and Premiums", 2, 4},
    {"clocks-watches-and-optical-instruments", "Clocks, Watches and Optical Instruments", 2, 4},
    {"art-ceramics", "Art Ceramics", 2, 4},
    {"weaving-rattan-and-iron-products", "Weaving, Rattan and Iron Products", 2, 4},
    {"building-and-decorative-materials", "Building and Decorative Materials", 2, 4},
    {"sanitary-and-bathroom-equipment", "Sanitary and Bathroom Equipment", 2, 4},
    {"furniture", "Furniture", 2, 4},
    {"stone-iron-decoration-and-outdoor-spa-equipment",
     "Stone/Iron Decoration and Outdoor Spa Equipment", 2, 0},
    {"toys", "Toys", 3, 4},
    {"children-baby-and-maternity-products", "Children, Baby and Maternity Products", 3, 4},
    {"kids-wear", "Kids' Wear", 3, 4},
    {"mens-and-womens-clothing", "Men's and Women's Clothing", 3, 4},
    {"underwear", "Underwear", 3, 4},
    {"sports-and-casual-wear", "Sports and Casual Wear", 3, 4},
    {"furs-leather-downs-and-related-products", "Furs, Leather, Downs and Related Products", 3, 4},
    {"fashion-accessories-and-fittings", "Fashion Accessories and Fittings", 3, 4},
    {"textile-raw-materials-and-fabrics", "Textile Raw Materials and Fabrics", 3, 4},
    {"shoes", "Shoes", 3, 4},
    {"cases-and-bags", "Cases and Bags", 3, 4},
    {"home-textiles", "Home Textiles", 3, 4},
    {"carpets-and-tapestries", "Carpets and Tapestries", 3, 4},
    {"office-supplies", "Office Supplies", 3, 4},
    {"medicines-health-products-and-medical-devices",
     "Medicines, Health Products and Medical Devices", 3, 2},
    {"food", "Food", 3, 2},
    {"sports-travel-and-recreation-products", "Sports, Travel and Recreation Products", 3, 4},
    {"personal-care-products", "Personal Care Products", 3, 4},
    {"toiletries", "Toiletries", 3, 4},
    {"pet-products-and-food", "Pet Products and Food", 3, 4},
    {"rural-revitalization", "Rural Revitalization (traditional Chinese specialties)", 3, 4},
};

constexpr std::string_view kThemes[] = {"Advanced Manufacturing", "Quality Home Furnishings",
                                        "Better Life"};

struct KnownCriterion {
  std::string_view id;
  std::string_view title;
  std::string_view maximum;
  std::string_view rule;
};

constexpr KnownCriterion kBrandCriteria[] = {
    {"exports", "Export value in the section", "35", ""},
    {"trademarks", "Domestic and foreign trademarks", "10", ""},
    {"innovation", "Research, innovation and own intellectual property", "30", ""},
    {"certification", "International certification", "10", ""},
    {"brand-building", "Brand building", "6", ""},
    {"self-regulation", "Industry self-regulation", "3", ""},
    {"performance", "Performance at the fair", "6", ""},
};

constexpr KnownCriterion kGeneralCriteria[] = {
    {"exports", "Section export value, last year", "35", "USD 0.75 m are 5 base points."},
    {"self-regulation", "Industry self-regulation", "5", "Member of a chamber or association: 5."},
    {"certification", "International certification", "10",
     "2 for each certificate; a series counts once."},
    {"high-tech", "High-tech enterprise", "5", "National: 5; provincial: 3 (ours)."},
    {"performance", "Performance at the fair", "10", "Ours: the published excerpt ends before."},
};

// Of a floor.
constexpr int kPairs = 10;
constexpr int kSegments = 3;
constexpr int kSegmentCells = 12;
constexpr int kFloorCells = kPairs * 2 * kSegments * kSegmentCells;
constexpr int kBlockedOneIn = 50;

google::type::Date Date(int year, int month, int day) {
  google::type::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

template <class Criteria, class Add>
void AddCriteria(const Criteria& criteria, Add add) {
  for (const KnownCriterion& known : criteria) {
    v1::Rules::Criterion& criterion = *add();
    criterion.set_id(std::string(known.id));
    criterion.set_title(std::string(known.title));
    criterion.set_maximum(std::string(known.maximum));
    criterion.set_rule(std::string(known.rule));
  }
}

v1::Rules MakeRules() {
  v1::Rules rules;
  AddCriteria(kBrandCriteria, [&] { return rules.add_brand_criteria(); });
  AddCriteria(kGeneralCriteria, [&] { return rules.add_general_criteria(); });
  rules.mutable_brand_quantity()->set_method(v1::RANKED);
  rules.mutable_general_quantity()->set_method(v1::SCORE_STEP);
  rules.mutable_general_quantity()->set_base("15");
  rules.set_quota_method(v1::SAINTE_LAGUE);
  rules.set_producer_exports_usd(750'000);
  rules.set_distributor_exports_usd(1'500'000);
  rules.set_newcomer_divisor(4);
  rules.set_newcomer_maximum(2);
  rules.set_firm_cap(10);
  rules.set_host_booths(3);
  rules.set_host_partners(2);
  rules.add_tiers("70");
  rules.add_tiers("50");
  rules.add_tiers("30");
  v1::Rules::SanctionRule& transfer = *rules.add_sanctions();
  transfer.set_violation(v1::TRANSFER);
  transfer.set_section_editions(4);
  transfer.set_brand_editions(15);
  rules.set_confirmation_days(10);
  rules.set_objection_days(5);
  rules.set_report_days(90);
  return rules;
}

void Postpone(int days, google::type::Date& date) {
  const absl::CivilDay day = absl::CivilDay(date.year(), date.month(), date.day()) + days;
  date = Date(static_cast<int>(day.year()), day.month(), day.day());
}

v1::Fair MakeFair(int days_later) {
  v1::Fair fair;
  fair.set_name(kFair);
  fair.set_title("The 136th Canton Fair");
  fair.set_edition(136);
  const google::type::Date days[][2] = {{Date(2024, 10, 15), Date(2024, 10, 19)},
                                        {Date(2024, 10, 23), Date(2024, 10, 27)},
                                        {Date(2024, 10, 31), Date(2024, 11, 4)}};
  for (int i = 0; i < 3; ++i) {
    v1::Fair::Phase& phase = *fair.add_phases();
    phase.set_id(absl::StrCat(i + 1));
    phase.set_title(std::string(kThemes[i]));
    *phase.mutable_start_date() = days[i][0];
    *phase.mutable_end_date() = days[i][1];
  }
  *fair.mutable_rules() = MakeRules();
  *fair.mutable_application_due_date() = Date(2024, 6, 30);
  *fair.mutable_screening_due_date() = Date(2024, 7, 20);
  *fair.mutable_renewal_due_date() = Date(2024, 6, 20);
  for (v1::Fair::Phase& phase : *fair.mutable_phases()) {
    Postpone(days_later, *phase.mutable_start_date());
    Postpone(days_later, *phase.mutable_end_date());
  }
  Postpone(days_later, *fair.mutable_application_due_date());
  Postpone(days_later, *fair.mutable_screening_due_date());
  Postpone(days_later, *fair.mutable_renewal_due_date());
  return fair;
}

// The first sections of each phase in turn, by phase.
std::vector<KnownSection> ChooseSections(int count) {
  std::vector<KnownSection> chosen;
  for (size_t turn = 0; static_cast<int>(chosen.size()) < count && turn < std::size(kSections);
       ++turn) {
    for (int phase = 1; phase <= 3 && static_cast<int>(chosen.size()) < count; ++phase) {
      size_t seen = 0;
      for (const KnownSection& section : kSections) {
        if (section.phase == phase && seen++ == turn) chosen.push_back(section);
      }
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const auto& a, const auto& b) { return a.phase < b.phase; });
  return chosen;
}

void MakeSections(const EditionOptions& options, Random& random, Edition& edition) {
  const std::vector<KnownSection> chosen = ChooseSections(options.sections);
  std::vector<int64_t> weights;
  int64_t sums[4] = {};
  std::set<int> phases;
  for (const KnownSection& known : chosen) {
    weights.push_back(50 + static_cast<int64_t>(random.Below(151)));
    sums[known.phase] += weights.back();
    phases.insert(known.phase);
  }
  int64_t before[4] = {};
  for (size_t i = 0; i < chosen.size(); ++i) {
    const KnownSection& known = chosen[i];
    const int64_t of_phase = options.booths / static_cast<int64_t>(phases.size());
    const int64_t first = of_phase * before[known.phase] / sums[known.phase];
    before[known.phase] += weights[i];
    const auto booths =
        static_cast<int>(of_phase * before[known.phase] / sums[known.phase] - first);
    v1::Section& section = edition.sections.emplace_back();
    section.set_name(absl::StrCat(kFair, "/sections/", known.id));
    section.set_title(std::string(known.title));
    section.set_phase(absl::StrCat(known.phase));
    section.set_kind(v1::Section::REGULAR);
    section.set_brand_minimum(known.brand_minimum);
    section.set_brand_booths(known.brand_minimum == 0 ? 0 : booths / 5);
    section.set_newcomer_booths(booths * 8 / 100);
    section.set_general_booths(booths - section.brand_booths() - section.newcomer_booths());
    for (uint64_t group = 1, groups = 4 + random.Below(7); group <= groups; ++group) {
      v1::Section::ProductGroup& product_group = *section.add_product_groups();
      product_group.set_id(absl::StrCat("group-", group));
      product_group.set_title(absl::StrCat("Product group ", group));
    }
  }
}

int BoothsOf(const v1::Section& section) {
  return section.brand_booths() + section.general_booths() + section.newcomer_booths();
}

// Rows back to back in pairs; the northern one of a pair faces the aisle above it,
// the southern one that below.
v1::Hall MakeHall(int index, Random& random) {
  const int building = index / 2 + 1, floor = index % 2 + 1;
  v1::Hall hall;
  hall.set_name(absl::StrCat(kFair, "/halls/", building, ".", floor));
  hall.set_title(absl::StrCat("Hall ", building, ", floor ", floor));
  hall.set_level(floor);
  hall.set_x_meters((building - 1) * 140);
  hall.set_width_meters(126);
  hall.set_depth_meters(108);
  for (int pair = 0; pair < kPairs; ++pair) {
    for (int side = 0; side < 2; ++side) {
      const char aisle = static_cast<char>('A' + pair + side);
      for (int segment = 0; segment < kSegments; ++segment) {
        v1::Hall::Row& row = *hall.add_rows();
        row.set_id(absl::StrFormat("%c%c%d", absl::ascii_tolower(aisle), side == 0 ? 'n' : 's',
                                   segment + 1));
        row.set_aisle(std::string(1, aisle));
        row.set_first_number(segment * kSegmentCells * 2 + 1 + side);
        row.set_number_step(2);
        row.set_cells(kSegmentCells);
        row.set_x_meters(4 + segment * (kSegmentCells * 3 + 5));
        row.set_y_meters(6 + pair * 10 + side * 3);
        row.set_direction(v1::Hall::EAST);
        const int last = row.first_number() + 2 * (kSegmentCells - 1);
        row.add_corner_numbers(row.first_number());
        row.add_corner_numbers(last);
        for (int number = row.first_number(); number <= last; number += 2) {
          if (random.Below(kBlockedOneIn) == 0) row.add_blocked_numbers(number);
        }
      }
    }
  }
  return hall;
}

bool Blocked(const v1::Hall::Row& row, int number) {
  const auto& blocked = row.blocked_numbers();
  return std::find(blocked.begin(), blocked.end(), number) != blocked.end();
}

// Gives the sections of each phase their cells, one after the other.
void MakeFloors(Random& random, Edition& edition) {
  int64_t most = 0;
  for (const auto& phase : edition.fair.phases()) {
    int64_t booths = 0;
    for (const v1::Section& section : edition.sections) {
      if (section.phase() == phase.id()) booths += BoothsOf(section);
    }
    most = std::max(most, booths);
  }
  int64_t usable = 0;
  while (usable < most) {
    v1::Hall& hall =
        edition.halls.emplace_back(MakeHall(static_cast<int>(edition.halls.size()), random));
    usable += kFloorCells;
    for (const v1::Hall::Row& row : hall.rows()) usable -= row.blocked_numbers_size();
  }
  for (const auto& phase : edition.fair.phases()) {
    std::vector<const v1::Section*> sections;
    for (const v1::Section& section : edition.sections) {
      if (section.phase() == phase.id()) sections.push_back(&section);
    }
    size_t current = 0;
    int left = sections.empty() ? 0 : BoothsOf(*sections[0]);
    for (const v1::Hall& hall : edition.halls) {
      if (current == sections.size()) break;
      v1::FloorPlan& plan = edition.floor_plans.emplace_back();
      const std::string_view id = LastSegment(hall.name());
      plan.set_name(absl::StrCat(kFair, "/floorPlans/", phase.id(), "-", id));
      plan.set_hall(hall.name());
      plan.set_phase(phase.id());
      for (const v1::Hall::Row& row : hall.rows()) {
        v1::FloorPlan::Span* span = nullptr;
        for (int i = 0; i < row.cells() && current < sections.size(); ++i) {
          const int number = row.first_number() + i * row.number_step();
          if (span == nullptr || span->section() != sections[current]->name()) {
            span = plan.add_spans();
            span->set_row(row.id());
            span->set_first_number(number);
            span->set_section(sections[current]->name());
          }
          span->set_last_number(number);
          if (Blocked(row, number) || --left > 0) continue;
          if (++current < sections.size()) left = BoothsOf(*sections[current]);
        }
      }
    }
  }
}

void MakeDelegations(const EditionOptions& options, Random& random, Edition& edition,
                     std::vector<int64_t>& weights) {
  std::vector<codes::Region> provinces;
  for (const codes::Region& region : codes::Provinces()) {
    if (region.code != "CN-HK" && region.code != "CN-MO" && region.code != "CN-TW") {
      provinces.push_back(region);
    }
  }
  for (int i = 0; i < options.delegations; ++i) {
    const codes::Region& province = provinces[i % provinces.size()];
    v1::Delegation& delegation = edition.delegations.emplace_back();
    std::string id = absl::AsciiStrToLower(province.code.substr(3));
    std::string title = absl::StrCat(province.name, " delegation");
    if (const size_t round = i / provinces.size(); round > 0) {
      absl::StrAppend(&id, "-", round);
      title = absl::StrCat("City delegation ", round, " of ", province.name);
    }
    delegation.set_name(absl::StrCat("delegations/", id));
    delegation.set_title(title);
    delegation.set_province(std::string(province.code));
    // A few have most of the trade.
    int64_t weight = 1;
    for (uint64_t bound : {10, 10, 4}) weight *= static_cast<int64_t>(1 + random.Below(bound));
    weights.push_back(weight);
  }
}

void MakeQuotas(const std::vector<int64_t>& weights, Random& random, Edition& edition) {
  for (const v1::Section& section : edition.sections) {
    const std::string_view section_id = LastSegment(section.name());
    for (size_t i = 0; i < edition.delegations.size(); ++i) {
      const v1::Delegation& delegation = edition.delegations[i];
      v1::Quota& quota = edition.quotas.emplace_back();
      quota.set_name(
          absl::StrCat(kFair, "/quotas/", section_id, ".", LastSegment(delegation.name())));
      quota.set_section(section.name());
      quota.set_delegation(delegation.name());
      quota.set_base(weights[i] * 100 + static_cast<int64_t>(random.Below(200)));
      quota.set_coefficient(FormatPoints(800 + 10 * static_cast<int64_t>(random.Below(41))));
      if (random.Below(10) == 0) {
        quota.set_ceiling(std::max(2, section.general_booths() / 10));
      }
    }
  }
}

std::string CreditCode(uint64_t number) {
  std::string code = absl::StrFormat("91440100%09d", number);
  code += *codes::CreditCodeCheckCharacter(code);
  return absl::AsciiStrToLower(code);
}

struct Firm {
  std::string enterprise;
  size_t delegation;
  uint64_t quality;  // below 100
  Application::Trade trade;
};

std::vector<Firm> MakeFirms(size_t count, const std::vector<int64_t>& weights, Random& random,
                            Edition& edition) {
  int64_t sum = 0;
  for (int64_t weight : weights) sum += weight;
  std::vector<Firm> firms;
  for (size_t i = 0; i < count; ++i) {
    auto point = static_cast<int64_t>(random.Below(static_cast<uint64_t>(sum)));
    size_t delegation = 0;
    while (point >= weights[delegation]) point -= weights[delegation++];
    const auto trade = random.Below(10) < 6 ? Application::PRODUCER : Application::DISTRIBUTOR;
    zones::v1::Enterprise& enterprise = edition.enterprises.emplace_back();
    enterprise.set_name(absl::StrCat("enterprises/", CreditCode(i)));
    enterprise.set_display_name(absl::StrCat("Exhibitor ", i + 1, " Co., Ltd."));
    enterprise.add_roles(trade == Application::PRODUCER ? zones::v1::Enterprise::PRODUCER
                                                        : zones::v1::Enterprise::DISTRIBUTOR);
    enterprise.set_country("CN");
    enterprise.set_province(edition.delegations[delegation].province());
    *enterprise.mutable_registration_date() = Date(2010, 1, 1);
    enterprise.set_state(zones::v1::Enterprise::ACTIVE);
    (*enterprise.mutable_labels())["synthetic"] = "true";
    firms.push_back({enterprise.name(), delegation, random.Below(100), trade});
    if (random.Below(300) == 0) {
      v1::Sanction& sanction = edition.sanctions.emplace_back();
      sanction.set_name(absl::StrCat("sanctions/s", i + 1));
      sanction.set_enterprise(enterprise.name());
      sanction.set_scope(v1::Sanction::BRAND_BOOTHS);
      sanction.set_first_edition(static_cast<int>(122 + random.Below(15)));
      sanction.set_editions(15);
      sanction.set_reason("Transfer of a booth.");
    }
  }
  return firms;
}

// Points near the firm's quality, in halves.
template <class Criteria>
void SetPoints(const Criteria& criteria, const Firm& firm, Random& random,
               Application& application) {
  int64_t score = 0;
  for (const auto& criterion : criteria) {
    const int64_t maximum = *ParsePoints(criterion.maximum());
    const int64_t percent = std::clamp<int64_t>(
        static_cast<int64_t>(firm.quality) + static_cast<int64_t>(random.Below(61)) - 30, 0, 100);
    const int64_t points = maximum * percent / 100 / 500 * 500;
    auto& claimed = *application.add_claimed_points();
    claimed.set_criterion(criterion.id());
    claimed.set_points(FormatPoints(points));
    if (points > 0) claimed.add_documents(kEvidence);
    auto& verified = *application.add_verified_points();
    verified.set_criterion(criterion.id());
    verified.set_points(FormatPoints(points));
    score += points;
  }
  application.set_score(FormatPoints(score));
}

void Ask(int fewest, int most, Random& random, Application& application) {
  const int asked =
      fewest + static_cast<int>(random.Below(static_cast<uint64_t>(most - fewest + 1)));
  application.set_maximum_booths(asked);
  application.set_minimum_booths(
      fewest + static_cast<int>(random.Below(static_cast<uint64_t>(asked - fewest + 1))) / 2);
}

void MakeRenewal(Random& random, Application& application) {
  application.set_renewal(true);
  application.set_allotted_booths(application.minimum_booths());
  const uint64_t tenth = random.Below(20);
  application.set_state(tenth == 0   ? Application::RETURNED
                        : tenth == 1 ? Application::FORFEITED
                                     : Application::CONFIRMED);
}

Application MakeApplication(const v1::Fair& fair, const v1::Section& section, const Firm& firm,
                            const v1::Delegation& delegation, Random& random) {
  Application application;
  application.set_section(section.name());
  application.set_enterprise(firm.enterprise);
  application.set_delegation(delegation.name());
  application.set_trade(firm.trade);
  application.set_fascia(absl::StrCat("Exhibitor ", firm.enterprise.substr(20)));
  application.set_product_group(random.Pick(section.product_groups()).id());
  application.add_export_documents(kExports);
  application.set_state(Application::SCORED);
  application.set_screener("users/screener");
  const uint64_t kind = random.Below(100);
  const bool brand = kind < 10 && section.brand_booths() > 0;
  const bool newcomer = kind >= 82;
  application.set_kind(brand ? Application::BRAND : Application::GENERAL);
  application.set_newcomer(newcomer);
  const int64_t threshold = firm.trade == Application::PRODUCER
                                ? fair.rules().producer_exports_usd()
                                : fair.rules().distributor_exports_usd();
  application.set_prior_year_exports_usd(
      newcomer ? static_cast<int64_t>(random.Below(static_cast<uint64_t>(threshold)))
               : threshold + static_cast<int64_t>(random.Below(100)) * 100'000);
  if (brand) {
    Ask(std::max(1, section.brand_minimum()), 10, random, application);
    SetPoints(fair.rules().brand_criteria(), firm, random, application);
    if (random.Below(7) < 4) MakeRenewal(random, application);
  } else {
    Ask(1, newcomer ? 2 : 6, random, application);
    SetPoints(fair.rules().general_criteria(), firm, random, application);
  }
  const bool custom = application.maximum_booths() >= 3 && random.Below(100) < (brand ? 70 : 15);
  application.set_stand_type(custom ? Application::CUSTOM_BUILT : Application::STANDARD);
  for (int i = 0; i < 4; ++i) {
    absl::StrAppendFormat(application.mutable_pseudonym(), "%08x", random.Below(1ULL << 32));
  }
  return application;
}

void MakeApplications(const EditionOptions& options, const std::vector<Firm>& firms, Random& random,
                      Edition& edition) {
  std::vector<int64_t> ends;
  int64_t sum = 0;
  for (const v1::Section& section : edition.sections) ends.push_back(sum += BoothsOf(section));
  // A firm applies once in a section.
  std::set<std::pair<size_t, size_t>> applied;
  while (static_cast<int>(edition.applications.size()) < options.applications) {
    const size_t firm = random.Below(firms.size());
    const auto point = static_cast<int64_t>(random.Below(static_cast<uint64_t>(sum)));
    const auto section =
        static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), point) - ends.begin());
    if (!applied.emplace(firm, section).second) continue;
    Application application = MakeApplication(edition.fair, edition.sections[section], firms[firm],
                                              edition.delegations[firms[firm].delegation], random);
    application.set_name(
        absl::StrFormat("%s/applications/a%06d", kFair, edition.applications.size() + 1));
    edition.applications.push_back(std::move(application));
  }
}

void MakeDocuments(Edition& edition) {
  for (const auto& [name, title] :
       {std::pair{kExports, "Exports of 2023 by firm, from customs statistics (invented)"},
        std::pair{kEvidence, "Certificates that firms have shown (invented)"}}) {
    zones::v1::Document& document = edition.documents.emplace_back();
    document.set_name(name);
    document.set_title(title);
    document.set_issuer("Invented for demonstrations");
    document.set_number(name == kExports ? "2024-1" : "2024-2");
    *document.mutable_issue_date() = Date(2024, 3, 1);
  }
}

}  // namespace

Edition MakeEdition(const EditionOptions& options) {
  Random random(options.seed);
  Edition edition;
  edition.fair = MakeFair(options.days_later);
  MakeSections(options, random, edition);
  MakeFloors(random, edition);
  std::vector<int64_t> weights;
  MakeDelegations(options, random, edition, weights);
  MakeQuotas(weights, random, edition);
  const std::vector<Firm> firms =
      MakeFirms(std::max<size_t>(1, static_cast<size_t>(options.applications) * 5 / 8), weights,
                random, edition);
  MakeApplications(options, firms, random, edition);
  MakeDocuments(edition);
  return edition;
}

Application DraftOf(const Application& scored) {
  Application draft = scored;
  draft.clear_verified_points();
  draft.clear_score();
  draft.clear_screener();
  draft.clear_pseudonym();
  draft.clear_newcomer();
  draft.clear_state();
  return draft;
}

}  // namespace caravan::fairs::testing
