#include "clients/cli/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TextTest, Spells) {
  EXPECT_EQ(ToKebab("checkEligibility"), "check-eligibility");
  EXPECT_EQ(ToKebab("goods_logged"), "goods-logged");
  EXPECT_EQ(ToSnake("pilot-zones"), "pilot_zones");
  EXPECT_EQ(ToSnake("PilotZones"), "pilot_zones");
}

TEST(TextTest, CountsEditsAndSwaps) {
  EXPECT_EQ(EditDistance("batch", "batch"), 0);
  EXPECT_EQ(EditDistance("bacth", "batch"), 1);
  EXPECT_EQ(EditDistance("bach", "batch"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
}

TEST(TextTest, FindsNearMatches) {
  const std::vector<std::string> names = {"batch", "province", "pilot_zone", "place"};
  EXPECT_THAT(NearMatches("bach", names), ElementsAre("batch"));
  EXPECT_THAT(NearMatches("zone", names), ElementsAre("pilot_zone"));
  EXPECT_THAT(NearMatches("Province", names), ElementsAre("province"));
  EXPECT_THAT(NearMatches("weight", names), IsEmpty());
  EXPECT_EQ(DidYouMean("bach", names), "; did you mean batch?");
}

TEST(TextTest, MeasuresWideAndCombiningCharacters) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("杭州市"), 6);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);
  EXPECT_EQ(DisplayWidth("é"), 1);
  EXPECT_EQ(DisplayWidth("\xFF"), 1);
}

TEST(TextTest, KeepsControlCharactersFromTheTerminal) {
  EXPECT_EQ(OneLine("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(OneLine("\x1b[31mred"), "\\u001b[31mred");
  EXPECT_EQ(OneLine("\xC2\x9B"), "\\u009b");
  EXPECT_EQ(OneLine("杭\xFF"), "杭\\xff");
}

TEST(TextTest, FindsWhatIsNotUtf8) {
  EXPECT_EQ(FindInvalidUtf8("杭州 é"), std::string_view::npos);
  EXPECT_EQ(FindInvalidUtf8("a\xFF"), 1u);
  EXPECT_EQ(FindInvalidUtf8("a\xE6\x9D"), 1u);         // cut short
  EXPECT_EQ(FindInvalidUtf8("\xC0\x80"), 0u);          // overlong
  EXPECT_EQ(FindInvalidUtf8("\xED\xA0\x80"), 0u);      // a surrogate
  EXPECT_EQ(FindInvalidUtf8("\xF4\x90\x80\x80"), 0u);  // beyond Unicode
}

}  // namespace
}  // namespace caravan::cli
