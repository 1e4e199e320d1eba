// Whatever bytes the store has as a record of a parcel, a tracking number, what a parcel has
// added, or of changes and scorecards: they are refused as damaged, or are what their own
// bytes say again. So nothing that was read differs from what is written.
#include <cstdlib>
#include <string>
#include <string_view>

#include "services/common/api/errors.h"
#include "services/logistics/contribution.h"
#include "services/logistics/number_uses.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/parcel_record.h"
#include "services/logistics/scorecard.h"
#include "services/logistics/scorecard_book.h"

namespace {

// What was read is written in the same bytes each time.
template <class T>
void Check(std::string_view bytes) {
  const absl::StatusOr<T> read = T::Parse(bytes);
  if (!read.ok()) {
    if (!absl::IsDataLoss(read.status()) || caravan::api::ReasonOf(read.status()).empty()) abort();
    return;
  }
  const std::string written = read->Serialize();
  const absl::StatusOr<T> again = T::Parse(written);
  if (!again.ok() || again->Serialize() != written) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caravan::logistics;  // NOLINT(build/namespaces)
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: {
      Check<ParcelRecord>(bytes);
      // A course follows from any events.
      const absl::StatusOr<ParcelRecord> record = ParcelRecord::Parse(bytes);
      if (!record.ok()) break;
      Terms terms;
      terms.begin = record->Begin();
      const Course course = TrackCourse(record->events, terms, absl::FromUnixSeconds(1722600000));
      Check<Contribution>(Contribution::Of(course, terms.zone).Serialize());
      break;
    }
    case 1:
      Check<NumberUses>(bytes);
      break;
    case 2:
      Check<Contribution>(bytes);
      break;
    case 3:
      Check<Scorecard>(bytes);
      break;
    case 4: {
      DaySums sums;
      const absl::Status status = sums.AddChanges(bytes);
      if (!status.ok() && !absl::IsDataLoss(status)) abort();
      break;
    }
  }
  return 0;
}
