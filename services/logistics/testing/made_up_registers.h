// Registers for tests, which can be changed while they are asked.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/logistics/registers.h"

namespace caravan::logistics::testing {

class MadeUpRegisters final : public Registers {
 public:
  // Carriers with the vocabulary `v`, in which each canonical status is a code, and
  // `HELD` is CUSTOMS_HELD for the reason of customs.
  void AddCarrier(const std::string& name, const std::string& time_rule = "UTC");
  // Another code of that vocabulary; carriers that are asked for from now on know it.
  void AddCode(const std::string& code, TrackingStatus status);
  void AddPartnership(const std::string& name, Partnership partnership);
  void AddLane(const std::string& name, const std::string& destination,
               const std::string& time_zone);
  // The terms of parcels of a partnership, or of those without one; else those of
  // Terms() with the lane's time zone.
  void SetTerms(const std::string& partnership, Terms terms);

  absl::StatusOr<std::shared_ptr<const Carrier>> FindCarrier(std::string_view name) override;
  absl::StatusOr<std::shared_ptr<const Partnership>> FindPartnership(
      std::string_view name) override;
  absl::StatusOr<std::shared_ptr<const Lane>> FindLane(std::string_view name) override;
  std::shared_ptr<const Agreed> TermsOf(std::string_view partnership, std::string_view lane,
                                        std::string_view postal_code,
                                        absl::Time announced) override;

 private:
  template <typename T>
  using Table = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

  absl::Mutex mutex_;
  std::shared_ptr<const TrackingCodes> codes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> carriers_ ABSL_GUARDED_BY(mutex_);  // time rules
  Table<Carrier> known_carriers_ ABSL_GUARDED_BY(mutex_);  // made when they are asked for
  Table<Partnership> partnerships_ ABSL_GUARDED_BY(mutex_);
  Table<Lane> lanes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Terms, std::less<>> terms_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<const Agreed>> agreed_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_fingerprint_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace caravan::logistics::testing
