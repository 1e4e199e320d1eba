// What time does to parcels and the feed, through the services, on both engines.
#include "services/logistics/parcel_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/partners.service.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "google/protobuf/text_format.h"
#include "services/common/store/open_store.h"
#include "services/common/store/testing.h"
#include "services/common/telemetry/metrics.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/logistics/event_feed.h"
#include "services/logistics/logistics.h"
#include "services/logistics/parcels_service.h"
#include "services/logistics/scorecards_service.h"
#include "services/logistics/tracking_service.h"

namespace caravan::logistics {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::IsOk;
using ::testing::HasSubstr;
using v1::Parcel;

constexpr absl::Duration kDay = absl::Hours(24);

// A courier `poste`, whose codes nobody knows. It is noon of 2 August 2024 (UTC).
class ParcelHostTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  ParcelHostTest() : database_(GetParam().Create()) {
    host::ServiceDefinition definition = LogisticsDefinition();
    definition.services = [this](const host::Dependencies& dependencies)
        -> absl::StatusOr<std::vector<std::unique_ptr<rpc::Service>>> {
      auto parcels = ParcelHost::Open(dependencies, {.feed = 30 * kDay, .parcels = 400 * kDay});
      if (!parcels.ok()) return parcels.status();
      parcels_ = *parcels;
      metrics_ = &dependencies.metrics;
      std::vector<std::unique_ptr<rpc::Service>> services;
      services.push_back(std::make_unique<v1::PartnerServiceHandlers>());
      services.push_back(std::make_unique<ParcelsService>(*parcels));
      services.push_back(std::make_unique<ScorecardsService>(*parcels, dependencies.operations));
      services.push_back(std::make_unique<TrackingService>(*parcels));
      return services;
    };
    server_ = caravan::testing::TestServer::Start(
        {.definition = definition,
         .access = caravan::testing::PolicyOf({{"users/admin", "*"}}),
         .store = database_->url(),
         .clock = clock_.AsFunction(),
         .adjust = [](settings::ServerSettings& settings) {
           settings.add_peer("zones=unix:/nonexistent/zones.sock");
         }});
    EXPECT_THAT((Call<v1::Partner, v1::CreatePartnerRequest>(
                    "PartnerService/CreatePartner",
                    "partner_id: 'poste' partner { display_name: 'Poste' kinds: COURIER "
                    "country: 'IT' time_rule: 'UTC' }")),
                IsOk());
  }
  ~ParcelHostTest() override {
    server_.reset();
    parcels_.reset();
    if (!absl::StartsWith(database_->url(), "postgresql:")) return;
    // The schema of parcels is beside that of the registers.
    const store::PostgresLocation location = store::ParsePostgresUrl(database_->url());
    PGconn* connection = PQconnectdb(location.conninfo.c_str());
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
    PQclear(PQexec(connection,
                   absl::StrCat("DROP SCHEMA ", location.schema, "_parcels CASCADE").c_str()));
    PQfinish(connection);
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(const std::string& method, const std::string& text) {
    Request request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    return server_->Call<Response>(method, request);
  }
  absl::StatusOr<v1::IngestEventsResponse> Ingest(const std::string& number,
                                                  const std::string& time) {
    return Call<v1::IngestEventsResponse, v1::IngestEventsRequest>(
        "TrackingService/IngestEvents",
        absl::StrCat("carrier: 'partners/poste' events { tracking_number: '", number,
                     "' code: 'OK' event_time: '", time, "' }"));
  }
  absl::StatusOr<Parcel> LookUp(const std::string& number) {
    return Call<Parcel, v1::LookUpParcelRequest>(
        "ParcelService/LookUpParcel",
        absl::StrCat("carrier: 'partners/poste' tracking_number: '", number, "'"));
  }
  int64_t Counted() {
    const auto scorecard = Call<v1::Scorecard, v1::ComputeScorecardRequest>(
        "ScorecardService/ComputeScorecard",
        "dimension: COURIER value: 'partners/poste' begin_date { year: 2024 month: 8 day: 1 } "
        "end_date { year: 2024 month: 9 day: 1 }");
    EXPECT_THAT(scorecard, IsOk());
    return scorecard.ok() ? scorecard->information() : -1;
  }
  // The first that the feed has behind a position.
  absl::StatusOr<v1::WatchEventsResponse> Watch(const std::string& position) {
    v1::WatchEventsRequest request;
    request.set_position(position);
    grpc::ClientContext context;
    auto feed = server_->caller().Stream<v1::WatchEventsResponse>("TrackingService/WatchEvents",
                                                                  request, context);
    v1::WatchEventsResponse response;
    if (feed->Read(&response)) {
      context.TryCancel();
      return response;
    }
    return caravan::testing::FromGrpc(feed->Finish());
  }
  // The beginning of the feed.
  std::string Beginning() {
    return EncodePosition(
        std::vector<int64_t>(static_cast<size_t>(parcels_->store().buckets()), 0));
  }
  void GoOn(absl::Duration by) {
    clock_.Advance(by);
    parcels_->Pulse();
  }

  caravan::testing::TestClock clock_{
      absl::FromCivil(absl::CivilSecond(2024, 8, 2, 12, 0, 0), absl::UTCTimeZone())};
  std::unique_ptr<store::TestDatabase> database_;
  std::shared_ptr<ParcelHost> parcels_;
  telemetry::Metrics* metrics_ = nullptr;
  std::unique_ptr<caravan::testing::TestServer> server_;
};

INSTANTIATE_TEST_SUITE_P(Engines, ParcelHostTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

TEST_P(ParcelHostTest, WhatHasExpiredIsDeletedAndScorecardsStay) {
  ASSERT_THAT(Ingest("OLD", "2024-08-01T10:00:00Z"), IsOk());
  const auto first = Watch(Beginning());
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->entries(0).event().code(), "OK");

  // A few days later all of it is there.
  GoOn(20 * kDay);
  EXPECT_THAT(Watch(Beginning()), IsOk());
  // The feed goes, by months at the latest.
  GoOn(50 * kDay);
  EXPECT_THAT(Watch(Beginning()), Fails(StatusCode::kOutOfRange, "POSITION_EXPIRED"));
  ASSERT_THAT(Ingest("NEW", "2024-10-10T10:00:00Z"), IsOk());
  const auto next = Watch(first->position());
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(next->entries(0).event().event_time().seconds(), 1728554400);
  EXPECT_THAT(LookUp("OLD"), IsOk());
  EXPECT_EQ(Counted(), 1);

  // Then the parcel, but not that which is younger.
  GoOn(340 * kDay);
  EXPECT_THAT(LookUp("OLD"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(LookUp("NEW"), IsOk());
  EXPECT_EQ(Counted(), 1);
  EXPECT_THAT(metrics_->ToText(), HasSubstr("caravan_tracking_expired_total{kind=\"parcel\"} 1"));
  EXPECT_THAT(metrics_->ToText(), HasSubstr("caravan_tracking_expired_total{kind=\"feed\"} "));

  // What is told of the old one again counts no second time, also behind a restart.
  for (const bool restarted : {false, true}) {
    if (restarted) {
      parcels_.reset();
      server_->Restart();
    }
    const auto again = Ingest("OLD", "2024-08-01T10:00:00Z");
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->counts().refused(), 1);
    ASSERT_EQ(again->problems_size(), 1);
    EXPECT_EQ(again->problems(0).reason(), "EVENT_TOO_OLD");
    EXPECT_EQ(Counted(), 1);
  }
}

// A sweep has found nothing that expires soon; then came what is older. The next one comes
// after a month, and learns of it.
TEST_P(ParcelHostTest, WhatIsToldOfDaysGoneByIsFoundByTheNextSweep) {
  ASSERT_THAT(Ingest("NEW", "2024-08-01T10:00:00Z"), IsOk());
  GoOn(kDay);
  ASSERT_THAT(Ingest("LATE", "2023-08-04T10:00:00Z"), IsOk());
  GoOn(30 * kDay);
  EXPECT_THAT(LookUp("LATE"), IsOk());
  // 400 days have passed since.
  GoOn(8 * kDay);
  EXPECT_THAT(LookUp("LATE"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(LookUp("NEW"), IsOk());
}

TEST_P(ParcelHostTest, AParcelThatIsNotSettledStays) {
  // Nothing came of it for 30 days: it is silent, and counted so. Only behind that does the
  // time of its retention run.
  ASSERT_THAT(Ingest("SILENT", "2024-08-01T10:00:00Z"), IsOk());
  GoOn(10 * kDay);
  ASSERT_THAT(Ingest("SILENT", "2024-08-11T10:00:00Z"), IsOk());
  GoOn(391 * kDay);
  EXPECT_THAT(LookUp("SILENT"), IsOk());
  GoOn(40 * kDay);
  EXPECT_THAT(LookUp("SILENT"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(Counted(), 2);
}

}  // namespace
}  // namespace caravan::logistics
