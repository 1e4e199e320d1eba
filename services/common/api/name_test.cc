#include "services/common/api/name.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"

namespace caravan::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NamePattern Parsed(std::string_view pattern, std::string_view id_pattern = "",
                   const std::map<std::string, std::string>& ancestors = {}) {
  auto parsed = NamePattern::Parse(pattern, id_pattern, ancestors);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return *std::move(parsed);
}

const NamePattern& Zones() {
  static const auto& pattern = *new NamePattern(Parsed("pilotZones/{pilot_zone}"));
  return pattern;
}

const NamePattern& Applications() {
  static const auto& pattern = *new NamePattern(Parsed("fairs/{fair}/applications/{application}"));
  return pattern;
}

void ExpectInvalid(const absl::Status& status, const char* field,
                   const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_NAME");
  EXPECT_THAT(FieldsOf(status), ElementsAre(field));
  for (const std::string& part : parts) EXPECT_THAT(std::string(status.message()), HasSubstr(part));
}

TEST(NamePatternTest, Matches) {
  EXPECT_THAT(*Zones().Match("pilotZones/hangzhou"), ElementsAre("hangzhou"));
  EXPECT_THAT(*Zones().Match("pilotZones/a"), ElementsAre("a"));
  EXPECT_TRUE(Zones().Matches("pilotZones/" + std::string(63, 'a')));
  EXPECT_THAT(*Applications().Match("fairs/canton-136/applications/a1"),
              ElementsAre("canton-136", "a1"));
  EXPECT_EQ(Applications().pattern(), "fairs/{fair}/applications/{application}");
  EXPECT_THAT(Applications().variables(), ElementsAre("fair", "application"));
  const NamePattern codes =
      Parsed("modes/{mode}/years/{year}", "[0-9]{4}", {{"mode", "[0-9]{4}[a-z]?"}});
  EXPECT_TRUE(codes.Matches("modes/9610a/years/2024"));
  EXPECT_FALSE(codes.Matches("modes/hangzhou/years/2024"));
  EXPECT_FALSE(codes.Matches("modes/9610/years/24"));
  EXPECT_FALSE(NamePattern().Matches("pilotZones/a"));
  EXPECT_FALSE(NamePattern().Matches(""));
}

TEST(NamePatternTest, ErrorsNameTheSegment) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"", {"name: it is empty", "pilotZones/{pilot_zone}"}},
      {"hangzhou", {"'hangzhou' has 1 segment, not 2", "expected pilotZones/{pilot_zone}"}},
      {"pilotZones/a/b", {"has 3 segments"}},
      {"/pilotZones/a", {"has 3 segments"}},
      {"pilotzones/a", {"'pilotzones'", "must be 'pilotZones'"}},
      {"pilotZones/", {"''", "must match [a-z0-9]"}},
      {"pilotZones/Hang zhou", {"'Hang zhou'", "must match [a-z0-9]"}},
      {"pilotZones/a-", {"'a-'"}},
      {"pilotZones/-", {"'-'"}},
      {"pilotZones/a\n", {"'a '"}},
      {"pilotZones/\xFF", {"\xEF\xBF\xBD"}},
      {"pilotZones/" + std::string(64, 'a'), {"must match"}},
      {"pilotZones/" + std::string(2000, 'a'), {"2011 bytes, more than 1000"}},
  };
  for (const auto& [name, parts] : cases) {
    ExpectInvalid(Zones().Match(name).status(), "name", parts);
  }
  ExpectInvalid(Zones().Match("x", "policy.zone").status(), "policy.zone", {"policy.zone: "});
}

TEST(NamePatternTest, Builds) {
  EXPECT_EQ(*Applications().Build({"canton-136", "a1"}), "fairs/canton-136/applications/a1");
  ExpectInvalid(Applications().Build({"a"}).status(), "name", {"takes 2 ids, not 1"});
  ExpectInvalid(Applications().Build({"a", "b", "c"}).status(), "name", {"not 3"});
  ExpectInvalid(Applications().Build({"a", "B"}, "application_id").status(), "application_id",
                {"'B'"});
  ExpectInvalid(Applications().Build({"a/applications/b", "c"}).status(), "name", {});
  EXPECT_TRUE(Applications().CheckId("a1", "application_id").ok());
  ExpectInvalid(Applications().CheckId("A1", "application_id"), "application_id",
                {"application_id: 'A1' must match [a-z0-9]"});
}

TEST(NamePatternTest, HasParents) {
  EXPECT_EQ(Zones().Parent("pilotZones/a"), "");
  EXPECT_EQ(Applications().Parent("fairs/x/applications/y"), "fairs/x");
  EXPECT_EQ(Applications().Parent("nonsense"), "");
  const NamePattern fairs = Applications().ParentPattern();
  EXPECT_EQ(fairs.pattern(), "fairs/{fair}");
  EXPECT_THAT(*fairs.Match("fairs/x"), ElementsAre("x"));
  EXPECT_FALSE(fairs.Matches("fairs/-"));
  EXPECT_THAT(*fairs.MatchWithWildcards("fairs/-"), ElementsAre("-"));
  ExpectInvalid(fairs.MatchWithWildcards("fairs/--").status(), "parent", {"'--'"});
  EXPECT_EQ(Zones().ParentPattern().pattern(), "");
  EXPECT_FALSE(Zones().ParentPattern().Matches("x"));

  const NamePattern singleton = Parsed("fairs/{fair}/settings");
  EXPECT_THAT(*singleton.Match("fairs/x/settings"), ElementsAre("x"));
  EXPECT_EQ(singleton.Parent("fairs/x/settings"), "fairs/x");
  EXPECT_EQ(*singleton.Build({"x"}), "fairs/x/settings");
}

TEST(NamePatternTest, RefusesPatternsThatMakeNoSense) {
  for (const char* pattern : {"", "zones", "zones/", "/zones/{zone}", "zones/{zone", "zones/{}"}) {
    EXPECT_EQ(NamePattern::Parse(pattern).status().code(), absl::StatusCode::kInternal) << pattern;
  }
  for (const char* id : {"[", ".*", "[a-z]*", "-"}) {
    EXPECT_EQ(NamePattern::Parse("zones/{zone}", id).status().code(), absl::StatusCode::kInternal)
        << id;
  }
}

TEST(NamePatternTest, AnyBytesMatchOrNot) {
  std::mt19937 random(1);
  static constexpr std::string_view kCharacters = "fairs/-a0/{}applications\xFF\0";
  for (int i = 0; i < 50'000; ++i) {
    std::string name = random() % 2 ? "fairs/" : "";
    for (int j = random() % 20; j > 0; --j) name += kCharacters[random() % kCharacters.size()];
    const auto ids = Applications().Match(name);
    if (ids.ok()) {
      EXPECT_EQ(*Applications().Build(*ids), name);
      EXPECT_TRUE(IsSelfOrBelow(name, Applications().Parent(name)));
    }
  }
}

TEST(IsSelfOrBelowTest, KeepsToSegments) {
  EXPECT_TRUE(IsSelfOrBelow("fairs/a", "fairs/a"));
  EXPECT_TRUE(IsSelfOrBelow("fairs/a/applications/b", "fairs/a"));
  EXPECT_TRUE(IsSelfOrBelow("fairs/a", ""));
  EXPECT_FALSE(IsSelfOrBelow("fairs/ab", "fairs/a"));
  EXPECT_FALSE(IsSelfOrBelow("fairs/a", "fairs/ab"));
  EXPECT_FALSE(IsSelfOrBelow("fairs", "fairs/a"));
  EXPECT_FALSE(IsSelfOrBelow("", "fairs/a"));
}

}  // namespace
}  // namespace caravan::api
