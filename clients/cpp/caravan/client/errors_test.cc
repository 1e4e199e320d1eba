#include "caravan/client/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/api/errors.h"
#include "services/common/rpc/status.h"

namespace caravan::client {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

// As it comes over the wire.
absl::Status Sent(const absl::Status& status) {
  return FromGrpc(rpc::ToGrpcStatus(status, "method", "trace"));
}

TEST(ErrorsTest, KeepsWhatTheServerSays) {
  const absl::Status status =
      Sent(api::Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "it has changed; read it again")
               .With("resource", "widgets/w1"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "it has changed; read it again");
  EXPECT_EQ(ReasonOf(status), "ETAG_MISMATCH");
  EXPECT_EQ(MetadataOf(status, "resource"), "widgets/w1");
  EXPECT_EQ(MetadataOf(status, "other"), "");
  EXPECT_EQ(RetryDelayOf(status), std::nullopt);
  // The services' own functions read the same.
  EXPECT_EQ(api::ReasonOf(status), "ETAG_MISMATCH");
}

TEST(ErrorsTest, NamesEachViolation) {
  api::Violations violations;
  violations.Add("widget.size", "is 5000; must be at most 1000");
  violations.Add("widget.title", "is required");
  const absl::Status status = Sent(violations.ToStatus());
  const auto fields = FieldViolationsOf(status);
  EXPECT_THAT(fields, ElementsAre(Field(&Violation::subject, "widget.size"),
                                  Field(&Violation::subject, "widget.title")));
  EXPECT_EQ(fields[0].description, "is 5000; must be at most 1000");
  EXPECT_THAT(OtherViolationsOf(status), IsEmpty());
  const absl::Status in_use =
      Sent(api::Error(absl::StatusCode::kFailedPrecondition, "REFERENCED", "in use")
               .Precondition("REFERENCE", "widgets/w1/parts/p1", "refers to it"));
  EXPECT_THAT(OtherViolationsOf(in_use),
              ElementsAre(Field(&Violation::subject, "widgets/w1/parts/p1")));
}

TEST(ErrorsTest, ReadsWhatHasNoDetails) {
  const absl::Status status = FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "down"));
  EXPECT_EQ(status, absl::UnavailableError("down"));
  EXPECT_EQ(ReasonOf(status), "");
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  // Details that are none, or of another error, are not believed.
  const absl::Status odd = FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff"));
  EXPECT_EQ(odd, absl::NotFoundError("gone"));
  google::rpc::Status other;
  other.set_code(3);
  other.set_message("other");
  EXPECT_EQ(FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", other.SerializeAsString())),
            absl::NotFoundError("gone"));
}

TEST(ErrorsTest, TellsWhatMayBeRepeated) {
  using absl::StatusCode;
  EXPECT_TRUE(IsTransient(absl::UnavailableError("down")));
  EXPECT_TRUE(
      IsTransient(Sent(api::Error(StatusCode::kResourceExhausted, "BUSY", "x").RetryAfter(2))));
  EXPECT_TRUE(IsTransient(Sent(api::Error(StatusCode::kAborted, "LEASE", "x").RetryAfter(2))));
  // An answer that is too large stays so, and a stale etag stays stale.
  EXPECT_FALSE(IsTransient(absl::ResourceExhaustedError("message larger than max")));
  EXPECT_FALSE(IsTransient(Sent(api::Error(StatusCode::kAborted, "ETAG_MISMATCH", "x"))));
  EXPECT_FALSE(IsTransient(absl::DeadlineExceededError("late")));
  EXPECT_FALSE(IsTransient(absl::OkStatus()));
}

}  // namespace
}  // namespace caravan::client
