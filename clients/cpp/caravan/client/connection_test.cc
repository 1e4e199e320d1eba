// The way of a call, against a server that fails on demand.
#include "caravan/client/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "caravan/api/v1/changes.client.h"
#include "caravan/client/errors.h"
#include "caravan/zones/v1/pilot_zones.client.h"
#include "clients/testing/fake_server.h"
#include "services/common/api/errors.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::client {
namespace {

using ::caravan::clients::FakeServer;
using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Ne;
using ::testing::SizeIs;
using zones::v1::PilotZoneServiceClient;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "down");

grpc::Status AsksToWait(grpc::StatusCode code, double seconds) {
  const absl::Status status =
      api::Error(static_cast<absl::StatusCode>(code), "TOO_BUSY", "later").RetryAfter(seconds);
  return {code, "later", api::ToRpcStatus(status).SerializeAsString()};
}

class ConnectionTest : public ::testing::Test {
 protected:
  // Sleeps take no time, but are noted.
  std::shared_ptr<Connection> Open(ConnectionOptions options = {}) {
    options.address = server_.address();
    options.credentials.plaintext = true;
    options.clock.sleep = [this](absl::Duration d) { sleeps_.push_back(d); };
    options.clock.random = [] { return 1.0; };
    auto connection = Connection::Open(std::move(options));
    EXPECT_THAT(connection, IsOk());
    return *std::move(connection);
  }
  absl::Status List(ConnectionOptions options = {}, const CallOptions& call = {}) {
    const PilotZoneServiceClient zones(Open(std::move(options)));
    return zones.ListPilotZonesPage({}, call).status();
  }

  FakeServer server_;
  std::vector<absl::Duration> sleeps_;
};

TEST_F(ConnectionTest, RepeatsReadsWhileTheServerIsDown) {
  server_.FailNext("ListPilotZones", {kDown, kDown});
  EXPECT_THAT(List(), IsOk());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST_F(ConnectionTest, RepeatsChangesWithTheSameRequestId) {
  server_.FailNext("CreatePilotZone", {kDown});
  const PilotZoneServiceClient zones(Open());
  EXPECT_THAT(zones.CreatePilotZone(FakeServer::Zone("a", 1), "a"), IsOk());
  const auto requests = server_.Requests<zones::v1::CreatePilotZoneRequest>("CreatePilotZone");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0].request_id(), SizeIs(36));
  EXPECT_EQ(requests[0].request_id(), requests[1].request_id());
  // The caller's own id is left as it is.
  zones::v1::DeletePilotZoneRequest own;
  own.set_name("pilotZones/a");
  own.set_request_id("mine");
  EXPECT_THAT(zones.DeletePilotZone(own), IsOk());
  EXPECT_EQ(server_.Requests<zones::v1::DeletePilotZoneRequest>("DeletePilotZone")[0].request_id(),
            "mine");
}

TEST_F(ConnectionTest, DoesNotRepeatWhatMightHappenTwice) {
  const auto connection = Open();
  zones::v1::DeletePilotZoneRequest request;
  request.set_name("pilotZones/a");
  google::protobuf::Empty response;
  const std::string path = "/caravan.zones.v1.PilotZoneService/DeletePilotZone";
  server_.FailNext("DeletePilotZone", {kDown, kDown});
  EXPECT_THAT(connection->Call({path, Repeat::kNever}, &request, &response),
              Fails(absl::StatusCode::kUnavailable, ""));
  // A request that nobody gave an id is not repeatable either.
  EXPECT_THAT(connection->Call({path, Repeat::kWithRequestId}, std::as_const(request), &response),
              Fails(absl::StatusCode::kUnavailable, ""));
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(ConnectionTest, GivesUpAtLast) {
  server_.FailNext("ListPilotZones", std::vector<grpc::Status>(9, kDown));
  const absl::Status status = List({.retry = {.max_attempts = 4}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot reach 127.0.0.1:"));
  EXPECT_THAT(sleeps_, SizeIs(3));
  // A call may say otherwise.
  EXPECT_EQ(List({}, {.retry = RetryPolicy{.max_attempts = 1}}).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_THAT(sleeps_, SizeIs(3));
}

TEST_F(ConnectionTest, WaitsAsLongAsTheServerAsks) {
  server_.FailNext("ListPilotZones", {AsksToWait(grpc::StatusCode::RESOURCE_EXHAUSTED, 1.5),
                                      AsksToWait(grpc::StatusCode::ABORTED, 2)});
  EXPECT_THAT(List({.retry = {.least_share = 1}}), IsOk());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Seconds(1.5), absl::Seconds(2)));
}

TEST_F(ConnectionTest, DoesNotWaitBeyondTheDeadline) {
  server_.FailNext("ListPilotZones", {AsksToWait(grpc::StatusCode::UNAVAILABLE, 20)});
  EXPECT_THAT(List({.timeout = absl::Seconds(5)}),
              Fails(absl::StatusCode::kUnavailable, "TOO_BUSY"));
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(ConnectionTest, DeadlinesHoldForAllRepeatsTogether) {
  // Every wait takes two minutes.
  const absl::Time start = absl::Now();
  const Clock clock = {.now = [&] { return start + absl::Minutes(2) * sleeps_.size(); }};
  server_.FailNext("ListPilotZones", std::vector<grpc::Status>(9, kDown));
  EXPECT_THAT(List({.timeout = absl::Minutes(5), .clock = clock}),
              Fails(absl::StatusCode::kUnavailable, ""));
  EXPECT_THAT(server_.Requests<zones::v1::ListPilotZonesRequest>("ListPilotZones"), SizeIs(3));
}

TEST_F(ConnectionTest, DoesNotRepeatWhatTheServerRefused) {
  const PilotZoneServiceClient zones(Open());
  EXPECT_THAT(zones.GetPilotZone("pilotZones/none"),
              Fails(absl::StatusCode::kNotFound, "NOT_FOUND"));
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(ConnectionTest, SendsTheTokenOfTheMoment) {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("caravan-token-" + NewRequestId())).string();
  std::ofstream(file) << "first\n";
  const PilotZoneServiceClient zones(Open({.credentials = {.token_file = file}}));
  EXPECT_THAT(zones.ListPilotZonesPage({}), IsOk());
  std::ofstream(file) << "the-second\n";
  EXPECT_THAT(zones.ListPilotZonesPage({}), IsOk());
  std::filesystem::remove(file);
  EXPECT_THAT(zones.ListPilotZonesPage({}), Fails(absl::StatusCode::kUnauthenticated, "BAD_TOKEN"));
  EXPECT_THAT(server_.Metadata("ListPilotZones", "authorization"),
              ElementsAre("Bearer first", "Bearer the-second"));
}

TEST_F(ConnectionTest, NamesTheServiceWhereTheMethodDoesNot) {
  const auto connection = Open();
  const api::v1::ChangeServiceClient changes(connection, {.service = "zones"});
  EXPECT_THAT(changes.ListChangesPage({}), IsOk());
  EXPECT_THAT(changes.ListChangesPage({}, {.service = "fairs"}), IsOk());
  EXPECT_THAT(server_.Metadata("ListChanges", "caravan-service"), ElementsAre("zones", "fairs"));
  const PilotZoneServiceClient zones(connection, {.service = "other"});
  EXPECT_THAT(zones.ListPilotZonesPage({}), IsOk());
  EXPECT_THAT(server_.Metadata("ListPilotZones", "caravan-service"), ElementsAre(""));
  EXPECT_EQ(ServiceOf("/caravan.zones.v1.PilotZoneService/GetPilotZone"), "zones");
  EXPECT_EQ(ServiceOf("/caravan.api.v1.ChangeService/WatchChanges"), "");
  EXPECT_EQ(ServiceOf("/google.longrunning.Operations/GetOperation"), "");
  EXPECT_EQ(ServiceOf("/caravan."), "");
}

TEST_F(ConnectionTest, AsksForTheLeastRevisionOfReadsOnly) {
  const PilotZoneServiceClient zones(Open());
  EXPECT_THAT(zones.ListPilotZonesPage({}, {.min_revision = 7}), IsOk());
  EXPECT_THAT(server_.Metadata("ListPilotZones", "caravan-min-revision"), ElementsAre("7"));
  EXPECT_THAT(zones.CreatePilotZone(FakeServer::Zone("a", 1), "a", {.min_revision = 7}), IsOk());
  EXPECT_THAT(server_.Metadata("CreatePilotZone", "caravan-min-revision"), ElementsAre(""));
}

TEST_F(ConnectionTest, SendsFurtherMetadata) {
  const PilotZoneServiceClient zones(Open(), {.metadata = {{"x-a", "1"}}});
  EXPECT_THAT(zones.ListPilotZonesPage({}, {.metadata = {{"x-b", "2"}}}), IsOk());
  EXPECT_THAT(server_.Metadata("ListPilotZones", "x-a"), ElementsAre("1"));
  EXPECT_THAT(server_.Metadata("ListPilotZones", "x-b"), ElementsAre("2"));
}

TEST_F(ConnectionTest, PassesOnHints) {
  std::vector<std::string> hints;
  const PilotZoneServiceClient zones(
      Open({.on_hint = [&](const std::string& hint) { hints.push_back(hint); }}));
  zones::v1::ListPilotZonesRequest request;
  request.set_filter("place_level = \"x\"");
  EXPECT_THAT(zones.ListPilotZonesPage(request), IsOk());
  EXPECT_THAT(hints, ElementsAre("an index on place_level would help"));
}

TEST_F(ConnectionTest, EndsWhenItIsCancelled) {
  Cancellation cancellation;
  server_.FailNext("ListPilotZones", {kDown, kDown});
  ConnectionOptions options;
  const auto connection = [&] {
    options.address = server_.address();
    options.credentials.plaintext = true;
    // In the middle of the first wait.
    options.clock.sleep = [&](absl::Duration) { cancellation.Cancel(); };
    return *Connection::Open(options);
  }();
  const PilotZoneServiceClient zones(connection);
  EXPECT_EQ(zones.ListPilotZonesPage({}, {.cancellation = cancellation}).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_THAT(server_.Requests<zones::v1::ListPilotZonesRequest>("ListPilotZones"), SizeIs(1));
}

TEST_F(ConnectionTest, NeedsAnAddress) {
  EXPECT_THAT(Connection::Open({}), Fails(absl::StatusCode::kInvalidArgument, "NO_ADDRESS"));
}

TEST(RequestIdTest, IsARandomUuid) {
  const std::string id = NewRequestId();
  EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                          "[0-9a-f]{12}"));
  EXPECT_THAT(NewRequestId(), Ne(id));
}

}  // namespace
}  // namespace caravan::client
