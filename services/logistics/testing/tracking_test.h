// A server of logistics on either engine, for tests of parcels and events through it.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "google/protobuf/text_format.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/logistics/logistics.h"

namespace caravan::logistics::testing {

template <class T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// A line-haul company `line`, couriers `poste` and `other`, a lane `hz-it` to Italy that
// the partnership `agreed` of `line` and `poste` serves with three working hours after the
// hub. It is noon of 2 August 2024 (UTC).
class TrackingTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  TrackingTest() {
    server_ = caravan::testing::TestServer::Start(
        {.definition = LogisticsDefinition(),
         .access = caravan::testing::PolicyOf(
             {{"users/admin", "*"},
              {"users/poste", "logistics.events.ingest", "partners/poste"},
              {"users/poste", "logistics.parcels.get", "partners/poste"},
              {"users/poste", "logistics.parcels.list", "partners/poste"},
              {"users/poste", "logistics.scorecards.compute", "partners/poste"},
              {"users/poste", "logistics.scorecards.query", "partners/poste"},
              {"users/poste", "logistics.parcels.create", "partners/poste"},
              {"users/line", "logistics.parcels.create", "partners/line"},
              {"users/other", "logistics.parcels.get", "partners/other"}}),
         .store = database_->url(),
         .clock = clock_.AsFunction(),
         .adjust = [](settings::ServerSettings& settings) {
           settings.add_peer("zones=unix:/nonexistent/zones.sock");
         }});
    Must<v1::TrackingVocabulary, v1::CreateTrackingVocabularyRequest>(
        "TrackingVocabularyService/CreateTrackingVocabulary",
        "tracking_vocabulary_id: 'plain' tracking_vocabulary { display_name: 'Plain' "
        "time_rule: 'UTC' codes { code: 'PU' status: PICKED_UP } "
        "codes { code: 'AR' status: ARRIVED_DESTINATION } "
        "codes { code: 'HB' status: ARRIVED_DELIVERY_HUB } "
        "codes { code: 'NO' status: DELIVERY_FAILED reason: NOBODY } "
        "codes { code: 'OK' status: DELIVERED } }");
    for (const char* partner : {"line", "poste", "other"}) {
      Must<v1::Partner, v1::CreatePartnerRequest>(
          "PartnerService/CreatePartner",
          absl::StrFormat("partner_id: '%s' partner { display_name: '%s' kinds: %s country: '%s' "
                          "tracking_vocabulary: 'trackingVocabularies/plain' }",
                          partner, partner,
                          partner == std::string("line") ? "LINE_HAUL_COMPANY" : "COURIER",
                          partner == std::string("line") ? "CN" : "IT"));
    }
    Must<v1::Lane, v1::CreateLaneRequest>(
        "LaneService/CreateLane",
        "lane_id: 'hz-it' lane { display_name: 'Zhejiang to Italy' province: 'CN-ZJ' "
        "destination_country: 'IT' mode: AIR time_zone: 'Europe/Rome' }");
    Must<v1::LoadPartnershipsResponse, v1::LoadPartnershipsRequest>(
        "PartnershipService/LoadPartnerships",
        "partnerships { name: 'partnerships/agreed' title: 'Agreed' "
        "line_haul_company: 'partners/line' courier: 'partners/poste' lanes: 'lanes/hz-it' "
        "start_date { year: 2024 month: 1 day: 1 } end_date { year: 2027 month: 1 day: 1 } "
        "standards { start: HUB duration: 48 unit: HOURS deadline_kind: INSTANT } "
        "dispute_window_days: 10 state: ACTIVE }");
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(const std::string& method, const std::string& request,
                                const std::string& principal = "users/admin") {
    return server_->Call<Response>(method, Parse<Request>(request), {.principal = principal});
  }
  template <class Response, class Request>
  Response Must(const std::string& method, const std::string& request) {
    absl::StatusOr<Response> response = Call<Response, Request>(method, request);
    EXPECT_THAT(response, caravan::testing::IsOk());
    return response.ok() ? *std::move(response) : Response();
  }

  // Announces a parcel with the number of its id at `line`.
  absl::StatusOr<v1::Parcel> Announce(const std::string& id, const std::string& more = "",
                                      const std::string& principal = "users/admin") {
    return Call<v1::Parcel, v1::CreateParcelRequest>(
        "ParcelService/CreateParcel",
        absl::StrCat("parcel_id: '", id, "' parcel { partnership: 'partnerships/agreed' ",
                     "lane: 'lanes/hz-it' tracking_numbers { carrier: 'partners/line' number: 'L",
                     id, "' } ", more, " }"),
        principal);
  }
  absl::StatusOr<v1::Parcel> Link(const std::string& id, const std::string& carrier,
                                  const std::string& number) {
    return Call<v1::Parcel, v1::LinkTrackingNumberRequest>(
        "ParcelService/LinkTrackingNumber",
        absl::StrCat("name: 'parcels/", id, "' carrier: '", carrier, "' tracking_number: '", number,
                     "'"));
  }
  static std::string Event(const std::string& number, const std::string& code,
                           const std::string& time) {
    return absl::StrCat("events { tracking_number: '", number, "' code: '", code, "' event_time: '",
                        time, "' } ");
  }
  absl::StatusOr<v1::IngestEventsResponse> Ingest(const std::string& carrier,
                                                  const std::string& events,
                                                  const std::string& principal = "users/admin") {
    return Call<v1::IngestEventsResponse, v1::IngestEventsRequest>(
        "TrackingService/IngestEvents", absl::StrCat("carrier: '", carrier, "' ", events),
        principal);
  }
  absl::StatusOr<v1::Parcel> Get(const std::string& id,
                                 const std::string& principal = "users/admin") {
    return Call<v1::Parcel, v1::GetParcelRequest>(
        "ParcelService/GetParcel", absl::StrCat("name: 'parcels/", id, "'"), principal);
  }
  absl::StatusOr<v1::Scorecard> OfCourier(const std::string& courier,
                                          const std::string& principal = "users/admin") {
    return Call<v1::Scorecard, v1::ComputeScorecardRequest>(
        "ScorecardService/ComputeScorecard",
        absl::StrCat("dimension: COURIER value: '", courier,
                     "' begin_date { year: 2024 month: 8 day: 1 }"),
        principal);
  }

  using EventStream = grpc::ClientReaderWriter<v1::StreamEventsRequest, v1::StreamEventsResponse>;
  std::unique_ptr<EventStream> OpenStream(grpc::ClientContext& context) {
    return OpenStream(context, *server_->caller().channel());
  }
  static std::unique_ptr<EventStream> OpenStream(grpc::ClientContext& context,
                                                 grpc::Channel& channel) {
    context.AddMetadata("caravan-principal", "users/admin");
    const grpc::internal::RpcMethod rpc("/caravan.logistics.v1.TrackingService/StreamEvents",
                                        grpc::internal::RpcMethod::BIDI_STREAMING);
    return std::unique_ptr<EventStream>(
        grpc::internal::ClientReaderWriterFactory<v1::StreamEventsRequest,
                                                  v1::StreamEventsResponse>::Create(&channel, rpc,
                                                                                    &context));
  }

  // The whole journey of an announced parcel, relabelled by poste as `P<id>`.
  void Travel(const std::string& id) {
    ASSERT_THAT(Ingest("partners/line", Event("L" + id, "PU", "2024-07-28T08:00:00Z") +
                                            Event("L" + id, "AR", "2024-07-30T08:00:00")),
                caravan::testing::IsOk());
    ASSERT_THAT(Link(id, "partners/poste", "P" + id), caravan::testing::IsOk());
    ASSERT_THAT(Ingest("partners/poste", Event("P" + id, "HB", "2024-07-31T06:00:00Z") +
                                             Event("P" + id, "OK", "2024-08-01T09:30:00Z")),
                caravan::testing::IsOk());
  }

  caravan::testing::TestClock clock_{
      absl::FromCivil(absl::CivilSecond(2024, 8, 2, 12, 0, 0), absl::UTCTimeZone())};
  std::unique_ptr<store::TestDatabase> database_ = GetParam().Create();
  std::unique_ptr<caravan::testing::TestServer> server_;
};

}  // namespace caravan::logistics::testing
