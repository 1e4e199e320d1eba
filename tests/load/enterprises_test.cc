#include "tests/load/enterprises.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "services/common/api/validation.h"
#include "services/common/codes/codes.h"
#include "services/zones/enterprise.h"
#include "services/zones/pilot_zone.h"

namespace caravan::load {
namespace {

constexpr int64_t kToday = 20260101;

template <class Resource>
absl::Status Validate(const Resource& resource) {
  api::Violations violations;
  api::Validator::For(*Resource::descriptor())
      .Check(resource, "", {.required = true, .output_only = true}, violations);
  return violations.ToStatus();
}

TEST(Enterprises, AreValid) {
  for (int64_t number = 0; number < 3000; ++number) {
    const auto enterprise = MakeEnterprise(number);
    const std::string id = enterprise.name().substr(std::string("enterprises/").size());
    EXPECT_EQ(codes::FormatProblem("enterprise-id", id), std::nullopt);
    EXPECT_EQ(zones::CheckEnterprise(enterprise), absl::OkStatus());
    EXPECT_EQ(Validate(enterprise), absl::OkStatus()) << enterprise.DebugString();
    const auto home = MakeZone(static_cast<int>(number % kZones));
    EXPECT_EQ(enterprise.pilot_zone(), home.name());
    EXPECT_EQ(zones::CheckHomeZone(enterprise, home, kToday), absl::OkStatus());
  }
}

TEST(Enterprises, HaveTheNamesOfTheirNumbers) {
  std::set<std::string> names;
  for (int64_t number = 0; number < 20000; ++number) {
    names.insert(EnterpriseName(number));
    EXPECT_EQ(MakeEnterprise(number).name(), EnterpriseName(number));
  }
  EXPECT_EQ(names.size(), 20000u);
  // The same on every machine and in every version.
  EXPECT_EQ(EnterpriseName(1), "enterprises/91120000m618033994");
}

TEST(Enterprises, HaveHomesThatAreValid) {
  for (int zone = 0; zone < kZones; ++zone) {
    EXPECT_EQ(zones::CheckPilotZone(MakeZone(zone)), absl::OkStatus());
    EXPECT_EQ(Validate(MakeZone(zone)), absl::OkStatus());
  }
}

}  // namespace
}  // namespace caravan::load
