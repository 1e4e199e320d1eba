#include "services/logistics/parcel_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "services/common/api/errors.h"
#include "services/logistics/pen.h"
#include "services/logistics/record_bytes.h"

namespace caravan::logistics {
namespace {

constexpr char kVersion = 1;

// What the record has.
constexpr uint64_t kAnnounced = 1;
constexpr uint64_t kHasTimer = 2;
constexpr uint64_t kMerged = 4;
constexpr uint64_t kAdopts = 8;
constexpr uint64_t kHasKept = 16;
constexpr uint64_t kAllFlags = 31;

// The head of an event: its status and reason, and what follows.
constexpr int kReasonShift = 5;
constexpr uint64_t kKnown = 1 << 8;
constexpr uint64_t kHasId = 1 << 9;
constexpr uint64_t kCorrected = 1 << 10;  // or withdrawn: the correction follows
constexpr uint64_t kWithdrawn = 1 << 11;

// The values of Dimensions that are set, not derived.
constexpr int kSetDimensions = static_cast<int>(Dimension::kLaneAndCourier);

// Strings by number, in the order in which they come first; 0 is the empty one.
class StringsOut {
 public:
  uint64_t IndexOf(std::string_view text) {
    if (text.empty()) return 0;
    if (strings_.size() < kFew) {
      const uint32_t mark = MarkOf(text);
      for (size_t i = 0; i < strings_.size(); ++i) {
        if (marks_[i] == mark && strings_[i] == text) return i + 1;
      }
      marks_[strings_.size()] = mark;
      strings_.push_back(text);
      return strings_.size();
    }
    if (indexes_.empty()) {
      for (size_t i = 0; i < strings_.size(); ++i) indexes_.emplace(strings_[i], i + 1);
    }
    const auto [index, is_new] = indexes_.try_emplace(text, strings_.size() + 1);
    if (is_new) strings_.push_back(text);
    return index->second;
  }

  // How many bytes they take, or some more.
  size_t size() const {
    constexpr size_t kMaxVarint = 10;
    size_t size = kMaxVarint;
    for (const std::string_view text : strings_)
      size += text.size() + (text.size() < 128 ? 1 : kMaxVarint);
    return size;
  }

  void AppendTo(std::string* out) const {
    AppendVarint(strings_.size(), out);
    for (const std::string_view text : strings_) AppendBytes(text, out);
  }

 private:
  static constexpr size_t kFew = 48;  // among so many, looking through them is fastest

  // Another for most other strings.
  static uint32_t MarkOf(std::string_view text) {
    const auto byte = [&](size_t i) {
      return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
    };
    return static_cast<uint32_t>(text.size()) << 16 | byte(text.size() / 2) << 8 |
           byte(text.size() - 1);
  }

  absl::InlinedVector<std::string_view, kFew> strings_;
  std::array<uint32_t, kFew> marks_ = {};  // of the first ones
  absl::flat_hash_map<std::string_view, uint64_t> indexes_;
};

// Reads on while everything is well; afterwards gives empty values.
class In {
 public:
  explicit In(std::string_view bytes) : bytes_(bytes) {}

  uint64_t Number() { return Take(ReadVarint(&bytes_)); }
  uint64_t Count() { return Take(ReadCount(&bytes_)); }
  std::string_view Bytes() { return Take(ReadBytes(&bytes_)); }
  absl::Time Time() { return Take(ReadTime(&micros_, &bytes_)); }
  // A time behind another than the last.
  absl::Time Time(absl::Time base) {
    int64_t micros = absl::ToUnixMicros(base);
    return Take(ReadTime(&micros, &bytes_));
  }

  void Strings() {
    const uint64_t count = Count();
    strings_.reserve(count + 1);
    strings_.emplace_back();
    for (uint64_t i = 0; i < count; ++i) strings_.push_back(Bytes());
  }
  std::string_view String() { return StringAt(Number()); }
  std::string_view StringAt(uint64_t index) {
    if (index < strings_.size()) return strings_[index];
    ok_ = false;
    return {};
  }

  uint64_t Fixed64() {
    Require(bytes_.size() >= 8);
    if (!ok_) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
    }
    bytes_.remove_prefix(8);
    return value;
  }

  void Require(bool condition) { ok_ = ok_ && condition; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  template <typename T>
  T Take(std::optional<T> value) {
    if (value) return *value;
    ok_ = false;
    bytes_ = {};
    return T();
  }

  std::string_view bytes_;
  int64_t micros_ = 0;
  std::vector<std::string_view> strings_;
  bool ok_ = true;
};

void AppendEvent(const TrackingEvent& event, StringsOut& strings, int64_t* micros, Pen* out) {
  const bool corrected = event.correction != 0 || event.withdrawn;
  AppendVarint(static_cast<uint64_t>(event.status) |
                   static_cast<uint64_t>(event.reason) << kReasonShift |
                   (event.known ? kKnown : 0) | (event.id.empty() ? 0 : kHasId) |
                   (corrected ? kCorrected : 0) | (event.withdrawn ? kWithdrawn : 0),
               out);
  AppendTime(event.time, micros, out);
  int64_t receipt = absl::ToUnixMicros(event.time);
  AppendTime(event.receipt, &receipt, out);
  AppendVarint(strings.IndexOf(event.carrier), out);
  AppendVarint(strings.IndexOf(event.code), out);
  AppendVarint(strings.IndexOf(event.place), out);
  if (!event.id.empty()) AppendBytes(event.id, out);
  if (corrected) AppendVarint(static_cast<uint64_t>(event.correction), out);
}

TrackingEvent ReadEvent(In& in) {
  TrackingEvent event;
  const uint64_t head = in.Number();
  const uint64_t status = head & ((1 << kReasonShift) - 1);
  in.Require(head < kWithdrawn * 2 && status < kTrackingStatuses);
  event.status = static_cast<TrackingStatus>(status);
  event.reason = static_cast<TrackingReason>(head >> kReasonShift & (kTrackingReasons - 1));
  event.known = (head & kKnown) != 0;
  event.withdrawn = (head & kWithdrawn) != 0;
  event.time = in.Time();
  event.receipt = in.Time(event.time);
  event.carrier = in.String();
  event.code = in.String();
  event.place = in.String();
  if ((head & kHasId) != 0) {
    event.id = in.Bytes();
    in.Require(!event.id.empty());
  }
  if ((head & kCorrected) != 0) {
    const uint64_t correction = in.Number();
    in.Require(correction <= INT32_MAX);
    event.correction = static_cast<int32_t>(correction);
  } else {
    in.Require(!event.withdrawn);
  }
  return event;
}

}  // namespace

absl::Time ParcelRecord::Begin() const {
  absl::Time begin = numbers.empty() ? absl::InfinitePast() : absl::InfiniteFuture();
  for (const Number& number : numbers) begin = std::min(begin, number.begin);
  return begin;
}

ParcelRecord::Number* ParcelRecord::Find(std::string_view carrier, std::string_view number) {
  for (Number& other : numbers) {
    if (other.carrier == carrier && other.number == number) return &other;
  }
  return nullptr;
}

// The version, the strings, and what refers to them.
std::string ParcelRecord::Serialize() const {
  StringsOut strings;
  thread_local Pen body;
  body.clear();
  AppendVarint((announced ? kAnnounced : uint64_t{0}) |
                   (timer != absl::InfiniteFuture() ? kHasTimer : 0) |
                   (merged_into.empty() ? 0 : kMerged) | (adopting.empty() ? 0 : kAdopts) |
                   (kept.empty() ? 0 : kHasKept),
               &body);
  AppendVarint(numbers.size(), &body);
  int64_t micros = 0;
  for (const Number& number : numbers) {
    AppendVarint(
        strings.IndexOf(number.carrier) << 1 | (number.begin == absl::InfinitePast() ? 0 : 1),
        &body);
    AppendBytes(number.number, &body);
    if (number.begin != absl::InfinitePast()) AppendTime(number.begin, &micros, &body);
  }
  for (const std::string* text :
       {&seller, &platform, &origin_zone, &partnership, &lane, &postal_code}) {
    AppendVarint(strings.IndexOf(*text), &body);
  }
  if (announced) AppendTime(*announced, &micros, &body);
  if (timer != absl::InfiniteFuture()) AppendTime(timer, &micros, &body);
  if (!merged_into.empty()) AppendBytes(merged_into, &body);
  if (!adopting.empty()) {
    AppendVarint(adopting.size(), &body);
    for (const std::string& id : adopting) AppendBytes(id, &body);
  }
  if (!kept.empty()) {
    AppendBytes(kept, &body);
    for (int d = 0; d < kSetDimensions; ++d) {
      AppendVarint(strings.IndexOf(kept_dimensions.at(static_cast<Dimension>(d))), &body);
    }
  }
  for (int shift = 0; shift < 64; shift += 8) body.push_back(static_cast<char>(terms >> shift));
  AppendVarint(events.events().size(), &body);
  for (const TrackingEvent& event : events.events()) AppendEvent(event, strings, &micros, &body);

  std::string bytes;
  bytes.reserve(1 + strings.size() + body.size());
  bytes.push_back(kVersion);
  strings.AppendTo(&bytes);
  bytes += body.written();
  return bytes;
}

absl::StatusOr<ParcelRecord> ParcelRecord::Parse(std::string_view bytes) {
  const auto malformed = [] {
    return api::Error(absl::StatusCode::kDataLoss, "PARCEL_MALFORMED",
                      "the stored record of a parcel is damaged, or of a newer version");
  };
  if (bytes.empty() || bytes[0] != kVersion) return malformed();
  In in(bytes.substr(1));
  ParcelRecord record;
  in.Strings();
  const uint64_t flags = in.Number();
  in.Require(flags <= kAllFlags);
  const uint64_t numbers = in.Count();
  record.numbers.reserve(numbers);
  for (uint64_t i = 0; i < numbers && in.ok(); ++i) {
    Number& number = record.numbers.emplace_back();
    // The carrier's index and a bit are one number.
    const uint64_t head = in.Number();
    number.carrier = in.StringAt(head >> 1);
    number.number = in.Bytes();
    if ((head & 1) != 0) number.begin = in.Time();
  }
  for (std::string* text : {&record.seller, &record.platform, &record.origin_zone,
                            &record.partnership, &record.lane, &record.postal_code}) {
    *text = in.String();
  }
  if ((flags & kAnnounced) != 0) record.announced = in.Time();
  if ((flags & kHasTimer) != 0) record.timer = in.Time();
  if ((flags & kMerged) != 0) record.merged_into = in.Bytes();
  if ((flags & kAdopts) != 0) {
    const uint64_t adopting = in.Count();
    for (uint64_t i = 0; i < adopting && in.ok(); ++i) record.adopting.emplace_back(in.Bytes());
  }
  if ((flags & kHasKept) != 0) {
    record.kept = in.Bytes();
    for (int d = 0; d < kSetDimensions; ++d) {
      const std::string_view value = in.String();
      if (!value.empty()) record.kept_dimensions.Set(static_cast<Dimension>(d), std::string(value));
    }
  }
  record.terms = in.Fixed64();
  const uint64_t size = in.Count();
  in.Require(size <= EventSet::kMaxEvents);
  std::vector<TrackingEvent> events;
  if (in.ok()) events.reserve(size + 1);
  for (uint64_t i = 0; i < size && in.ok(); ++i) events.push_back(ReadEvent(in));
  if (!in.done()) return malformed();
  std::optional<EventSet> set = EventSet::FromOrdered(std::move(events));
  if (!set) return malformed();
  record.events = *std::move(set);
  return record;
}

}  // namespace caravan::logistics
