// Action items of exchange meetings: what must be true of one, and which are
// overdue.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "caravan/zones/v1/action_items.pb.h"
#include "caravan/zones/v1/exchange_meetings.pb.h"

namespace caravan::zones {

// Checks an action item as it will be stored on a day (yyyymmdd), beyond what its
// contract declares: its host is that of the meeting, and it was not completed
// in the future. INVALID_ARGUMENT names fields relative to the item.
absl::Status CheckActionItem(const v1::ActionItem& item, const v1::ExchangeMeeting& meeting,
                             int64_t today);

// Whether a change touches what only the host of the meeting may set: what is to
// be done, by whom and until when. `before` is null where the item is new.
bool ChangesTask(const v1::ActionItem* before, const v1::ActionItem& after);

// Counts overdue action items: one entry a zone is what it keeps.
class OverdueCounter {
 public:
  // Of a day, yyyymmdd.
  explicit OverdueCounter(int64_t day);

  void Add(const v1::ActionItem& item);

  v1::SummarizeOverdueActionItemsResponse Response() const;

 private:
  int64_t day_;
  std::map<std::string, v1::OverdueActionItems> zones_;
};

}  // namespace caravan::zones
