// The journal of a bucket as transactions append to it.
#pragma once

#include <string>
#include <string_view>

#include "services/logistics/event_set.h"
#include "services/logistics/pen.h"

namespace caravan::logistics {

// Adds entries to a row of the journal, which is a WatchEventsResponse: the bytes are those
// of SetMessage() (keeper_messages.h), written field by field without the message.
class JournalWriter {
 public:
  // An event of the parcel with this id.
  void Add(std::string_view id, const TrackingEvent& event, std::string* journal);

 private:
  Pen entry_, event_, time_;
};

}  // namespace caravan::logistics
