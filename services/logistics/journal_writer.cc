#include "services/logistics/journal_writer.h"

#include "caravan/logistics/v1/tracking.pb.h"
#include "services/logistics/keeper_messages.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

using Entry = v1::WatchEventsResponse::Entry;
using Event = v1::ParcelEvent;

// Fields that have their default are left out, as protobuf does.
void AppendNumber(int field, int64_t number, Pen* out) {
  if (number == 0) return;
  AppendVarint(static_cast<uint64_t>(field) << 3, out);
  AppendVarint(static_cast<uint64_t>(number), out);
}

// A message that is there though it may be empty.
template <class Out>
void AppendMessage(int field, std::string_view bytes, Out* out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

void AppendText(int field, std::string_view text, Pen* out) {
  if (!text.empty()) AppendMessage(field, text, out);
}

void AppendTimestamp(int field, absl::Time time, Pen* scratch, Pen* out) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  scratch->clear();
  AppendNumber(google::protobuf::Timestamp::kSecondsFieldNumber, seconds, scratch);
  AppendNumber(google::protobuf::Timestamp::kNanosFieldNumber,
               (time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1), scratch);
  AppendMessage(field, scratch->written(), out);
}

}  // namespace

void JournalWriter::Add(std::string_view id, const TrackingEvent& event, std::string* journal) {
  event_.clear();
  AppendText(Event::kCarrierFieldNumber, event.carrier, &event_);
  AppendText(Event::kEventIdFieldNumber, event.id, &event_);
  AppendText(Event::kCodeFieldNumber, event.code, &event_);
  AppendText(Event::kPlaceFieldNumber, event.place, &event_);
  AppendTimestamp(Event::kEventTimeFieldNumber, event.time, &time_, &event_);
  AppendTimestamp(Event::kReceiptTimeFieldNumber, event.receipt, &time_, &event_);
  AppendNumber(Event::kStatusFieldNumber, static_cast<int>(event.status) + 1, &event_);
  AppendNumber(Event::kReasonFieldNumber, static_cast<int>(event.reason), &event_);
  AppendNumber(Event::kKnownFieldNumber, event.known ? 1 : 0, &event_);
  AppendNumber(Event::kCorrectionFieldNumber, event.correction, &event_);

  entry_.clear();
  AppendVarint(Entry::kParcelFieldNumber << 3 | 2, &entry_);
  AppendVarint(kParcelPrefix.size() + id.size(), &entry_);
  entry_.append(kParcelPrefix);
  entry_.append(id);
  AppendMessage(Entry::kEventFieldNumber, event_.written(), &entry_);
  AppendMessage(v1::WatchEventsResponse::kEntriesFieldNumber, entry_.written(), journal);
}

}  // namespace caravan::logistics
