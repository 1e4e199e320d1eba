// Parcels, events and scorecards through a real server.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/logistics/event_feed.h"
#include "services/logistics/testing/tracking_test.h"

namespace caravan::logistics {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using google::protobuf::util::TimeUtil;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Parse;
using ::testing::SizeIs;
using testing::TrackingTest;
using v1::Parcel;

INSTANTIATE_TEST_SUITE_P(Engines, TrackingTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

TEST_P(TrackingTest, AParcelIsWhatItsEventsSay) {
  ASSERT_THAT(Announce("a"), IsOk());
  EXPECT_EQ(Get("a")->state(), Parcel::ANNOUNCED);
  Travel("a");
  const auto parcel = Get("a");
  ASSERT_THAT(parcel, IsOk());
  EXPECT_EQ(parcel->state(), Parcel::DELIVERED);
  EXPECT_EQ(parcel->courier(), "partners/poste");
  EXPECT_EQ(parcel->line_haul_company(), "partners/line");
  EXPECT_EQ(parcel->destination_country(), "IT");
  EXPECT_THAT(parcel->tracking_numbers(), SizeIs(2));
  EXPECT_EQ(TimeUtil::ToString(parcel->hand_over_time()), "2024-07-28T08:00:00Z");
  EXPECT_EQ(TimeUtil::ToString(parcel->deadline_time()), "2024-08-02T06:00:00Z");
  EXPECT_TRUE(parcel->due());
  EXPECT_TRUE(parcel->on_time());
  ASSERT_THAT(parcel->legs(), SizeIs(3));
  EXPECT_EQ(parcel->legs(0).leg(), v1::LINE_HAUL);
  EXPECT_EQ(parcel->legs(0).seconds(), 48 * 3600);
  EXPECT_EQ(parcel->event_count(), 4);

  const auto events = Call<v1::ListParcelEventsResponse, v1::ListParcelEventsRequest>(
      "ParcelService/ListParcelEvents", "parent: 'parcels/a'");
  ASSERT_THAT(events, IsOk());
  ASSERT_THAT(events->events(), SizeIs(4));
  EXPECT_EQ(events->events(3).status(), v1::DELIVERED);
  EXPECT_EQ(events->events(3).effect(), v1::ParcelEvent::TAKES_PART);

  const auto found = Call<Parcel, v1::LookUpParcelRequest>(
      "ParcelService/LookUpParcel", "carrier: 'partners/poste' tracking_number: 'Pa'");
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->name(), "parcels/a");
}

TEST_P(TrackingTest, ScorecardsAreRightWithEachEvent) {
  ASSERT_THAT(Announce("a"), IsOk());
  ASSERT_THAT(Announce("b"), IsOk());
  Travel("a");
  Travel("b");
  auto card = OfCourier("partners/poste");
  ASSERT_THAT(card, IsOk());
  EXPECT_EQ(card->delivered(), 2);
  EXPECT_EQ(card->due(), 2);
  EXPECT_EQ(card->on_time(), 2);
  EXPECT_EQ(card->first_attempt(), 2);
  // A failure that is told of later, from before the delivery.
  ASSERT_THAT(Ingest("partners/poste", Event("Pa", "NO", "2024-08-01T08:00:00Z")), IsOk());
  card = OfCourier("partners/poste");
  EXPECT_EQ(card->attempted(), 2);
  EXPECT_EQ(card->first_attempt(), 1);

  const auto rows = Call<v1::QueryScorecardsResponse, v1::QueryScorecardsRequest>(
      "ScorecardService/QueryScorecards",
      "dimension: LANE granularity: MONTH begin_date { year: 2024 month: 7 day: 15 } "
      "end_date { year: 2024 month: 8 day: 2 }");
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT(rows->scorecards(), SizeIs(2));
  EXPECT_EQ(rows->scorecards(0).value(), "lanes/hz-it");
  EXPECT_EQ(rows->scorecards(0).begin_date().month(), 7);
  EXPECT_EQ(rows->scorecards(0).handed_over(), 2);
  EXPECT_EQ(rows->scorecards(1).begin_date().month(), 8);
  EXPECT_EQ(rows->scorecards(1).delivered(), 2);

  const auto comparison = Call<v1::CompareCouriersResponse, v1::CompareCouriersRequest>(
      "ScorecardService/CompareCouriers",
      "lane: 'lanes/hz-it' rate: ON_TIME begin_date { year: 2024 month: 8 day: 1 } "
      "end_date { year: 2024 month: 9 day: 1 }");
  ASSERT_THAT(comparison, IsOk());
  ASSERT_THAT(comparison->rows(), SizeIs(1));
  EXPECT_EQ(comparison->rows(0).courier(), "partners/poste");
  EXPECT_EQ(comparison->summary(), "Only partners/poste had parcels on this lane.");
}

TEST_P(TrackingTest, WhatWasTakenInIsThereAfterARestart) {
  ASSERT_THAT(Announce("a"), IsOk());
  Travel("a");
  const std::string before = OfCourier("partners/poste")->ShortDebugString();
  server_->Restart();
  EXPECT_EQ(Get("a")->state(), Parcel::DELIVERED);
  EXPECT_EQ(OfCourier("partners/poste")->ShortDebugString(), before);
  // The same again changes nothing.
  const auto again = Ingest("partners/poste", Event("Pa", "OK", "2024-08-01T09:30:00Z"));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->counts().known(), 1);
  EXPECT_EQ(again->counts().added(), 0);
}

TEST_P(TrackingTest, EventsThatAreWrongAreRefusedByThemselves) {
  ASSERT_THAT(Announce("a"), IsOk());
  const auto answer = Ingest("partners/line", Event("La", "PU", "yesterday") +
                                                  Event("", "PU", "2024-07-28T08:00:00Z") +
                                                  Event("La", "??", "2024-07-28T08:00:00Z") +
                                                  Event("La", "OK", "2024-08-09T08:00:00Z") +
                                                  Event("Nobody", "PU", "2024-07-28T08:00:00Z"));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->counts().added(), 2);
  EXPECT_EQ(answer->counts().refused(), 3);
  EXPECT_EQ(answer->counts().unknown_codes(), 1);
  EXPECT_EQ(answer->counts().opened_parcels(), 1);
  ASSERT_THAT(answer->problems(), SizeIs(3));
  EXPECT_EQ(answer->problems(0).index(), 0);
  EXPECT_EQ(answer->problems(0).reason(), "INVALID_EVENT_TIME");
  EXPECT_THAT(answer->problems(0).message(), HasSubstr("yesterday"));
  EXPECT_EQ(answer->problems(1).reason(), "INVALID_TRACKING_NUMBER");
  EXPECT_EQ(answer->problems(2).index(), 3);
  EXPECT_EQ(answer->problems(2).reason(), "EVENT_TOO_FAR_AHEAD");

  const auto codes = Call<v1::ListUnknownCodesResponse, v1::ListUnknownCodesRequest>(
      "TrackingService/ListUnknownCodes", "parent: 'partners/line'");
  ASSERT_THAT(codes, IsOk());
  ASSERT_THAT(codes->codes(), SizeIs(1));
  EXPECT_EQ(codes->codes(0).code(), "??");
}

TEST_P(TrackingTest, WhoIsNotPermittedSeesAndDoesNothing) {
  ASSERT_THAT(Announce("a"), IsOk());
  Travel("a");
  EXPECT_THAT(Get("a", "users/poste"), IsOk());  // as the courier of the parcel
  EXPECT_THAT(Get("a", "users/other"), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Get("nobody", "users/other"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Get("nobody"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Ingest("partners/line", Event("La", "OK", "2024-08-01T10:00:00Z"), "users/poste"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(OfCourier("partners/poste", "users/poste"), IsOk());
  EXPECT_THAT(OfCourier("partners/other", "users/poste"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Announce("b", "", "users/line"), IsOk());
  EXPECT_THAT(Announce("c", "", "users/other"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  const auto list = Call<v1::ListParcelsResponse, v1::ListParcelsRequest>(
      "ParcelService/ListParcels", "filter: 'state = DELIVERED'", "users/poste");
  ASSERT_THAT(list, IsOk());
  EXPECT_THAT(list->parcels(), SizeIs(1));
}

TEST_P(TrackingTest, ACourierOutsideThePartnershipGetsNoNumber) {
  ASSERT_THAT(Announce("a"), IsOk());
  EXPECT_THAT(
      Link("a", "partners/other", "X1"),
      FailsAt(StatusCode::kInvalidArgument, "CARRIER_NOT_IN_PARTNERSHIP", Fields({"carrier"})));
  EXPECT_THAT(Get("a")->tracking_numbers(), SizeIs(1));
}

TEST_P(TrackingTest, AStreamAcknowledgesEachBatchAndCanBeResumed) {
  grpc::ClientContext context;
  const std::unique_ptr<EventStream> stream = OpenStream(context);
  for (int i = 1; i <= 20; ++i) {
    stream->Write(Parse<v1::StreamEventsRequest>(
        absl::StrCat("carrier: 'partners/line' source: 'file-1' position: ", i, " ",
                     Event(absl::StrCat("N", i), "PU", "2024-07-28T08:00:00Z"))));
  }
  stream->WritesDone();
  v1::StreamEventsResponse response;
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.position(), i);
    EXPECT_EQ(response.counts().added(), 1);
  }
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
  const auto cursor = Call<v1::Cursor, v1::GetCursorRequest>(
      "TrackingService/GetCursor", "carrier: 'partners/line' source: 'file-1'");
  ASSERT_THAT(cursor, IsOk());
  EXPECT_EQ(cursor->position(), 20);
}

TEST_P(TrackingTest, AWatchedParcelIsSentWhenItChanges) {
  ASSERT_THAT(Announce("a"), IsOk());
  grpc::ClientContext context;
  auto watch = server_->caller().Stream<Parcel>(
      "ParcelService/WatchParcel", Parse<v1::WatchParcelRequest>("name: 'parcels/a'"), context);
  Parcel parcel;
  ASSERT_TRUE(watch->Read(&parcel));
  EXPECT_EQ(parcel.state(), Parcel::ANNOUNCED);
  Travel("a");
  while (parcel.state() != Parcel::DELIVERED) ASSERT_TRUE(watch->Read(&parcel));
  EXPECT_EQ(parcel.event_count(), 4);
  context.TryCancel();
}

TEST_P(TrackingTest, TheFeedOfEventsGoesOnWhereItWasLeft) {
  ASSERT_THAT(Announce("a"), IsOk());
  ASSERT_THAT(Ingest("partners/line", Event("La", "PU", "2024-07-28T08:00:00Z")), IsOk());
  ASSERT_THAT(Ingest("partners/line", Event("La", "AR", "2024-07-30T08:00:00Z")), IsOk());
  v1::WatchEventsRequest from;
  from.set_position(EncodePosition({0}));  // the beginning of the only bucket
  std::string position;
  {
    grpc::ClientContext context;
    auto feed = server_->caller().Stream<v1::WatchEventsResponse>("TrackingService/WatchEvents",
                                                                  from, context);
    v1::WatchEventsResponse response;
    ASSERT_TRUE(feed->Read(&response));
    EXPECT_EQ(response.entries(0).parcel(), "parcels/a");
    EXPECT_EQ(response.entries(0).event().code(), "PU");
    position = response.position();
    context.TryCancel();
  }
  ASSERT_THAT(Ingest("partners/line", Event("La", "OK", "2024-08-01T08:00:00Z")), IsOk());
  v1::WatchEventsRequest request;
  request.set_position(position);
  grpc::ClientContext context;
  auto feed = server_->caller().Stream<v1::WatchEventsResponse>("TrackingService/WatchEvents",
                                                                request, context);
  v1::WatchEventsResponse response;
  ASSERT_TRUE(feed->Read(&response));
  EXPECT_EQ(response.entries(0).event().code(), "AR");
  ASSERT_TRUE(feed->Read(&response));
  EXPECT_EQ(response.entries(0).event().code(), "OK");
  context.TryCancel();

  request.set_position("nonsense");
  grpc::ClientContext refused;
  auto none = server_->caller().Stream<v1::WatchEventsResponse>("TrackingService/WatchEvents",
                                                                request, refused);
  EXPECT_FALSE(none->Read(&response));
  EXPECT_EQ(none->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(TrackingTest, BadRequestsSayWhatIsWrong) {
  EXPECT_THAT(OfCourier("lanes/hz-it"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"value"})));
  EXPECT_THAT((Call<Parcel, v1::UpdateParcelRequest>(
                  "ParcelService/UpdateParcel",
                  "parcel { name: 'parcels/a' } update_mask { paths: 'state' }")),
              Fails(StatusCode::kInvalidArgument, "INVALID_UPDATE_MASK"));
  EXPECT_THAT((Call<v1::ListParcelsResponse, v1::ListParcelsRequest>("ParcelService/ListParcels",
                                                                     "page_token: 'x'")),
              Fails(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
  EXPECT_THAT(Ingest("partners/unknown", Event("x", "PU", "2024-07-28T08:00:00Z")),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  // A reference to another service that is away: nothing is written.
  EXPECT_THAT(Announce("d", "seller: 'enterprises/91330100ma27w1yp7x'"),
              Fails(StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
  EXPECT_THAT(Get("d"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace caravan::logistics
