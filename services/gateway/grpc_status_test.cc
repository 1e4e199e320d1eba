#include "services/gateway/grpc_status.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/gateway/grpc_timeout.h"

namespace caravan::gateway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

google::rpc::Status DetailsOf(const HeaderBlock& headers) {
  std::string base64(headers.Find("grpc-status-details-bin").value_or(""));
  EXPECT_EQ(base64.find('='), std::string::npos);
  while (base64.size() % 4 != 0) base64.push_back('=');
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(base64, &bytes));
  google::rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(bytes));
  return status;
}

TEST(GrpcStatusTest, AnswersWithStatusReasonAndWhenToTryAgain) {
  const absl::Status error = api::Error(absl::StatusCode::kUnavailable, "SERVICE_UNREACHABLE",
                                        "the service zones cannot be reached");
  const HeaderBlock headers = TrailersOnly(error);
  EXPECT_EQ(headers.Find(":status"), "200");
  EXPECT_EQ(headers.Find("content-type"), "application/grpc");
  EXPECT_EQ(headers.Find("grpc-status"), "14");
  EXPECT_EQ(headers.Find("grpc-message"), "the service zones cannot be reached");
  const google::rpc::Status status = DetailsOf(headers);
  EXPECT_EQ(status.code(), 14);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "SERVICE_UNREACHABLE");
  EXPECT_EQ(info.domain(), "caravan");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(status.details(1).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().seconds(), 0);
}

TEST(GrpcStatusTest, GivesEveryErrorAReason) {
  const google::rpc::Status status = DetailsOf(TrailersOnly(absl::NotFoundError("gone")));
  google::rpc::ErrorInfo info;
  ASSERT_EQ(status.details_size(), 1);
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "NOT_FOUND");
}

TEST(GrpcStatusTest, EncodesMessages) {
  EXPECT_EQ(EncodeMessage("plain ~ text"), "plain ~ text");
  EXPECT_EQ(EncodeMessage("50 %\n\xC3\xA9"), "50 %25%0A%C3%A9");
}

TEST(GrpcStatusTest, ReadsCodes) {
  EXPECT_EQ(CodeOf("0"), 0);
  EXPECT_EQ(CodeOf("16"), 16);
  for (const char* bad : {"", "17", "-1", "x", "99999999999"}) EXPECT_EQ(CodeOf(bad), 2) << bad;
}

TEST(GrpcStatusTest, SaysWhatAResetMeans) {
  EXPECT_TRUE(absl::IsCancelled(StatusOfReset(NGHTTP2_CANCEL, "zones")));
  EXPECT_TRUE(absl::IsUnavailable(StatusOfReset(NGHTTP2_REFUSED_STREAM, "zones")));
  EXPECT_TRUE(absl::IsResourceExhausted(StatusOfReset(NGHTTP2_ENHANCE_YOUR_CALM, "zones")));
  EXPECT_EQ(api::ReasonOf(StatusOfReset(NGHTTP2_INTERNAL_ERROR, "zones")), "CALL_INTERRUPTED");
}

TEST(GrpcTimeoutTest, ReadsAllUnits) {
  EXPECT_EQ(ParseGrpcTimeout("1H"), hours(1));
  EXPECT_EQ(ParseGrpcTimeout("2M"), seconds(120));
  EXPECT_EQ(ParseGrpcTimeout("3S"), seconds(3));
  EXPECT_EQ(ParseGrpcTimeout("00000100m"), milliseconds(100));
  EXPECT_EQ(ParseGrpcTimeout("5u"), nanoseconds(5000));
  EXPECT_EQ(ParseGrpcTimeout("99999999n"), nanoseconds(99999999));
  EXPECT_EQ(ParseGrpcTimeout("0S"), seconds(0));
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), hours(24 * 36525));
}

TEST(GrpcTimeoutTest, RefusesWhatIsMalformed) {
  for (const char* bad : {"", "S", "1", "1s", "-1S", "1.5S", "123456789S", " 1S", "1 S"}) {
    EXPECT_EQ(ParseGrpcTimeout(bad), std::nullopt) << bad;
  }
}

TEST(GrpcTimeoutTest, WritesWhatItReads) {
  EXPECT_EQ(FormatGrpcTimeout(nanoseconds(-5)), "1n");
  EXPECT_EQ(FormatGrpcTimeout(milliseconds(90)), "90000000n");
  EXPECT_EQ(FormatGrpcTimeout(seconds(30)), "30000000u");
  EXPECT_EQ(FormatGrpcTimeout(nanoseconds(100000001)), "100001u");
  EXPECT_EQ(ParseGrpcTimeout(FormatGrpcTimeout(hours(1000))), hours(1000));
}

}  // namespace
}  // namespace caravan::gateway
