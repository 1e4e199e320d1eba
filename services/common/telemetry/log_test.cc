#include "services/common/telemetry/log.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace caravan::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    SetLogSink([this](std::string_view line) { lines_.emplace_back(line); });
  }
  ~LogTest() override {
    SetLogSink(nullptr);
    SetLogLevel(LogLevel::kInfo);
  }

  google::protobuf::Struct Parsed() const {
    google::protobuf::Struct value;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(lines_.back(), &value).ok())
        << lines_.back();
    return value;
  }

  std::vector<std::string> lines_;
};

TEST_F(LogTest, WritesOneJsonObject) {
  Log(LogLevel::kWarning, "It \"broke\"",
      {{"text", "a\nb\t\x01\\"},
       {"count", 3},
       {"ratio", 0.5},
       {"bad", std::numeric_limits<double>::infinity()},
       {"ok", false}});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], Not(HasSubstr("\n")));
  const auto fields = Parsed().fields();
  EXPECT_EQ(fields.at("level").string_value(), "warning");
  EXPECT_EQ(fields.at("message").string_value(), "It \"broke\"");
  EXPECT_EQ(fields.at("text").string_value(), "a\nb\t\x01\\");
  EXPECT_EQ(fields.at("count").number_value(), 3);
  EXPECT_EQ(fields.at("ratio").number_value(), 0.5);
  EXPECT_TRUE(fields.at("bad").has_null_value());
  EXPECT_FALSE(fields.at("ok").bool_value());
  EXPECT_THAT(fields.at("time").string_value(), ::testing::ContainsRegex("^20.*T.*[.].*Z$"));
}

TEST_F(LogTest, WritesUtf8WhateverItIsGiven) {
  Log(LogLevel::kInfo, "m", {{"text", "杭州\xff"}});
  EXPECT_EQ(Parsed().fields().at("text").string_value(), "杭州\uFFFD");
}

TEST_F(LogTest, LeavesOutWhatIsBelowTheLevel) {
  Log(LogLevel::kDebug, "hidden");
  EXPECT_THAT(lines_, SizeIs(0));
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "shown");
  EXPECT_THAT(lines_, SizeIs(1));
}

TEST_F(LogTest, NeverWritesSecrets) {
  Log(LogLevel::kInfo, "m",
      {{"password", "hunter2"},
       {"Authorization", "hunter2"},
       {"api_key", "hunter2"},
       {"monkey", "ape"}});
  EXPECT_THAT(lines_[0], AllOf(Not(HasSubstr("hunter2")), HasSubstr("\"monkey\":\"ape\"")));
}

TEST_F(LogTest, LimitsWhatGrpcLogs) {
  InstallGrpcLog();
  // The lines of this second may have been spent by an earlier run.
  while (lines_.empty()) gpr_log(GPR_ERROR, "bad header");
  for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "bad header");
  // That takes less than two seconds, so it touches at most three.
  EXPECT_LE(lines_.size(), 30u);
  EXPECT_THAT(lines_[0],
              AllOf(HasSubstr("\"text\":\"bad header\""), HasSubstr("\"source\":\"log_test.cc:")));
}

TEST(RedactUrlTest, LeavesOutPasswords) {
  EXPECT_EQ(RedactUrl("postgresql://u:p:w@h:1/d"), "postgresql://u:...@h:1/d");
  EXPECT_EQ(RedactUrl("postgresql://u:p@x@h/d"), "postgresql://u:...@h/d");
  EXPECT_EQ(RedactUrl("postgresql://u@h:1/d"), "postgresql://u@h:1/d");
  EXPECT_EQ(RedactUrl("postgresql:///d?user=u&password=p&x=y"),
            "postgresql:///d?user=u&password=...&x=y");
  EXPECT_EQ(RedactUrl("sqlite:a.db"), "sqlite:a.db");
}

}  // namespace
}  // namespace caravan::telemetry
