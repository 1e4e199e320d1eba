#include "clients/cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FlagParser Parser() {
  return FlagParser({{"filter", "FILTER", "which"},
                     {"output", "FORMAT", "how", 'o'},
                     {"watch", "", "go on", 'w'},
                     {"goods-logged", "", "evidence", 0, true}});
}

Flags Parse(const std::vector<std::string>& words) {
  const auto flags = Parser().Parse(words);
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.value_or(Flags());
}

std::string Problem(const std::vector<std::string>& words) {
  const auto flags = Parser().Parse(words);
  EXPECT_TRUE(IsUsageError(flags.status()));
  return std::string(flags.status().message());
}

TEST(FlagsTest, TakesFlagsAnywhere) {
  const Flags flags = Parse({"get", "--filter", "batch = 5", "pilotZones", "-o=json", "-w", "x"});
  EXPECT_THAT(flags.args(), ElementsAre("get", "pilotZones", "x"));
  EXPECT_EQ(flags.Get("filter"), "batch = 5");
  EXPECT_EQ(flags.Get("output"), "json");
  EXPECT_TRUE(flags.IsOn("watch"));
}

TEST(FlagsTest, KeepsWhatFollowsAnEqualsSignOrADoubleDash) {
  const Flags flags = Parse({"--filter=a=b", "-ojson", "--", "--filter"});
  EXPECT_EQ(flags.Get("filter"), "a=b");
  EXPECT_EQ(flags.Get("output"), "json");
  EXPECT_THAT(flags.args(), ElementsAre("--filter"));
}

TEST(FlagsTest, ASwitchTakesALiteralOnlyWhereItSaysSo) {
  EXPECT_FALSE(Parse({"--goods-logged", "false"}).IsOn("goods-logged"));
  EXPECT_TRUE(Parse({"--goods-logged", "--watch"}).IsOn("goods-logged"));
  EXPECT_FALSE(Parse({"--watch=false"}).IsOn("watch"));
  EXPECT_THAT(Parse({"--watch", "true"}).args(), ElementsAre("true"));
}

TEST(FlagsTest, KeepsAllValues) {
  const Flags flags = Parse({"--filter", "a", "--filter", "b"});
  EXPECT_THAT(flags.All("filter"), ElementsAre("a", "b"));
  EXPECT_EQ(flags.Get("filter"), "b");
}

TEST(FlagsTest, ADashAloneIsAnArgument) { EXPECT_THAT(Parse({"-"}).args(), ElementsAre("-")); }

TEST(FlagsTest, TellsWhatIsWrong) {
  EXPECT_THAT(Problem({"--fliter", "x"}), HasSubstr("unknown flag --fliter; did you mean filter?"));
  EXPECT_THAT(Problem({"-x"}), HasSubstr("unknown flag -x"));
  EXPECT_THAT(Problem({"--filter"}), HasSubstr("--filter needs a value: FILTER"));
  EXPECT_THAT(Problem({"--watch=maybe"}), HasSubstr("true or false, not \"maybe\""));
  EXPECT_THAT(Problem({"-wo"}), HasSubstr("one by one"));
}

TEST(FlagsTest, LenientlyKeepsWhatItDoesNotKnow) {
  const auto flags = Parser().Parse({"merge", "--successor", "x", "--flag", "--filter", "f"}, true);
  ASSERT_TRUE(flags.ok());
  EXPECT_THAT(flags->args(), ElementsAre("merge"));
  EXPECT_EQ(flags->Get("successor"), "x");
  EXPECT_EQ(flags->Get("flag"), "true");
  EXPECT_EQ(flags->Get("filter"), "f");
}

TEST(FlagsTest, ChecksNumbersAndTimes) {
  const Flags flags = Parse({"--filter", "7", "--output", "90s"});
  EXPECT_EQ(*flags.Int("filter", 1, 1, 10), 7);
  EXPECT_EQ(*flags.Int("absent", 3, 1, 10), 3);
  EXPECT_TRUE(IsUsageError(flags.Int("filter", 1, 1, 5).status()));
  EXPECT_TRUE(IsUsageError(flags.Int("output", 1, 1, 5).status()));
  EXPECT_EQ(*flags.Seconds("output", 1), 90);
  EXPECT_TRUE(IsUsageError(flags.Seconds("filter", 1).status()));
}

}  // namespace
}  // namespace caravan::cli
