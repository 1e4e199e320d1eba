#include "services/logistics/sketch.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

#include "services/common/api/errors.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

// The least value of each bucket, and behind the last what would be the next.
const std::vector<int64_t>& Bounds() {
  static const auto* const bounds = [] {
    auto* all = new std::vector<int64_t>{0};
    for (int64_t low = 1; low <= Sketch::kMaxValue; low = low * 101 / 99 + 1) {
      all->push_back(low);
    }
    all->push_back(all->back() * 101 / 99 + 1);
    return all;
  }();
  return *bounds;
}

// No store holds so many values; sums of a million such counts fit 64 bits.
constexpr int64_t kMaxCount = 1'000'000'000'000;

// Calls `visit` with each bucket and its count; false where bytes are none of
// Serialize().
template <typename Visit>
bool VisitSerialized(std::string_view bytes, Visit visit) {
  const auto buckets = static_cast<uint64_t>(Sketch::Buckets());
  uint64_t next = 0;
  while (!bytes.empty()) {
    const std::optional<uint64_t> head = ReadVarint(&bytes);
    if (!head || (*head >> 1) >= buckets - next) return false;
    const uint64_t bucket = next + (*head >> 1);
    int64_t times = 1;
    if ((*head & 1) == 0) {
      const std::optional<int64_t> count = ReadSigned(&bytes);
      if (!count || *count == 0 || *count == 1 || *count > kMaxCount || *count < -kMaxCount) {
        return false;
      }
      times = *count;
    }
    visit(static_cast<int>(bucket), times);
    next = bucket + 1;
  }
  return true;
}

absl::Status Malformed() {
  return api::Error(absl::StatusCode::kDataLoss, "SKETCH_MALFORMED",
                    "a stored sketch is damaged; scorecards are computed anew");
}

}  // namespace

int Sketch::BucketOf(int64_t value) {
  const std::vector<int64_t>& bounds = Bounds();
  value = std::clamp<int64_t>(value, 0, kMaxValue);
  const auto above = std::upper_bound(bounds.begin(), bounds.end(), value);
  return static_cast<int>(above - bounds.begin()) - 1;
}

double Sketch::ValueOf(int bucket) {
  const std::vector<int64_t>& bounds = Bounds();
  const auto low = static_cast<double>(bounds[static_cast<size_t>(bucket)]);
  const auto high = static_cast<double>(bounds[static_cast<size_t>(bucket) + 1] - 1);
  return low == high ? low : 2 * low * high / (low + high);
}

int Sketch::Buckets() { return static_cast<int>(Bounds().size()) - 1; }

void Sketch::AddToBucket(int bucket, int64_t times) {
  if (times == 0) return;
  const auto at =
      std::lower_bound(counts_.begin(), counts_.end(), bucket,
                       [](const auto& entry, int bucket) { return entry.first < bucket; });
  if (at == counts_.end() || at->first != bucket) {
    counts_.insert(at, {bucket, times});
  } else if ((at->second += times) == 0) {
    counts_.erase(at);
  }
}

void Sketch::Merge(const Sketch& other) {
  if (other.counts_.size() < 8) {
    // By value: a sketch may be merged with itself.
    const std::vector<std::pair<int, int64_t>> counts = other.counts_;
    for (const auto& [bucket, times] : counts) AddToBucket(bucket, times);
    return;
  }
  std::vector<std::pair<int, int64_t>> merged;
  merged.reserve(counts_.size() + other.counts_.size());
  auto mine = counts_.begin();
  auto theirs = other.counts_.begin();
  while (mine != counts_.end() || theirs != other.counts_.end()) {
    if (theirs == other.counts_.end() || (mine != counts_.end() && mine->first < theirs->first)) {
      merged.push_back(*mine++);
    } else if (mine == counts_.end() || theirs->first < mine->first) {
      merged.push_back(*theirs++);
    } else {
      if (mine->second + theirs->second != 0) {
        merged.emplace_back(mine->first, mine->second + theirs->second);
      }
      ++mine;
      ++theirs;
    }
  }
  counts_ = std::move(merged);
}

void Sketch::Negate() {
  for (auto& [bucket, times] : counts_) times = -times;
}

int64_t Sketch::count() const {
  int64_t count = 0;
  for (const auto& [bucket, times] : counts_) count += times;
  return count;
}

double Sketch::Percentile(int percent) const { return Percentiles<1>({percent})[0]; }

// For each bucket how many are skipped before it, and whether it holds one value,
// in one number; its count behind that where it doesn't hold one.
std::string Sketch::Serialize() const {
  std::string bytes;
  bytes.reserve(2 * counts_.size());
  int next = 0;
  for (const auto& [bucket, times] : counts_) {
    AppendVarint(static_cast<uint64_t>(bucket - next) << 1 | (times == 1 ? 1 : 0), &bytes);
    if (times != 1) AppendSigned(times, &bytes);
    next = bucket + 1;
  }
  return bytes;
}

absl::StatusOr<Sketch> Sketch::Parse(std::string_view bytes) {
  Sketch sketch;
  const bool parsed = VisitSerialized(
      bytes, [&](int bucket, int64_t times) { sketch.counts_.emplace_back(bucket, times); });
  if (!parsed) return Malformed();
  return sketch;
}

void SketchSum::Add(int bucket, int64_t times) {
  counts_[static_cast<size_t>(bucket)] += times;
  if (first_ == end_) {
    first_ = bucket;
    end_ = bucket + 1;
  } else {
    first_ = std::min(first_, bucket);
    end_ = std::max(end_, bucket + 1);
  }
}

void SketchSum::Add(const Sketch& sketch) {
  if (sketch.empty()) return;
  counts_.resize(static_cast<size_t>(Sketch::Buckets()));
  for (const auto& [bucket, times] : sketch.counts_) Add(bucket, times);
}

bool SketchSum::AddSerialized(std::string_view bytes) {
  if (bytes.empty()) return true;
  counts_.resize(static_cast<size_t>(Sketch::Buckets()));
  return VisitSerialized(bytes, [&](int bucket, int64_t times) { Add(bucket, times); });
}

Sketch SketchSum::Take() {
  Sketch sketch;
  for (int bucket = first_; bucket < end_; ++bucket) {
    int64_t& times = counts_[static_cast<size_t>(bucket)];
    if (times != 0) sketch.counts_.emplace_back(bucket, times);
    times = 0;
  }
  first_ = end_ = 0;
  return sketch;
}

}  // namespace caravan::logistics
