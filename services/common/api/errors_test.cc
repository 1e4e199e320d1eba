#include "services/common/api/errors.h"

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace caravan::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  const google::rpc::Status rpc = ToRpcStatus(status);
  Detail detail;
  for (const auto& any : rpc.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  ADD_FAILURE() << "no " << detail.GetTypeName() << " in " << status;
  return detail;
}

TEST(ErrorTest, CarriesCodeMessageReasonAndMetadata) {
  const absl::Status status = Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "read it again")
                                  .With("a", "1")
                                  .With("b", "2");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "read it again");
  EXPECT_EQ(ReasonOf(status), "ETAG_MISMATCH");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "caravan");
  EXPECT_EQ(info.metadata().at("a"), "1");
  EXPECT_EQ(info.metadata().at("b"), "2");
  EXPECT_EQ(ToRpcStatus(status).details_size(), 1);
}

TEST(ErrorTest, CarriesEveryKindOfDetail) {
  const absl::Status status = Error(absl::StatusCode::kResourceExhausted, "TOO_MANY", "wait")
                                  .Field("a.b", "is too long")
                                  .Field("c", "is missing")
                                  .Precondition("STATE", "policies/x", "is repealed")
                                  .Resource("caravan.dev/Policy", "policies/x")
                                  .RetryAfter(1.5)
                                  .Quota("users/li.wei", "100 calls a second");
  EXPECT_THAT(FieldsOf(status), ElementsAre("a.b", "c"));
  EXPECT_EQ(DetailOf<google::rpc::PreconditionFailure>(status).violations(0).subject(),
            "policies/x");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).resource_name(), "policies/x");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(), 1);
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(status).violations(0).description(),
            "100 calls a second");
}

TEST(ErrorTest, IsReturnedAsStatusOr) {
  const auto function = []() -> absl::StatusOr<std::string> {
    return Error(absl::StatusCode::kNotFound, "NOT_FOUND", "no such thing").With("name", "x");
  };
  EXPECT_EQ(ReasonOf(function().status()), "NOT_FOUND");
}

TEST(ErrorTest, KeepsDetailsWhereACallersBytesAreNotUtf8) {
  const absl::Status status = Error(absl::StatusCode::kInvalidArgument, "BAD", "got \xFF\xFE")
                                  .With("value", "\xC0\x80")
                                  .Field("na\xEDme", "is \xFF");
  EXPECT_EQ(ReasonOf(status), "BAD");
  EXPECT_EQ(status.message(), "got \xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(FieldsOf(status).size(), 1);
}

TEST(RpcStatusTest, RoundTrips) {
  const absl::Status status =
      Error(absl::StatusCode::kInvalidArgument, "BAD", "message").Field("f", "d");
  EXPECT_EQ(FromRpcStatus(ToRpcStatus(status)), status);
  EXPECT_TRUE(FromRpcStatus(ToRpcStatus(absl::OkStatus())).ok());
}

TEST(RpcStatusTest, TakesForeignStatuses) {
  const absl::Status plain = absl::UnavailableError("away");
  EXPECT_EQ(ReasonOf(plain), "");
  EXPECT_THAT(FieldsOf(plain), IsEmpty());
  EXPECT_EQ(ToRpcStatus(plain).details_size(), 0);
  EXPECT_EQ(FromRpcStatus(ToRpcStatus(plain)), plain);

  google::rpc::Status odd;
  odd.set_code(4711);
  EXPECT_EQ(FromRpcStatus(odd).code(), absl::StatusCode::kUnknown);

  absl::Status garbage = absl::InternalError("x");
  garbage.SetPayload("type.googleapis.com/google.rpc.Status", absl::Cord("\xFF\xFF"));
  EXPECT_EQ(ReasonOf(garbage), "");
  EXPECT_EQ(ToRpcStatus(garbage).message(), "x");
}

TEST(ViolationsTest, ReportsAllTogether) {
  Violations violations;
  EXPECT_TRUE(violations.empty());
  EXPECT_TRUE(violations.ToStatus().ok());
  violations.Add("policy.title", "must be set");
  EXPECT_THAT(std::string(violations.ToStatus().message()), Not(HasSubstr("more")));
  violations.Add("policy.summary", "has 4001 characters, more than 4000");
  violations.Add("policy.clauses[2].id", "is empty");
  EXPECT_EQ(violations.size(), 3);
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELDS");
  EXPECT_EQ(status.message(), "policy.title: must be set (and 2 more violations)");
  EXPECT_THAT(FieldsOf(status),
              ElementsAre("policy.title", "policy.summary", "policy.clauses[2].id"));
}

}  // namespace
}  // namespace caravan::api
