#include "services/logistics/number_uses.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/record_bytes.h"

namespace caravan::logistics {
namespace {

constexpr char kVersion = 1;

}  // namespace

std::string NumberKey(std::string_view carrier, std::string_view number) {
  return absl::StrCat(carrier, " ", number);
}

NumberUses::Meaning NumberUses::Find(absl::Time time) const {
  using Kind = Meaning::Kind;
  const auto next = std::upper_bound(
      uses_.begin(), uses_.end(), time,
      [](absl::Time time, const Known& known) { return time < known.use.start(); });
  const auto index = static_cast<size_t>(next - uses_.begin());
  if (next != uses_.begin()) {
    const Known& last = *(next - 1);
    if (time <= last.use.last + kNumberSilence) return {Kind::kUse, index - 1};
    if (time <= last.far_last + kNumberSilence) return {Kind::kUncertain, index - 1};
  }
  if (next != uses_.end()) {
    if (time >= next->use.start() - kNumberSilence) return {Kind::kUse, index};
    if (next->use.begin == absl::InfinitePast() && time >= next->far_first - kNumberSilence) {
      return {Kind::kUncertain, index};
    }
  }
  return {};
}

bool NumberUses::Widen(size_t use, absl::Time time) {
  Known& known = uses_[use];
  known.use.first = std::min(known.use.first, time);
  known.use.last = std::max(known.use.last, time);
  known.far_first = std::min(known.far_first, time);
  known.far_last = std::max(known.far_last, time);
  return time < known.stored_first - kSlack || time > known.stored_last + kSlack;
}

void NumberUses::SetStored() {
  for (Known& known : uses_) {
    known.stored_first = known.use.first;
    known.stored_last = known.use.last;
  }
}

void NumberUses::SetSpan(size_t use, absl::Time first, absl::Time last) {
  Known& known = uses_[use];
  known.use.first = known.far_first = std::min(known.use.first, first);
  known.use.last = known.far_last = std::max(known.use.last, last);
}

size_t NumberUses::Insert(Known known) {
  const auto behind = std::upper_bound(
      uses_.begin(), uses_.end(), known.use.start(),
      [](absl::Time start, const Known& other) { return start < other.use.start(); });
  const auto index = static_cast<size_t>(behind - uses_.begin());
  uses_.insert(behind, std::move(known));
  return index;
}

size_t NumberUses::Add(Use use) {
  const absl::Time first = use.first;
  const absl::Time last = use.last;
  return Insert({std::move(use), first, last, first, last});
}

void NumberUses::SetBegin(size_t use, absl::Time begin) {
  Known known = std::move(uses_[use]);
  uses_.erase(uses_.begin() + static_cast<std::ptrdiff_t>(use));
  known.use.begin = begin;
  Insert(std::move(known));
}

void NumberUses::SetParcel(size_t use, std::string parcel) {
  uses_[use].use.parcel = std::move(parcel);
}

void NumberUses::Remove(std::string_view parcel) {
  uses_.erase(std::remove_if(uses_.begin(), uses_.end(),
                             [&](const Known& known) { return known.use.parcel == parcel; }),
              uses_.end());
}

size_t NumberUses::memory() const {
  size_t memory = sizeof(NumberUses) + uses_.capacity() * sizeof(Known);
  for (const Known& known : uses_) memory += known.use.parcel.capacity();
  return memory;
}

std::string NumberUses::Serialize() const {
  std::string bytes(1, kVersion);
  AppendVarint(uses_.size(), &bytes);
  int64_t micros = 0;
  for (const auto& [use, far_first, far_last, stored_first, stored_last] : uses_) {
    AppendBytes(use.parcel, &bytes);
    const bool begins = use.begin != absl::InfinitePast();
    bytes.push_back(begins ? 1 : 0);
    if (begins) AppendTime(use.begin, &micros, &bytes);
    AppendTime(use.first, &micros, &bytes);
    AppendTime(use.last, &micros, &bytes);
  }
  return bytes;
}

absl::StatusOr<NumberUses> NumberUses::Parse(std::string_view bytes) {
  const auto malformed = [] {
    return api::Error(absl::StatusCode::kDataLoss, "NUMBER_MALFORMED",
                      "the stored record of a tracking number is damaged, or of a newer version");
  };
  if (bytes.empty() || bytes[0] != kVersion) return malformed();
  bytes.remove_prefix(1);
  const std::optional<uint64_t> count = ReadCount(&bytes);
  if (!count) return malformed();
  NumberUses uses;
  int64_t micros = 0;
  for (uint64_t i = 0; i < *count; ++i) {
    Use use;
    const std::optional<std::string_view> parcel = ReadBytes(&bytes);
    if (!parcel || bytes.empty()) return malformed();
    use.parcel = *parcel;
    const char begins = bytes[0];
    bytes.remove_prefix(1);
    if (begins < 0 || begins > 1) return malformed();
    if (begins == 1) {
      const std::optional<absl::Time> begin = ReadTime(&micros, &bytes);
      if (!begin) return malformed();
      use.begin = *begin;
    }
    const std::optional<absl::Time> first = ReadTime(&micros, &bytes);
    const std::optional<absl::Time> last = first ? ReadTime(&micros, &bytes) : std::nullopt;
    if (!last || *last < *first) return malformed();
    use.first = *first;
    use.last = *last;
    Known known{std::move(use), *first - kSlack, *last + kSlack, *first, *last};
    if (!uses.uses_.empty() && known.use.start() < uses.uses_.back().use.start()) {
      return malformed();
    }
    uses.uses_.push_back(std::move(known));
  }
  if (!bytes.empty()) return malformed();
  return uses;
}

}  // namespace caravan::logistics
