// Action items against the closing of their meeting, at the same time, through
// a real server on both engines.
#include <memory>
#include <string>
#include <thread>

#include "caravan/zones/v1/action_items.pb.h"
#include "caravan/zones/v1/exchange_meetings.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/zones/testing/messages.h"
#include "services/zones/zones.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::IsOk;
using caravan::testing::TestServer;
using zones::testing::Parse;

constexpr int kRounds = 40;

class ClosingMeetingsTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  ClosingMeetingsTest()
      : database_(GetParam().Create()),
        server_(TestServer::Start(
            {.definition = ZonesDefinition(), .store = database_->url(), .adjust = nullptr})) {}

  template <class Response, class Request>
  absl::Status Call(const std::string& method, const std::string& request) {
    return server_->Call<Response>(method, Parse<Request>(request)).status();
  }

  const std::unique_ptr<store::TestDatabase> database_;
  const std::unique_ptr<TestServer> server_;
};

TEST_P(ClosingMeetingsTest, NoActionItemSlipsIn) {
  ASSERT_THAT((Call<v1::PilotZone, v1::CreatePilotZoneRequest>(
                  "PilotZoneService/CreatePilotZone",
                  "pilot_zone_id: 'hangzhou' pilot_zone { display_name: 'Hangzhou' batch: 1 "
                  "approval_date { year: 2015 } province: 'CN-ZJ' }")),
              IsOk());
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_THAT((Call<v1::LoadExchangeMeetingsResponse, v1::LoadExchangeMeetingsRequest>(
                    "ExchangeMeetingService/LoadExchangeMeetings",
                    "exchange_meetings { name: 'exchangeMeetings/m' title: 'M' "
                    "host_zone: 'pilotZones/hangzhou' start_date { year: 2024 } "
                    "end_date { year: 2024 } state: HELD }")),
                IsOk());
    absl::Status added;
    std::thread adding([&] {
      added = Call<v1::ActionItem, v1::CreateActionItemRequest>(
          "ActionItemService/CreateActionItem",
          "parent: 'exchangeMeetings/m' action_item_id: 'a' action_item { title: 'T' "
          "host_zone: 'pilotZones/hangzhou' pilot_zone: 'pilotZones/hangzhou' "
          "due_date { year: 2025 } }");
    });
    const absl::Status closed = Call<v1::ExchangeMeeting, v1::CloseExchangeMeetingRequest>(
        "ExchangeMeetingService/CloseExchangeMeeting",
        "name: 'exchangeMeetings/m' closing_date { year: 2025 }");
    adding.join();
    if (!added.ok()) {
      EXPECT_THAT(added, Fails(StatusCode::kFailedPrecondition, "MEETING_CLOSED"));
      EXPECT_THAT(closed, IsOk());
      continue;
    }
    EXPECT_THAT(closed, Fails(StatusCode::kFailedPrecondition, "ACTION_ITEMS_OPEN"));
    ASSERT_THAT(
        (Call<google::protobuf::Empty, v1::DeleteActionItemRequest>(
            "ActionItemService/DeleteActionItem", "name: 'exchangeMeetings/m/actionItems/a'")),
        IsOk());
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, ClosingMeetingsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
