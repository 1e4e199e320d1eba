#include "services/common/settings/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caravan/api/v1/access.pb.h"
#include "services/common/settings/settings.pb.h"

namespace caravan::settings {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Error(std::string_view text) {
  caravan::api::v1::AccessPolicy policy;
  const absl::Status status = ParseYaml(text, "f.yaml", &policy);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(ParseYamlTest, FillsNestedMessages) {
  caravan::api::v1::AccessPolicy policy;
  ASSERT_TRUE(ParseYaml(R"(
roles:
- name: auditor
  permissions: ['*.*.get', "zones.*"]
bindings: []
)",
                        "f.yaml", &policy)
                  .ok());
  ASSERT_EQ(policy.roles_size(), 1);
  EXPECT_EQ(policy.roles(0).name(), "auditor");
  EXPECT_THAT(policy.roles(0).permissions(), ::testing::ElementsAre("*.*.get", "zones.*"));
}

TEST(ParseYamlTest, FillsScalarsAndDurationsByEitherNameOfAField) {
  ServerSettings settings;
  ASSERT_TRUE(ParseYaml("threads: 4\nprocess: {drainTimeout: 90d, log_level: LOG_LEVEL_ERROR}\n"
                        "insecure: true\n",
                        "f.yaml", &settings)
                  .ok());
  EXPECT_EQ(settings.threads(), 4);
  EXPECT_EQ(settings.process().drain_timeout().seconds(), 90 * 86400);
  EXPECT_TRUE(settings.insecure());
  EXPECT_EQ(settings.process().log_level(), LOG_LEVEL_ERROR);
}

TEST(ParseYamlTest, AnEmptyTextIsAnEmptyMessage) {
  caravan::api::v1::AccessPolicy policy;
  EXPECT_TRUE(ParseYaml("# nothing\n", "f.yaml", &policy).ok());
}

TEST(ParseYamlTest, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(Error("roles:\n- nam: x\n"), "f.yaml:2:3: unknown key `nam`. Did you mean `name`?");
  EXPECT_EQ(Error("roles: []\nroles: []\n"), "f.yaml:2:1: the key `roles` is there twice");
  EXPECT_EQ(Error("roles: x"), "f.yaml:1:8: `roles` must be a list");
  EXPECT_EQ(Error("- a"), "f.yaml:1:1: expected a mapping of keys to values");
  EXPECT_EQ(Error("roles: [{name: [a]}]"), "f.yaml:1:16: `name` must be one value");
  EXPECT_THAT(Error("roles: [\n"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(Error("roles: *nobody\n"), StartsWith("f.yaml:1:"));
}

TEST(ParseYamlTest, RefusesWhatWouldGrowWithoutBound) {
  std::string nested(100'000, '[');
  EXPECT_THAT(Error(nested), StartsWith("f.yaml:"));
  std::string text = "roles:\n- &a {permissions: &p [x, x, x, x, x, x, x, x, x, x]}\n";
  // Each line stands for a thousand aliases of ten values.
  for (int line = 0; line < 110; ++line) {
    for (int i = 0; i < 1000; ++i) text += "- *a\n";
  }
  EXPECT_THAT(Error(text), HasSubstr("more than a million values"));
}

TEST(ParseDurationTest, AcceptsUnitsUpToDays) {
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("90d"), absl::Hours(24 * 90));
  EXPECT_EQ(*ParseDuration("1d12h"), absl::Hours(36));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  for (const std::string_view wrong : {"", "d", "90", "1h1d", "inf", "-inf", "1y"}) {
    EXPECT_FALSE(ParseDuration(wrong).ok()) << wrong;
  }
}

TEST(SuggestTest, SuggestsOnlyWhatComesNear) {
  EXPECT_EQ(Suggest("lsten", {"store", "listen"}), " Did you mean `listen`?");
  EXPECT_EQ(Suggest("something", {"store", "listen"}), "");
}

}  // namespace
}  // namespace caravan::settings
