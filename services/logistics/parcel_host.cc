#include "services/logistics/parcel_host.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "services/common/store/open_store.h"
#include "services/common/telemetry/log.h"
#include "services/logistics/parcel_writes.h"

namespace caravan::logistics {

namespace {

constexpr int kWatchThreads = 2;
constexpr absl::Duration kPulse = absl::Seconds(1);
constexpr absl::Duration kExpiry = absl::Hours(1);
constexpr int32_t kSweepDays = 30;

absl::StatusOr<std::unique_ptr<ParcelStore>> OpenBeside(const std::string& url,
                                                        const ParcelStoreOptions& options) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (absl::StartsWith(url, kSqlite)) {
    return OpenSqliteParcelStore(absl::StrCat(url.substr(kSqlite.size()), ".parcels"), options);
  }
  const store::PostgresLocation location = store::ParsePostgresUrl(url);
  ParcelStoreOptions there = options;
  there.schema = absl::StrCat(location.schema, "_parcels");
  return OpenPostgresParcelStore(location.conninfo, there);
}

}  // namespace

struct ParcelHost::Counters {
  explicit Counters(prometheus::Registry& registry)
      : family(prometheus::BuildCounter()
                   .Name("caravan_tracking_events_total")
                   .Help("Tracking events that were taken in, by what became of them.")
                   .Register(registry)),
        expired_family(
            prometheus::BuildCounter()
                .Name("caravan_tracking_expired_total")
                .Help("Parcels, and rows of the feed of events, that retention has deleted.")
                .Register(registry)),
        damaged(prometheus::BuildCounter()
                    .Name("caravan_tracking_damaged_total")
                    .Help("Times that the record of a parcel or tracking number was damaged.")
                    .Register(registry)
                    .Add({})) {}

  prometheus::Family<prometheus::Counter>& family;
  prometheus::Counter& added = family.Add({{"outcome", "added"}});
  prometheus::Counter& corrected = family.Add({{"outcome", "corrected"}});
  prometheus::Counter& known = family.Add({{"outcome", "known"}});
  prometheus::Counter& refused = family.Add({{"outcome", "refused"}});

  prometheus::Family<prometheus::Counter>& expired_family;
  prometheus::Counter& expired_parcels = expired_family.Add({{"kind", "parcel"}});
  prometheus::Counter& expired_feed = expired_family.Add({{"kind", "feed"}});

  prometheus::Counter& damaged;
};

ParcelHost::ParcelHost(std::function<absl::Time()> clock, const Retention& retention)
    : clock_(std::move(clock)), retention_(retention) {}

absl::StatusOr<std::shared_ptr<ParcelHost>> ParcelHost::Open(const host::Dependencies& dependencies,
                                                             const Retention& retention) {
  std::shared_ptr<ParcelHost> host(new ParcelHost(dependencies.clock, retention));
  ParcelStoreOptions store_options;
  store_options.clock = dependencies.clock;
  auto store = OpenBeside(dependencies.settings.store(), store_options);
  if (!store.ok()) return store.status();
  host->store_ = *std::move(store);
  auto registers = RegisterBook::Open(dependencies.registry, dependencies.store);
  if (!registers.ok()) return registers.status();
  host->registers_ = *std::move(registers);
  host->counters_ = std::make_unique<Counters>(dependencies.metrics.registry());
  ParcelKeeperOptions options;
  options.clock = dependencies.clock;
  options.listener = [host = host.get()](const KeeperChange& change) { host->Changed(change); };
  options.damaged = [host = host.get()](std::string_view record) { host->Damaged(record); };
  auto keeper = ParcelKeeper::Open(*host->store_, *host->registers_, std::move(options));
  if (!keeper.ok()) return keeper.status();
  host->keeper_ = *std::move(keeper);
  host->executor_ = std::make_unique<rpc::Executor>(kWatchThreads, 1);
  host->thread_ = std::thread([host = host.get()] { host->Run(); });
  return host;
}

ParcelHost::~ParcelHost() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  keeper_.reset();
  executor_.reset();
}

void ParcelHost::Count(const v1::IngestionCounts& counts) {
  counters_->added.Increment(static_cast<double>(counts.added()));
  counters_->corrected.Increment(static_cast<double>(counts.corrected()));
  counters_->known.Increment(static_cast<double>(counts.known()));
  counters_->refused.Increment(static_cast<double>(counts.refused()));
}

void ParcelHost::Changed(const KeeperChange& change) {
  for (const std::string& parcel : change.parcels) hub_.Notify(parcel);
  // Who watches scorecards, which change with each commit, waits for the pulse.
  if (!change.journals.empty()) hub_.Notify(kJournalKey);
}

void ParcelHost::Damaged(std::string_view record) {
  counters_->damaged.Increment();
  {
    absl::MutexLock lock(&damaged_mutex_);
    constexpr size_t kMostTold = 10'000;
    if (damaged_.size() == kMostTold || !damaged_.emplace(record).second) return;
  }
  telemetry::Log(telemetry::LogLevel::kError,
                 "A stored record is damaged, or of a newer version; what meets it is refused",
                 {{"record", record}});
}

void ParcelHost::Pulse() {
  absl::MutexLock lock(&pulsing_);
  // What fails now is tried again with the next pulse; callers are told by their own
  // calls that the database is away.
  const absl::StatusOr<bool> changed = registers_->Refresh();
  reconsider_ |= changed.ok() && *changed;
  (void)keeper_->Tick();
  if (reconsider_) {
    if (keeper_->Reconsider([this] { return GoOn(); }).ok()) reconsider_ = false;
  }
  Expire();
  hub_.Pulse();
}

// A sweep takes its time; what else is due does not wait for it.
bool ParcelHost::GoOn() {
  if (const auto now = std::chrono::steady_clock::now(); now >= next_pulse_) {
    next_pulse_ = now + absl::ToChronoMilliseconds(kPulse);
    (void)keeper_->Tick();
    hub_.Pulse();
  }
  absl::MutexLock lock(&mutex_);
  return !stopping_;
}

absl::StatusOr<int64_t> ParcelHost::FeedRowsGone() {
  int64_t gone = 0;
  for (int bucket = 0; bucket < store_->buckets(); ++bucket) {
    const auto page = store_->ReadJournal(bucket, INT64_MAX, 0);
    if (!page.ok()) return page.status();
    gone += page->oldest - 1;
  }
  return gone;
}

void ParcelHost::Expire() {
  const absl::Time now = clock_();
  if (now < next_expiry_) return;
  next_expiry_ = now + kExpiry;
  absl::StatusOr<int64_t> feed = FeedRowsGone();
  absl::Status status = feed.status();
  if (status.ok()) status = store_->ExpireJournal(now - retention_.feed);
  if (status.ok()) {
    const absl::StatusOr<int64_t> gone = FeedRowsGone();
    status = gone.status();
    if (status.ok()) *feed = *gone - *feed;
  }
  // Parcels go by whole days, so that all of them are looked at once a day at most. As that is
  // much to read, they are left alone while none can have expired, but for a month at most:
  // something may have been told of days gone by.
  absl::StatusOr<ParcelKeeper::Expired> parcels = ParcelKeeper::Expired{};
  const int32_t day = DayOf(now - retention_.parcels);
  const absl::Time before = absl::UnixEpoch() + day * absl::Hours(24);
  if (status.ok() && day > expired_day_ &&
      (oldest_parcel_ < before || day >= expired_day_ + kSweepDays)) {
    parcels = keeper_->ExpireParcels(before, [this] { return GoOn(); });
    status = parcels.status();
    if (status.ok()) {
      expired_day_ = day;
      oldest_parcel_ = parcels->oldest;
    }
  }
  if (!status.ok()) {
    if (absl::IsCancelled(status)) return;  // the service ends
    telemetry::Log(telemetry::LogLevel::kWarning, "What has expired was not deleted",
                   {{"error", status.ToString()}});
    return;
  }
  if (*feed == 0 && parcels->deleted == 0) return;
  counters_->expired_feed.Increment(static_cast<double>(*feed));
  counters_->expired_parcels.Increment(static_cast<double>(parcels->deleted));
  telemetry::Log(telemetry::LogLevel::kInfo, "What has expired was deleted",
                 {{"parcels", parcels->deleted}, {"feed_rows", *feed}});
}

void ParcelHost::Run() {
  const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping), kPulse)) return;
    }
    Pulse();
  }
}

}  // namespace caravan::logistics
