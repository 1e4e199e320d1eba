#include "services/common/api/page_token.h"

#include <limits>
#include <random>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"

namespace caravan::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ExpectInvalid(const absl::StatusOr<PagePosition>& position, const char* part) {
  ASSERT_FALSE(position.ok());
  EXPECT_EQ(position.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(position.status()), "INVALID_PAGE_TOKEN");
  EXPECT_THAT(FieldsOf(position.status()), ElementsAre("page_token"));
  EXPECT_THAT(std::string(position.status().message()), HasSubstr(part));
  EXPECT_THAT(std::string(position.status().message()), HasSubstr("start again without one"));
}

const PagePosition kPosition = {.values = {int64_t{20240802}, "Hang zhou \xE6\x9D\xAD",
                                           std::numeric_limits<int64_t>::min(), int64_t{-1}, ""},
                                .key = "pilotZones/hangzhou"};

TEST(PageTokenTest, RoundTrips) {
  for (const PagePosition& position :
       {kPosition, PagePosition{}, PagePosition{.values = {}, .key = "a"},
        PagePosition{.values = {std::string("\0\xFF", 2)}, .key = std::string(1000, 'k')}}) {
    const std::string token = EncodePageToken(position, "shape");
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
              token.npos);
    const auto decoded = DecodePageToken(token, "shape");
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, position);
    EXPECT_EQ(EncodePageToken(*decoded, "shape"), token);
  }
}

TEST(PageTokenTest, BelongsToItsRequest) {
  ExpectInvalid(DecodePageToken(EncodePageToken(kPosition, "parent=a"), "parent=b"),
                "belongs to another request");
}

TEST(PageTokenTest, RefusesWhatItDidNotMake) {
  for (const char* token : {"", "x", "garbage", "!!!", "AAAA", "\xFF\xFE"}) {
    ExpectInvalid(DecodePageToken(token, "shape"), "not one that this service gave out");
  }
  const std::string token = EncodePageToken(kPosition, "shape");
  for (size_t i = 0; i < token.size(); ++i) {
    EXPECT_FALSE(DecodePageToken(token.substr(0, i), "shape").ok()) << i;
  }
  // Any byte that is changed is noticed.
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(token, &bytes));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    const auto decoded = DecodePageToken(absl::WebSafeBase64Escape(changed), "shape");
    ASSERT_FALSE(decoded.ok()) << i;
    EXPECT_EQ(ReasonOf(decoded.status()), "INVALID_PAGE_TOKEN");
  }
  EXPECT_FALSE(DecodePageToken(absl::WebSafeBase64Escape(bytes + "x"), "shape").ok());
}

TEST(PageTokenTest, AnyBytesAreRefused) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string token(random() % 80, ' ');
    for (char& c : token) c = static_cast<char>(random());
    EXPECT_FALSE(DecodePageToken(token, "shape").ok());
    token.insert(0, 1, '\x01');  // the version
    EXPECT_FALSE(DecodePageToken(absl::WebSafeBase64Escape(token), "shape").ok());
  }
}

}  // namespace
}  // namespace caravan::api
