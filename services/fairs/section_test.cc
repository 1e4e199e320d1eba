#include "services/fairs/section.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/names.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using testing::Parse;
using v1::Fair;
using v1::Quota;
using v1::Section;

Fair TheFair() {
  return Parse<Fair>(R"pb(
    name: "fairs/canton-136"
    phases { id: "1" }
    phases { id: "2" }
    rules { firm_cap: 10 quota_method: LARGEST_REMAINDER })pb");
}

Section TheSection() {
  return Parse<Section>(R"pb(
    name: "fairs/canton-136/sections/toys"
    phase: "2"
    kind: REGULAR
    general_booths: 10
    brand_minimum: 4
    product_groups { id: "dolls" title: "Dolls" }
    product_groups { id: "trains" title: "Trains" })pb");
}

Quota TheQuota(const std::string& delegation, int64_t base, const std::string& coefficient = "1") {
  Quota quota;
  quota.set_name("fairs/canton-136/quotas/toys." + delegation);
  quota.set_section("fairs/canton-136/sections/toys");
  quota.set_delegation("delegations/" + delegation);
  quota.set_base(base);
  quota.set_coefficient(coefficient);
  return quota;
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

TEST(SectionTest, IsOfAPhaseOfItsEdition) {
  EXPECT_THAT(CheckSection(TheSection(), TheFair()), IsOk());
  Section section = TheSection();
  section.set_phase("3");
  EXPECT_THAT(CheckSection(section, TheFair()), Invalid({"phase"}));
}

TEST(SectionTest, NumbersGoTogether) {
  Section section = TheSection();
  section.set_brand_minimum(11);
  EXPECT_THAT(CheckSection(section, TheFair()), Invalid({"brand_minimum"}));
  section.set_firm_cap(11);
  EXPECT_THAT(CheckSection(section, TheFair()), IsOk());
  section.mutable_product_groups(1)->set_id("dolls");
  EXPECT_THAT(CheckSection(section, TheFair()), Invalid({"product_groups[1].id"}));
}

TEST(SectionTest, SpecialOnesHaveNoBoothsToApplyFor) {
  Section section = TheSection();
  section.set_kind(Section::SPECIAL);
  section.set_newcomer_booths(1);
  EXPECT_THAT(CheckSection(section, TheFair()), Invalid({"general_booths", "newcomer_booths"}));
}

TEST(EditionTest, IsThatOfTheName) {
  EXPECT_EQ(EditionOf("fairs/canton-136/allocations/1/objections/2"), "fairs/canton-136");
  EXPECT_EQ(EditionOf("fairs/canton-136"), "fairs/canton-136");
  EXPECT_EQ(EditionOf("fairs"), "fairs");
}

TEST(QuotaTest, HasTheIdOfSectionAndDelegation) {
  const Section section = TheSection();
  EXPECT_THAT(CheckQuota(TheQuota("hebei", 1), &section), IsOk());
  Quota quota = TheQuota("hebei", 1);
  quota.set_name("fairs/canton-136/quotas/toys.hunan");
  EXPECT_THAT(CheckQuota(quota, &section), Invalid({"name"}));
}

TEST(QuotaTest, IsOfARegularSectionOfItsEdition) {
  Section section = TheSection();
  section.set_kind(Section::SPECIAL);
  EXPECT_THAT(CheckQuota(TheQuota("hebei", 1), &section), Invalid({"section"}));
  section.set_kind(Section::REGULAR);
  Quota quota = TheQuota("hebei", 1);
  quota.set_section("fairs/canton-135/sections/toys");
  EXPECT_THAT(CheckQuota(quota, &section), Invalid({"section"}));
  EXPECT_THAT(CheckQuota(quota, nullptr), Invalid({"section"}));
}

TEST(QuotaTest, BoundsGoTogether) {
  const Section section = TheSection();
  Quota quota = TheQuota("hebei", 1'000'000'000, "1000");
  EXPECT_THAT(CheckQuota(quota, &section), IsOk());
  quota.set_coefficient("1000.001");
  EXPECT_THAT(CheckQuota(quota, &section), Invalid({"base"}));
  quota = TheQuota("hebei", 1);
  quota.set_floor(3);
  quota.set_ceiling(2);
  EXPECT_THAT(CheckQuota(quota, &section), Invalid({"ceiling"}));
  quota.clear_ceiling();
  EXPECT_THAT(CheckQuota(quota, &section), IsOk());
}

TEST(DivisionTest, IsByBaseAndCoefficientBetweenFloorsAndCeilings) {
  // Shares of 10: 5, 3.125, 1.875.
  std::vector<Quota> quotas = {TheQuota("hebei", 80, "1"), TheQuota("hunan", 50),
                               TheQuota("jilin", 20, "1.5")};
  auto divided = DivideQuotas(TheSection(), TheFair().rules(), quotas, {false, false, false});
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(divided->booths, ElementsAre(5, 3, 2));
  EXPECT_EQ(divided->left, 0);

  quotas[0].set_ceiling(2);
  quotas[2].set_floor(4);
  divided = DivideQuotas(TheSection(), TheFair().rules(), quotas, {false, false, false});
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(divided->booths, ElementsAre(2, 4, 4));

  quotas[1].set_ceiling(3);
  quotas[2].set_ceiling(4);
  divided = DivideQuotas(TheSection(), TheFair().rules(), quotas, {false, false, false});
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(divided->booths, ElementsAre(2, 3, 4));
  EXPECT_EQ(divided->left, 1);
}

TEST(DivisionTest, GivesNothingToDelegationsUnderASanction) {
  std::vector<Quota> quotas = {TheQuota("hebei", 80), TheQuota("hunan", 10)};
  quotas[0].set_floor(3);
  quotas[0].set_ceiling(5);
  auto divided = DivideQuotas(TheSection(), TheFair().rules(), quotas, {true, false});
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(divided->booths, ElementsAre(0, 10));
}

TEST(DivisionTest, IsRefusedWithoutQuotasOrForFloorsAboveTheSupply) {
  EXPECT_THAT(DivideQuotas(TheSection(), TheFair().rules(), {}, {}),
              Fails(StatusCode::kFailedPrecondition, "NO_QUOTAS"));
  Quota quota = TheQuota("hebei", 1);
  quota.set_floor(11);
  EXPECT_THAT(DivideQuotas(TheSection(), TheFair().rules(), {quota}, {false}),
              Fails(StatusCode::kFailedPrecondition, "FLOORS_ABOVE_SUPPLY"));
}

}  // namespace
}  // namespace caravan::fairs
