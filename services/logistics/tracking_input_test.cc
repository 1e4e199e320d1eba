// Input that is wrong or odd, and what is asked for in vain, through a real server: each is
// told of or counted, and disturbs nothing else.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "services/logistics/testing/tracking_test.h"

namespace caravan::logistics {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::Parse;
using ::testing::SizeIs;
using testing::TrackingTest;
using v1::Parcel;

class TrackingInputTest : public TrackingTest {
 protected:
  TrackingInputTest() {
    EXPECT_THAT(Announce("calm"), IsOk());
    Travel("calm");
    calm_ = Shown();
  }
  // Nothing of what the test has done has touched a parcel of its own.
  ~TrackingInputTest() override { EXPECT_EQ(Shown(), calm_); }

  std::string Shown() {
    auto parcel = Get("calm");
    EXPECT_THAT(parcel, IsOk());
    return parcel.ok() ? parcel->ShortDebugString() : "";
  }
  bool Exists(const std::string& id) { return Get(id).ok(); }

  std::string calm_;
};

INSTANTIATE_TEST_SUITE_P(Engines, TrackingInputTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

TEST_P(TrackingInputTest, EventsOfOddTimesAreKeptAndCounted) {
  // From before the parcel, of the future by an hour, behind the delivery, and a leg that
  // ends before it begins.
  ASSERT_THAT((Call<Parcel, v1::CreateParcelRequest>(
                  "ParcelService/CreateParcel",
                  "parcel_id: 'odd' parcel { partnership: 'partnerships/agreed' lane: "
                  "'lanes/hz-it' tracking_numbers { carrier: 'partners/line' number: 'Lodd' "
                  "begin_time { seconds: 1721952000 } } }")),  // 26 July
              IsOk());
  const auto told =
      Ingest("partners/line", Event("Lodd", "PU", "2024-07-20T08:00:00Z") +
                                  Event("Lodd", "PU", "2024-07-28T08:00:00Z") +
                                  Event("Lodd", "AR", "2024-07-27T08:00:00Z") +
                                  Event("Lodd", "OK", "2024-07-30T08:00:00Z") +
                                  Event("Lodd", "HB", "2024-07-31T08:00:00Z") +
                                  Event("Lodd", "NO", "2024-08-02T13:00:00Z") +
                                  Event("Lodd", "Lost in Ávila?", "2024-07-29T08:00:00Z"));
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->counts().added(), 7);
  EXPECT_EQ(told->counts().refused(), 0);
  EXPECT_EQ(told->counts().unknown_codes(), 1);
  const auto parcel = Get("odd");
  ASSERT_THAT(parcel, IsOk());
  EXPECT_EQ(parcel->state(), Parcel::DELIVERED);
  const v1::DataFaults& faults = parcel->data_faults();
  EXPECT_EQ(faults.before_parcel(), 1);
  EXPECT_EQ(faults.future_dated(), 1);
  EXPECT_EQ(faults.after_delivery(), 1);
  EXPECT_EQ(faults.negative_intervals(), 1);
  EXPECT_EQ(faults.unknown_codes(), 1);
  const auto card = OfCourier("partners/poste");
  ASSERT_THAT(card, IsOk());
  EXPECT_EQ(card->delivered(), 1);  // the calm one's; the odd one's was in July
}

TEST_P(TrackingInputTest, EventsBeforeTheirParcelOpenItAndAreClaimed) {
  const auto told = Ingest("partners/line", Event("Learly", "PU", "2024-07-28T08:00:00Z"));
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->counts().opened_parcels(), 1);
  const auto claimed = Announce("early");
  ASSERT_THAT(claimed, IsOk());
  EXPECT_EQ(claimed->event_count(), 1);
  EXPECT_EQ(claimed->state(), Parcel::UNDER_WAY);
}

TEST_P(TrackingInputTest, CarriersOutsideThePartnershipAnnounceNothing) {
  const std::string wrong =
      "parcel { partnership: 'partnerships/agreed' lane: 'lanes/hz-it' "
      "tracking_numbers { carrier: 'partners/other' number: 'X1' } }";
  EXPECT_THAT((Call<Parcel, v1::CreateParcelRequest>("ParcelService/CreateParcel",
                                                     "parcel_id: 'x' " + wrong)),
              FailsAt(StatusCode::kInvalidArgument, "CARRIER_NOT_IN_PARTNERSHIP",
                      Fields({"parcel.tracking_numbers[0].carrier"})));
  // Nor does a batch, in which others are well.
  EXPECT_THAT(
      (Call<v1::BatchCreateParcelsResponse, v1::BatchCreateParcelsRequest>(
          "ParcelService/BatchCreateParcels",
          "requests { parcel_id: 'well' parcel { tracking_numbers { carrier: 'partners/line' "
          "number: 'Lwell' } } } requests { parcel_id: 'x' " +
              wrong + " }")),
      FailsAt(StatusCode::kInvalidArgument, "CARRIER_NOT_IN_PARTNERSHIP",
              Fields({"requests[1].parcel.tracking_numbers[0].carrier"})));
  EXPECT_FALSE(Exists("well"));
  EXPECT_FALSE(Exists("x"));
}

TEST_P(TrackingInputTest, AParcelTakesAThousandOfTenThousandEvents) {
  v1::IngestEventsRequest request;
  request.set_carrier("partners/line");
  for (int i = 0; i < 9'999; ++i) {
    v1::TrackingEvent& event = *request.add_events();
    event.set_tracking_number("Lmany");
    event.set_event_id(absl::StrCat(i));
    event.set_code("PU");
    event.set_event_time("2024-07-28T08:00:00Z");
  }
  *request.add_events() = request.events(0);
  request.mutable_events(9'999)->set_tracking_number("Lone");
  const auto told =
      server_->Call<v1::IngestEventsResponse>("TrackingService/IngestEvents", request);
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->counts().added(), 1'001);
  EXPECT_EQ(told->counts().refused(), 8'999);
  ASSERT_THAT(told->problems(), SizeIs(1'000));
  EXPECT_EQ(told->problems(0).reason(), "TOO_MANY_EVENTS");
  for (const char* number : {"Lmany", "Lone"}) {
    const auto parcel = Call<Parcel, v1::LookUpParcelRequest>(
        "ParcelService/LookUpParcel",
        absl::StrCat("carrier: 'partners/line' tracking_number: '", number, "'"));
    ASSERT_THAT(parcel, IsOk());
    EXPECT_EQ(parcel->event_count(), number == std::string("Lone") ? 1 : 1'000);
  }
}

TEST_P(TrackingInputTest, BatchesThatAreTooLargeAreRefusedWhole) {
  v1::IngestEventsRequest request;
  request.set_carrier("partners/line");
  for (int i = 0; i <= 10'000; ++i) {
    *request.add_events() =
        Parse<v1::IngestEventsRequest>(Event("Lbig", "PU", "2024-07-28T08:00:00Z")).events(0);
  }
  EXPECT_THAT(server_->Call<v1::IngestEventsResponse>("TrackingService/IngestEvents", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"events"})));
  // In bytes.
  request.mutable_events()->DeleteSubrange(10, 9'991);
  for (v1::TrackingEvent& event : *request.mutable_events()) {
    event.set_place(std::string(500'000, 'x'));
  }
  EXPECT_EQ(server_->Call<v1::IngestEventsResponse>("TrackingService/IngestEvents", request)
                .status()
                .code(),
            StatusCode::kResourceExhausted);
  EXPECT_THAT(
      (Call<Parcel, v1::LookUpParcelRequest>("ParcelService/LookUpParcel",
                                             "carrier: 'partners/line' tracking_number: 'Lbig'")),
      Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_P(TrackingInputTest, ABatchThatIsWrongAsAWholeEndsTheStreamBehindThoseBefore) {
  for (const std::string wrong : {"carrier: 'partners/nobody'", "carrier: 'lanes/hz-it'",
                                  "carrier: 'partners/line' position: -1"}) {
    grpc::ClientContext context;
    const auto stream = OpenStream(context);
    const std::string number = absl::StrCat("L", wrong.size());
    stream->Write(Parse<v1::StreamEventsRequest>(
        absl::StrCat("carrier: 'partners/line' ", Event(number, "PU", "2024-07-28T08:00:00Z"))));
    stream->Write(Parse<v1::StreamEventsRequest>(
        absl::StrCat(wrong, " ", Event("Lwrong", "PU", "2024-07-28T08:00:00Z"))));
    v1::StreamEventsResponse response;
    ASSERT_TRUE(stream->Read(&response)) << wrong;
    EXPECT_EQ(response.counts().added(), 1);
    EXPECT_FALSE(stream->Read(&response)) << wrong;
    const grpc::StatusCode code = stream->Finish().error_code();
    EXPECT_TRUE(code == grpc::StatusCode::NOT_FOUND || code == grpc::StatusCode::INVALID_ARGUMENT)
        << wrong << " " << code;
  }
}

// Acknowledgements that are not read hold up what comes behind, and nothing gathers.
TEST_P(TrackingInputTest, AStreamThatReadsNoAcknowledgementsIsHeldUp) {
  constexpr int kBatches = 2'000;
  // Each is refused event by event, so that an acknowledgement has some hundred kilobytes.
  v1::StreamEventsRequest batch;
  batch.set_carrier("partners/line");
  batch.set_source("unread");
  for (int i = 0; i < 1'000; ++i) {
    v1::TrackingEvent& event = *batch.add_events();
    event.set_tracking_number("Lunread");
    event.set_code("PU");
    event.set_event_time("tomorrow");
  }
  // With a window that does not grow: what the client's transport takes is not the server's.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto channel =
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(3));
  const auto stream = OpenStream(context, *channel);
  int written = 0;
  do {
    batch.set_position(++written);
  } while (written <= kBatches && stream->Write(batch));
  EXPECT_LT(written, kBatches);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const auto cursor = Call<v1::Cursor, v1::GetCursorRequest>(
      "TrackingService/GetCursor", "carrier: 'partners/line' source: 'unread'");
  ASSERT_THAT(cursor, IsOk());
  EXPECT_GT(cursor->position(), 0);
  EXPECT_LT(cursor->position(), 150);
}

TEST_P(TrackingInputTest, WhatIsOnlyCheckedChangesNothing) {
  const std::string parcel =
      "parcel { partnership: 'partnerships/agreed' lane: 'lanes/hz-it' "
      "tracking_numbers { carrier: 'partners/line' number: 'Lchecked' } } ";
  const auto created = Call<Parcel, v1::CreateParcelRequest>(
      "ParcelService/CreateParcel", "parcel_id: 'checked' validate_only: true " + parcel);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->courier(), "partners/poste");
  EXPECT_FALSE(Exists("checked"));
  const auto one = [&](const std::string& id, bool checks) {
    return absl::StrCat(
        "requests { parcel_id: '", id, "' validate_only: ", checks ? "true" : "false",
        " parcel { tracking_numbers { carrier: 'partners/line' number: 'L", id, "' } } } ");
  };
  const auto batch = [&](const std::string& requests) {
    return Call<v1::BatchCreateParcelsResponse, v1::BatchCreateParcelsRequest>(
        "ParcelService/BatchCreateParcels", requests);
  };
  EXPECT_THAT(batch(one("b1", true) + one("b2", true)), IsOk());
  EXPECT_THAT(batch(one("b1", false) + one("b2", true)),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"requests[1].validate_only"})));
  EXPECT_FALSE(Exists("b1"));
  EXPECT_FALSE(Exists("b2"));
  EXPECT_THAT((Call<Parcel, v1::UpdateParcelRequest>(
                  "ParcelService/UpdateParcel",
                  "parcel { name: 'parcels/calm' postal_code: '00100' } validate_only: true")),
              IsOk());
  const auto linked = Call<Parcel, v1::LinkTrackingNumberRequest>(
      "ParcelService/LinkTrackingNumber",
      "name: 'parcels/calm' carrier: 'partners/poste' tracking_number: 'P2' validate_only: true");
  ASSERT_THAT(linked, IsOk());
  EXPECT_THAT(linked->tracking_numbers(), SizeIs(3));
  // What would fail, fails.
  EXPECT_THAT((Call<Parcel, v1::CreateParcelRequest>(
                  "ParcelService/CreateParcel", "parcel_id: 'calm' validate_only: true " + parcel)),
              Fails(StatusCode::kAlreadyExists, "PARCEL_EXISTS"));
}

TEST_P(TrackingInputTest, WhoIsNotPermittedAnnouncesAndLinksNothing) {
  EXPECT_THAT(Announce("mine", "", "users/poste"), IsOk());  // as its courier
  for (const std::string principal : {"users/other", "users/nobody"}) {
    EXPECT_THAT(Announce("theirs", "", principal),
                Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT((Call<Parcel, v1::UpdateParcelRequest>(
                    "ParcelService/UpdateParcel",
                    "parcel { name: 'parcels/calm' postal_code: '00100' }", principal)),
                Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT(
        (Call<Parcel, v1::LinkTrackingNumberRequest>(
            "ParcelService/LinkTrackingNumber",
            "name: 'parcels/calm' carrier: 'partners/poste' tracking_number: 'P9'", principal)),
        Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT(Ingest("partners/line", Event("Lcalm", "NO", "2024-07-31T10:00:00Z"), principal),
                Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  }
  EXPECT_FALSE(Exists("theirs"));
  EXPECT_THAT((Call<Parcel, v1::LookUpParcelRequest>(
                  "ParcelService/LookUpParcel", "carrier: 'partners/poste' tracking_number: 'P9'")),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace caravan::logistics
