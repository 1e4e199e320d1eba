#include "services/common/store/store.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace caravan::store {

absl::StatusOr<Committed> Store::WriteAndWait(WriteBody body) {
  absl::Notification finished;
  absl::StatusOr<Committed> result;
  Write(std::move(body), [&](absl::StatusOr<Committed> outcome) {
    result = std::move(outcome);
    finished.Notify();
  });
  finished.WaitForNotification();
  return result;
}

}  // namespace caravan::store
