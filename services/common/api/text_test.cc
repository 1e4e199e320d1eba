#include "services/common/api/text.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caravan::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Utf8Test, TellsWellFormedText) {
  for (const char* text :
       {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xE6\x9D\xAD\xE5\xB7\x9E"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
    EXPECT_EQ(ToValidUtf8(text), text);
  }
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE6\x9D",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << text;
    EXPECT_TRUE(IsValidUtf8(ToValidUtf8(text)));
  }
  EXPECT_EQ(ToValidUtf8("a\xFF\x62"), "a\xEF\xBF\xBD\x62");
}

TEST(Utf8Test, CountsCharacters) {
  EXPECT_EQ(CountCharacters(""), 0);
  EXPECT_EQ(CountCharacters("a\xE6\x9D\xAD\xF0\x90\x80\x80"), 3);
}

TEST(PrefixEndTest, IsTheLeastTextBehindAllWithThePrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\x7F"), "a\xC2\x80");
  EXPECT_EQ(PrefixEnd("\xDF\xBF"), "\xE0\xA0\x80");
  EXPECT_EQ(PrefixEnd("\xED\x9F\xBF"), "\xEE\x80\x80");
  EXPECT_EQ(PrefixEnd("\xEF\xBF\xBF"), "\xF0\x90\x80\x80");
  EXPECT_EQ(PrefixEnd("a\xF4\x8F\xBF\xBF"), "b");
  EXPECT_EQ(PrefixEnd("\xF4\x8F\xBF\xBF"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(QuotedTest, IsShortAndPrintable) {
  EXPECT_EQ(Quoted("abc"), "'abc'");
  EXPECT_EQ(Quoted("a\nb\x01"), "'a b '");
  EXPECT_EQ(Quoted("\xFF"), "'\xEF\xBF\xBD'");
  EXPECT_EQ(Quoted(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
  EXPECT_EQ(Quoted(std::string(61, 'x')), "'" + std::string(60, 'x') + "...'");
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes(random() % 100, ' ');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_TRUE(IsValidUtf8(Quoted(bytes)));
    EXPECT_TRUE(IsValidUtf8(ToValidUtf8(bytes)));
    EXPECT_EQ(IsValidUtf8(bytes), ToValidUtf8(bytes) == bytes);
  }
}

TEST(NearNamesTest, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"name", "display_name", "state", "create_time"};
  EXPECT_THAT(NearNames("nmae", {"game", "name"}), ElementsAre("name"));
  EXPECT_THAT(NearNames("nam", names), ElementsAre("name", "display_name"));
  EXPECT_THAT(NearNames("State", names), ElementsAre("state"));
  EXPECT_THAT(NearNames("create_tmie", names), ElementsAre("create_time"));
  EXPECT_THAT(NearNames("zzz", names), IsEmpty());
  EXPECT_THAT(NearNames("", names), IsEmpty());
}

}  // namespace
}  // namespace caravan::api
