#include "services/logistics/testing/made_up_registers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics::testing {
namespace {

constexpr char kVocabulary[] = "v";

absl::Status NotFound(std::string_view name) {
  return api::Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                    absl::StrCat(name, " does not exist"));
}

template <typename Table>
auto Look(const Table& table, std::string_view name)
    -> absl::StatusOr<typename Table::mapped_type> {
  const auto found = table.find(name);
  if (found == table.end()) return NotFound(name);
  return found->second;
}

}  // namespace

void MadeUpRegisters::AddCarrier(const std::string& name, const std::string& time_rule) {
  absl::MutexLock lock(&mutex_);
  if (codes_ == nullptr) {
    auto codes = std::make_shared<TrackingCodes>();
    for (int i = 0; i < kTrackingStatuses; ++i) {
      const auto status = static_cast<TrackingStatus>(i);
      codes->Add(kVocabulary, NameOf(status), {status, TrackingReason::kNone, true});
    }
    codes->Add(kVocabulary, "HELD", {TrackingStatus::kCustomsHeld, TrackingReason::kCustoms, true});
    codes_ = codes;
  }
  carriers_[name] = time_rule;
}

void MadeUpRegisters::AddCode(const std::string& code, TrackingStatus status) {
  absl::MutexLock lock(&mutex_);
  auto codes = std::make_shared<TrackingCodes>(*codes_);
  codes->Add(kVocabulary, code, {status, TrackingReason::kNone, true});
  codes_ = codes;
  known_carriers_.clear();
}

void MadeUpRegisters::AddPartnership(const std::string& name, Partnership partnership) {
  absl::MutexLock lock(&mutex_);
  partnerships_[name] = std::make_shared<const Partnership>(std::move(partnership));
}

void MadeUpRegisters::AddLane(const std::string& name, const std::string& destination,
                              const std::string& time_zone) {
  Lane lane;
  lane.destination = destination;
  absl::LoadTimeZone(time_zone, &lane.zone);
  absl::MutexLock lock(&mutex_);
  lanes_[name] = std::make_shared<const Lane>(lane);
}

void MadeUpRegisters::SetTerms(const std::string& partnership, Terms terms) {
  absl::MutexLock lock(&mutex_);
  terms_[partnership] = std::move(terms);
  agreed_.clear();
  next_fingerprint_ += 1'000;
}

absl::StatusOr<std::shared_ptr<const Registers::Carrier>> MadeUpRegisters::FindCarrier(
    std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto carrier = carriers_.find(name);
  if (carrier == carriers_.end()) return NotFound(name);
  std::shared_ptr<const Carrier>& known = known_carriers_[carrier->first];
  if (known == nullptr) {
    known = std::make_shared<const Carrier>(
        Carrier{codes_, kVocabulary, *TimeRule::Parse(carrier->second)});
  }
  return known;
}

absl::StatusOr<std::shared_ptr<const Registers::Partnership>> MadeUpRegisters::FindPartnership(
    std::string_view name) {
  absl::MutexLock lock(&mutex_);
  return Look(partnerships_, name);
}

absl::StatusOr<std::shared_ptr<const Registers::Lane>> MadeUpRegisters::FindLane(
    std::string_view name) {
  absl::MutexLock lock(&mutex_);
  return Look(lanes_, name);
}

std::shared_ptr<const Registers::Agreed> MadeUpRegisters::TermsOf(std::string_view partnership,
                                                                  std::string_view lane,
                                                                  std::string_view /*postal_code*/,
                                                                  absl::Time /*announced*/) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<const Agreed>& agreed = agreed_[absl::StrCat(partnership, " ", lane)];
  if (agreed != nullptr) return agreed;
  Agreed made;
  if (const auto terms = terms_.find(partnership); terms != terms_.end()) {
    made.terms = terms->second;
  } else if (const auto found = lanes_.find(lane); found != lanes_.end()) {
    made.terms.zone = found->second->zone;
  }
  made.fingerprint = next_fingerprint_++;
  agreed = std::make_shared<const Agreed>(std::move(made));
  return agreed;
}

}  // namespace caravan::logistics::testing
