#include "clients/cli/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cli/flags.h"
#include "clients/cli/test_support.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "down");

struct Called {
  absl::Status status;
  std::vector<absl::Duration> sleeps;
};

Called Call(FakeServer& server, const std::string& method,
            absl::Duration timeout = absl::Seconds(30)) {
  Called called;
  CallSettings settings;
  settings.timeout = timeout;
  settings.sleep = [&](absl::Duration d) { called.sleeps.push_back(d); };
  auto client = Client::Connect({.address = server.address(), .insecure = true}, settings);
  EXPECT_TRUE(client.ok()) << client.status();
  const auto catalog = ZonesCatalog();
  const auto* descriptor = catalog->FindMethod("caravan.zones.v1.PilotZoneService." + method);
  auto request = catalog->New(*descriptor->input_type());
  auto response = catalog->New(*descriptor->output_type());
  called.status = (*client)->Call(*descriptor, request.get(), response.get());
  return called;
}

TEST(CallTest, RepeatsReadsWhileTheServerIsDown) {
  FakeServer server;
  server.FailNext("ListPilotZones", {kDown, kDown});
  const Called called = Call(server, "ListPilotZones");
  EXPECT_TRUE(called.status.ok()) << called.status;
  EXPECT_THAT(called.sleeps, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST(CallTest, RepeatsChangesWithTheSameRequestId) {
  FakeServer server;
  server.FailNext("UpdatePilotZone", {kDown});
  Call(server, "UpdatePilotZone");
  const auto requests = server.Requests<zones::v1::UpdatePilotZoneRequest>("UpdatePilotZone");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0].request_id(), SizeIs(32));
  EXPECT_EQ(requests[0].request_id(), requests[1].request_id());
}

TEST(CallTest, GivesUpAtLast) {
  FakeServer server;
  server.FailNext("ListPilotZones", {kDown, kDown, kDown, kDown, kDown, kDown});
  const Called called = Call(server, "ListPilotZones");
  EXPECT_EQ(called.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(called.status.message()), HasSubstr("cannot reach 127.0.0.1:"));
  EXPECT_THAT(called.sleeps, SizeIs(4));
}

TEST(CallTest, WaitsAsLongAsTheServerAsks) {
  FakeServer server;
  const absl::Status busy =
      api::Error(absl::StatusCode::kResourceExhausted, "TOO_BUSY", "later").RetryAfter(1.5);
  server.FailNext("ListPilotZones", {grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "later",
                                                  api::ToRpcStatus(busy).SerializeAsString())});
  const Called called = Call(server, "ListPilotZones");
  EXPECT_TRUE(called.status.ok()) << called.status;
  EXPECT_THAT(called.sleeps, ElementsAre(absl::Seconds(1.5)));
}

TEST(CallTest, DoesNotWaitBeyondTheDeadline) {
  FakeServer server;
  const absl::Status busy =
      api::Error(absl::StatusCode::kUnavailable, "DRAINING", "later").RetryAfter(20);
  server.FailNext("ListPilotZones", {grpc::Status(grpc::StatusCode::UNAVAILABLE, "later",
                                                  api::ToRpcStatus(busy).SerializeAsString())});
  const Called called = Call(server, "ListPilotZones", absl::Seconds(5));
  EXPECT_EQ(api::ReasonOf(called.status), "DRAINING");
  EXPECT_THAT(called.sleeps, IsEmpty());
}

TEST(CallTest, DoesNotRepeatWhatTheServerRefused) {
  FakeServer server;
  const Called called = Call(server, "GetPilotZone");
  EXPECT_EQ(called.status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(api::ReasonOf(called.status), "NOT_FOUND");
  EXPECT_THAT(called.sleeps, IsEmpty());
}

TEST(CallTest, AsksForTheFilesThatOthersImport) {
  FakeServer server;
  CallSettings settings;
  settings.sleep = [](absl::Duration) {};
  auto client = Client::Connect({.address = server.address(), .insecure = true}, settings);
  ASSERT_TRUE(client.ok());
  const auto description = (*client)->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_THAT(description->services,
              ElementsAre("caravan.api.v1.ChangeService", "caravan.zones.v1.EnterpriseService",
                          "caravan.zones.v1.PilotZoneService", "caravan.zones.v1.PolicyService"));
  EXPECT_TRUE(Catalog::Create(*description).ok());
}

TEST(EndpointTest, InsecureIsForThisMachineOnly) {
  for (const char* local : {"unix:/run/x.sock", "localhost:80", "127.0.0.1:80", "127.8.9.1:80",
                            "[::1]:80", "dns:///localhost:80"}) {
    EXPECT_TRUE(IsLocal(local)) << local;
  }
  for (const char* remote : {"caravan.example:80", "10.0.0.1:80", "127.example.org:80",
                             "localhost.example.org:80", "[2001:db8::1]:80"}) {
    EXPECT_FALSE(IsLocal(remote)) << remote;
  }
  EXPECT_TRUE(
      IsUsageError(Client::Connect({.address = "x.org:80", .insecure = true}, {}).status()));
}

TEST(EndpointTest, TellsWhatIsMissing) {
  EXPECT_TRUE(IsUsageError(Client::Connect({}, {}).status()));
  EXPECT_TRUE(
      IsUsageError(Client::Connect({.address = "x.org:80", .certificate = "c.pem"}, {}).status()));
  const auto unreadable = Client::Connect({.address = "x.org:80", .ca = "/none/ca.pem"}, {});
  EXPECT_THAT(std::string(unreadable.status().message()),
              HasSubstr("cannot read the certificate authority from /none/ca.pem"));
}

TEST(RequestIdTest, DiffersEachTime) {
  EXPECT_THAT(NewRequestId(), SizeIs(32));
  EXPECT_NE(NewRequestId(), NewRequestId());
}

}  // namespace
}  // namespace caravan::cli
