#include "services/gateway/frame_filter.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/gateway/testing/raw_http2.h"

namespace caravan::gateway {
namespace {

using testing::Encode;
using testing::Number32;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const Clock::time_point kNow = Clock::now();

FrameFilter NewFilter(double most) { return FrameFilter(TokenBucket(1, most, kNow)); }

// What goes through, given in pieces of a size.
std::string Through(FrameFilter& filter, std::string_view bytes, size_t piece) {
  std::string passed;
  for (size_t i = 0; i < bytes.size(); i += piece) {
    const std::string_view part = bytes.substr(i, piece);
    filter.Feed(reinterpret_cast<const uint8_t*>(part.data()), part.size(), kNow,
                [&](const uint8_t* data, size_t size) {
                  passed.append(reinterpret_cast<const char*>(data), size);
                  return true;
                });
  }
  return passed;
}

std::string Rst(int32_t stream) {
  return Encode(NGHTTP2_RST_STREAM, 0, stream, Number32(NGHTTP2_CANCEL));
}
std::string Headers(int32_t stream) {
  return Encode(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, "some header block");
}

TEST(FrameFilterTest, DropsResetsOfStreamsThatWereNotOpenedHoweverTheyArrive) {
  const std::string before = absl::StrCat(kPreface, Encode(NGHTTP2_SETTINGS, 0, 0, ""), Headers(1));
  const std::string after = absl::StrCat(Rst(1), Headers(5), Rst(3), Rst(5), "");
  const std::string bytes = absl::StrCat(before, Rst(3), Rst(7), after, Rst(9));
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    FrameFilter filter = NewFilter(100);
    EXPECT_EQ(Through(filter, bytes, piece), absl::StrCat(before, after)) << piece;
    EXPECT_FALSE(filter.flooded());
  }
}

TEST(FrameFilterTest, LeavesMalformedResetsToNghttp2) {
  FrameFilter filter = NewFilter(100);
  const std::string bytes =
      absl::StrCat(kPreface, Encode(NGHTTP2_RST_STREAM, 0, 1, "short"), Rst(0), Rst(2));
  EXPECT_EQ(Through(filter, bytes, bytes.size()), bytes);
}

TEST(FrameFilterTest, DoesNotTakePayloadForFrames) {
  FrameFilter filter = NewFilter(100);
  const std::string bytes = absl::StrCat(kPreface, Headers(1), Encode(NGHTTP2_DATA, 0, 1, Rst(99)));
  EXPECT_EQ(Through(filter, bytes, 7), bytes);
}

TEST(FrameFilterTest, CountsFramesThatCarryNothing) {
  struct Case {
    const char* name;
    std::string frame;
    bool costs;
  };
  for (const Case& c :
       {Case{"ping", Encode(NGHTTP2_PING, 0, 0, "12345678"), true},
        Case{"settings", Encode(NGHTTP2_SETTINGS, 0, 0, ""), true},
        Case{"priority", Encode(NGHTTP2_PRIORITY, 0, 1, "12345"), true},
        Case{"empty data", Encode(NGHTTP2_DATA, 0, 1, ""), true},
        Case{"unknown", Encode(99, 0, 0, "?"), true}, Case{"dropped reset", Rst(99), true},
        Case{"data", Encode(NGHTTP2_DATA, 0, 1, "x"), false},
        Case{"end of data", Encode(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, ""), false},
        Case{"window", Encode(NGHTTP2_WINDOW_UPDATE, 0, 0, Number32(1)), false},
        Case{"headers", Headers(1), false}}) {
    FrameFilter filter = NewFilter(10);
    std::string bytes(kPreface);
    for (int i = 0; i < 10; ++i) bytes.append(c.frame);
    Through(filter, bytes, bytes.size());
    EXPECT_FALSE(filter.flooded()) << c.name;
    Through(filter, c.frame, c.frame.size());
    EXPECT_EQ(filter.flooded(), c.costs) << c.name;
  }
}

}  // namespace
}  // namespace caravan::gateway
