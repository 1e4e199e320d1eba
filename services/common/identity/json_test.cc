#include "services/common/identity/json.h"

#include <gtest/gtest.h>

#include <string>

namespace caravan::identity {
namespace {

TEST(ParseJsonObjectTest, ReadsObjects) {
  const auto object = ParseJsonObject(
      "{\"sub\": \"\\u00e9l\\\\\", \"exp\": 1.5e3, \"aud\": [\"a\", {\"b\": null}]}", 3);
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(*FindString(*object, "sub"), "\xc3\xa9l\\");
  EXPECT_EQ(object->at("exp").as_double(), 1500);
  EXPECT_EQ(FindString(*object, "exp"), nullptr);
  EXPECT_EQ(FindString(*object, "nothing"), nullptr);
}

TEST(ParseJsonObjectTest, RefusesWhatIsNotStrictlyJson) {
  for (const std::string wrong : {"",
                                  " ",
                                  "[]",
                                  "1",
                                  "\"a\"",
                                  "null",
                                  "{",
                                  "{}x",
                                  "{} {}",
                                  "{'a':1}",
                                  "{a:1}",
                                  "{\"a\":1,}",
                                  "{\"a\":01}",
                                  "{\"a\":NaN}",
                                  "{\"a\":+1}",
                                  "{\"a\":\"\n\"}",
                                  "{\"a\":\"\\x\"}",
                                  "{\"a\":\"\\ud800\"}",
                                  "{\"a\":\"\xff\"}",
                                  "{\"a\":\"\xc0\xaf\"}",
                                  "{/**/}",
                                  "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(ParseJsonObject(wrong, 8).has_value()) << wrong;
  }
  EXPECT_FALSE(ParseJsonObject(std::string("{}\0", 3), 8).has_value());
}

TEST(ParseJsonObjectTest, RefusesMembersThatComeTwice) {
  EXPECT_TRUE(ParseJsonObject(R"({"a":1,"b":{"a":1},"c":{"a":1}})", 8).has_value());
  EXPECT_FALSE(ParseJsonObject(R"({"a":1,"b":2,"a":1})", 8).has_value());
  EXPECT_FALSE(ParseJsonObject(R"({"a":1,"\u0061":1})", 8).has_value());
  EXPECT_FALSE(ParseJsonObject(R"({"b":[{"a":{},"a":1}]})", 8).has_value());
}

TEST(ParseJsonObjectTest, BoundsDepthAndCount) {
  EXPECT_TRUE(ParseJsonObject(R"({"a":[{}]})", 3).has_value());
  EXPECT_FALSE(ParseJsonObject(R"({"a":[{}]})", 2).has_value());
  std::string deep = "{\"a\":" + std::string(100'000, '[');
  EXPECT_FALSE(ParseJsonObject(deep, 16).has_value());
  std::string list = "{\"a\":[0";
  for (int i = 1; i < 256; ++i) list += ",0";
  EXPECT_TRUE(ParseJsonObject(list + "]}", 8).has_value());
  EXPECT_FALSE(ParseJsonObject(list + ",0]}", 8).has_value());
}

}  // namespace
}  // namespace caravan::identity
