// Tracking numbers, and whose they are.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/keeper.h"
#include "services/logistics/keeper_messages.h"

namespace caravan::logistics {

const NumberUses* KnownNumbers::Find(const std::string& key) {
  if (const auto found = young_.find(key); found != young_.end()) return &found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return nullptr;
  NumberUses uses = std::move(found->second);
  old_.erase(found);
  Put(key, std::move(uses));
  const auto moved = young_.find(key);
  return moved == young_.end() ? nullptr : &moved->second;
}

void KnownNumbers::Put(const std::string& key, NumberUses uses) {
  const auto [entry, is_new] = young_.try_emplace(key);
  if (!is_new) young_bytes_ -= CostOf(*entry);
  entry->second = std::move(uses);
  young_bytes_ += CostOf(*entry);
  if (is_new) old_.erase(key);
  if (young_bytes_ > max_bytes_ / 2) {
    old_ = std::move(young_);
    young_ = {};
    young_bytes_ = 0;
    // The caller may go on with what was put.
    const auto kept = old_.find(key);
    NumberUses last = std::move(kept->second);
    old_.erase(kept);
    const auto again = young_.emplace(key, std::move(last)).first;
    young_bytes_ = CostOf(*again);
  }
}

void KnownNumbers::Remove(const std::string& key) {
  if (const auto found = young_.find(key); found != young_.end()) {
    young_bytes_ -= CostOf(*found);
    young_.erase(found);
  }
  old_.erase(key);
}

BucketKey Keeper::NumberKeyOf(std::string key) const {
  const int bucket = store_.buckets() == 1 ? 0 : store_.BucketOf(key);
  return {bucket, std::move(key)};
}

absl::Status Keeper::DamagedNumber(const std::string& key) const {
  if (options_.damaged) options_.damaged(key);
  return api::Error(absl::StatusCode::kDataLoss, "NUMBER_MALFORMED",
                    absl::StrCat("the stored record of the tracking number '", key,
                                 "' is damaged, or of a newer version"));
}

void Keeper::Damaged(std::string_view id) const {
  if (options_.damaged) options_.damaged(absl::StrCat(kParcelPrefix, id));
}

absl::StatusOr<std::vector<NumberUses>> Keeper::ParseNumbers(
    absl::Span<const BucketKey> keys,
    const absl::StatusOr<std::vector<std::optional<std::string>>>& rows) const {
  if (!rows.ok()) return rows.status();
  std::vector<NumberUses> numbers(rows->size());
  for (size_t i = 0; i < rows->size(); ++i) {
    if (!(*rows)[i]) continue;
    absl::StatusOr<NumberUses> uses = NumberUses::Parse(*(*rows)[i]);
    if (!uses.ok()) return DamagedNumber(keys[i].key);
    numbers[i] = *std::move(uses);
  }
  return numbers;
}

absl::StatusOr<std::vector<NumberUses>> Keeper::ReadNumbers(
    absl::Span<const BucketKey> keys) const {
  return ParseNumbers(keys, store_.Get(ParcelTable::kNumbers, keys));
}

absl::StatusOr<NumberUses::Meaning> Keeper::Find(NumberUses& uses, std::string_view carrier,
                                                 absl::Time time) const {
  while (true) {
    const NumberUses::Meaning meaning = uses.Find(time);
    if (meaning.kind != NumberUses::Meaning::Kind::kUncertain) return meaning;
    std::string id = uses[meaning.use].parcel;
    const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&id);
    if (absl::IsDataLoss(record.status())) Damaged(id);
    if (!record.ok()) return record.status();
    absl::Time first = uses[meaning.use].first;
    absl::Time last = uses[meaning.use].last;
    if (*record) {
      for (const TrackingEvent& event : (*record)->events.events()) {
        if (event.carrier != carrier) continue;
        first = std::min(first, event.time);
        last = std::max(last, event.time);
      }
    }
    uses.SetSpan(meaning.use, first, last);
  }
}

absl::Status Keeper::ChangeNumbers(
    absl::Span<const BucketKey> keys,
    absl::FunctionRef<absl::Status(size_t index, NumberUses& uses)> change) {
  if (keys.empty()) return absl::OkStatus();
  std::vector<int> buckets;
  for (const BucketKey& key : keys) {
    if (buckets.empty() || buckets.back() != key.bucket) buckets.push_back(key.bucket);
  }
  std::vector<NumberUses> numbers;
  const absl::Status status = store_.Write(buckets, [&](ParcelTransaction& tx) -> absl::Status {
    absl::StatusOr<std::vector<NumberUses>> stored =
        ParseNumbers(keys, tx.Get(ParcelTable::kNumbers, keys));
    if (!stored.ok()) return stored.status();
    numbers = *std::move(stored);
    for (size_t i = 0; i < keys.size(); ++i) {
      const bool was_empty = numbers[i].empty();
      if (absl::Status status = change(i, numbers[i]); !status.ok()) return status;
      if (!numbers[i].empty()) {
        tx.Put(ParcelTable::kNumbers, keys[i], numbers[i].Serialize());
        numbers[i].SetStored();
      } else if (!was_empty) {
        tx.Delete(ParcelTable::kNumbers, keys[i]);
      }
    }
    return absl::OkStatus();
  });
  for (size_t i = 0; i < keys.size(); ++i) {
    if (status.ok() && !numbers[i].empty()) {
      numbers_.Put(keys[i].key, std::move(numbers[i]));
    } else {
      numbers_.Remove(keys[i].key);
    }
  }
  return status;
}

}  // namespace caravan::logistics
