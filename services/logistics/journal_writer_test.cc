#include "services/logistics/journal_writer.h"

#include <gtest/gtest.h>

#include "caravan/logistics/v1/tracking.pb.h"
#include "services/logistics/keeper_messages.h"

namespace caravan::logistics {
namespace {

TrackingEvent FullEvent() {
  TrackingEvent event;
  event.carrier = "partners/line";
  event.id = "e-17";
  event.code = "PU";
  event.place = "Yiwu";
  event.time = absl::FromUnixMicros(1'722'593'700'123'456);
  event.receipt = absl::FromUnixSeconds(1'722'593'760);
  event.status = TrackingStatus::kDelivered;
  event.reason = TrackingReason::kCustoms;
  event.known = true;
  event.correction = 300;
  return event;
}

TEST(JournalWriterTest, WritesTheBytesOfTheMessages) {
  TrackingEvent empty;
  empty.time = absl::FromUnixMicros(-1);
  empty.receipt = absl::UnixEpoch();
  JournalWriter writer;
  std::string journal;
  v1::WatchEventsResponse response;
  for (const TrackingEvent& event : {FullEvent(), empty, FullEvent()}) {
    writer.Add("01j4abc", event, &journal);
    v1::WatchEventsResponse::Entry& entry = *response.add_entries();
    entry.set_parcel("parcels/01j4abc");
    SetMessage(event, entry.mutable_event());
  }
  EXPECT_EQ(journal, response.SerializeAsString());
}

// One that is added to the contract is written, or is here with the reason why not.
TEST(JournalWriterTest, WritesEveryField) {
  v1::ParcelEvent message;
  SetMessage(FullEvent(), &message);
  for (int i = 0; i < v1::ParcelEvent::descriptor()->field_count(); ++i) {
    const auto* field = v1::ParcelEvent::descriptor()->field(i);
    if (field->name() == "effect") continue;  // depends on the moment
    EXPECT_TRUE(message.GetReflection()->HasField(message, field)) << field->name();
  }
}

}  // namespace
}  // namespace caravan::logistics
