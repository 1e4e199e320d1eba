#include "services/logistics/keeper.h"

#include <algorithm>
#include <random>
#include <utility>

namespace caravan::logistics {
namespace {

uint64_t SystemRandom() {
  static thread_local std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

ParcelKeeperOptions WithDefaults(ParcelKeeperOptions options) {
  if (!options.random) options.random = SystemRandom;
  return options;
}

// The share of the memory that numbers get; parcels get the rest.
constexpr size_t kNumbersShare = 4;

}  // namespace

Keeper::Keeper(ParcelStore& store, Registers& registers, ParcelKeeperOptions options)
    : store_(store),
      registers_(registers),
      options_(WithDefaults(std::move(options))),
      book_(store, {options_.max_unfolded_rows, options_.max_unfolded_commits}),
      ledger_(store, registers, book_, options_.cache_bytes - options_.cache_bytes / kNumbersShare,
              options_.listener),
      numbers_(options_.cache_bytes / kNumbersShare),
      queue_(
          options_.max_waiting_events, options_.max_events_of_commit,
          [](const Waiting& waiting) {
            return static_cast<size_t>(std::max(waiting.batch.events->size(), 1));
          },
          [this](std::vector<Waiting> batches) { TakeIn(std::move(batches)); }) {}

absl::Time Keeper::Now() {
  const int64_t now = absl::ToUnixMicros(options_.clock());
  int64_t last = last_now_.load();
  while (now > last && !last_now_.compare_exchange_weak(last, now)) {
  }
  return absl::FromUnixMicros(std::max(now, last));
}

// In the order of time, roughly, so that parcels that travel together lie together:
// 9 digits for the time in milliseconds, and 11 for 55 random bits.
std::string Keeper::NewParcelId() {
  static constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id(20, '0');
  auto millis = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(options_.clock())));
  for (size_t i = 9; i-- > 0; millis >>= 5) id[i] = kDigits[millis & 31];
  uint64_t random = options_.random();
  for (size_t i = 9; i < id.size(); ++i, random >>= 5) id[i] = kDigits[random & 31];
  return id;
}

absl::StatusOr<ParcelKeeper::Scorecards> Keeper::ReadScorecards(const ScorecardRange& range,
                                                                std::optional<Granularity> by) {
  absl::StatusOr<ScorecardBook::Sums> sums = book_.Read(range, by);
  if (!sums.ok()) return sums.status();
  Scorecards scorecards;
  scorecards.sequence = sums->sequence;
  scorecards.days.reserve(sums->rows.size());
  for (ScorecardBook::Row& row : sums->rows) {
    scorecards.days.push_back({std::move(row.value), row.day, std::move(row.scorecard)});
  }
  return scorecards;
}

absl::StatusOr<std::unique_ptr<ParcelKeeper>> ParcelKeeper::Open(ParcelStore& store,
                                                                 Registers& registers,
                                                                 ParcelKeeperOptions options) {
  auto keeper = std::make_unique<Keeper>(store, registers, std::move(options));
  if (absl::Status status = keeper->Start(); !status.ok()) return status;
  return keeper;
}

absl::Status Keeper::Start() {
  const absl::StatusOr<int32_t> whole = FirstWholeDay();
  if (!whole.ok()) return whole.status();
  first_whole_day_ = *whole;
  // With what waits from before. That nothing is asked for does not matter.
  return ReadDays({}).status();
}

}  // namespace caravan::logistics
