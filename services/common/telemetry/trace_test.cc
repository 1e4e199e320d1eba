#include "services/common/telemetry/trace.h"

#include <gtest/gtest.h>

namespace caravan::telemetry {
namespace {

constexpr std::string_view kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, ParsesAndFormats) {
  const auto trace = TraceContext::Parse(kHeader);
  ASSERT_TRUE(trace.has_value());
  EXPECT_TRUE(trace->sampled);
  EXPECT_EQ(trace->TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace->SpanId(), "00f067aa0ba902b7");
  EXPECT_EQ(trace->ToTraceparent(), kHeader);
}

TEST(TraceContextTest, AcceptsLaterVersions) {
  EXPECT_TRUE(TraceContext::Parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what"));
}

TEST(TraceContextTest, RefusesWhatIsMalformed) {
  for (const std::string_view header :
       {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(TraceContext::Parse(header).has_value()) << header;
  }
}

TEST(TraceContextTest, AChildKeepsTheTrace) {
  const TraceContext parent = TraceContext::New();
  const TraceContext child = parent.Child();
  EXPECT_EQ(child.TraceId(), parent.TraceId());
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_EQ(TraceContext::Parse(child.ToTraceparent()), child);
}

}  // namespace
}  // namespace caravan::telemetry
