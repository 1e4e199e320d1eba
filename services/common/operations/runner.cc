#include "services/common/operations/runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/resources/registry.h"
#include "services/common/telemetry/log.h"

namespace caravan::operations {

namespace {

// Unfinished operations that one round looks at, the oldest first.
constexpr int64_t kCandidates = 1000;

absl::Status Crashed(std::string_view name, int crashes) {
  return api::Error(absl::StatusCode::kAborted, "OPERATION_CRASHED",
                    absl::StrCat(name, " was given up: ", crashes,
                                 " processes in turn ended while they worked on it"))
      .With("operation", name)
      .With("crashes", absl::StrCat(crashes));
}

absl::Status TooManyWait() {
  return api::Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_WAITS",
                    "too many calls wait for operations of this service; ask again in a second")
      .RetryAfter(1);
}

absl::Status Stopped() {
  return api::Error(absl::StatusCode::kUnavailable, "DRAINING",
                    "this server is stopping; wait for the operation with another")
      .RetryAfter(1);
}

// Reads an operation whose lease must be held.
absl::StatusOr<OperationRecord> ReadHeld(store::Transaction& tx, const store::Lease& lease) {
  if (absl::Status s = store::CheckLease(tx, lease); !s.ok()) return s;
  absl::StatusOr<std::optional<OperationRecord>> record = ReadRecord(tx, lease.name);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::DataLossError("a running operation is gone");
  return **std::move(record);
}

}  // namespace

Runner::Runner(const OperationsOptions& options, const OperationKinds& kinds,
               std::shared_ptr<Alarm> alarm)
    : options_(options),
      kinds_(kinds),
      alarm_(std::move(alarm)),
      environment_{options.store, options.clock, options.access, options.time_zone} {}

Runner::~Runner() { Stop(); }

void Runner::Run() {
  absl::MutexLock lock(&mutex_);
  if (started_ || stopping_) return;
  started_ = true;
  scheduler_ = std::thread([this] { Schedule(); });
  for (int i = 0; i < options_.threads; ++i) workers_.emplace_back([this] { Work(); });
}

void Runner::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    for (auto& [name, operation] : running_) operation->signals.Stop();
  }
  alarm_->Ring();
}

void Runner::Stop() {
  Drain();
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  // The scheduler goes on renewing leases until the work has ended.
  for (std::thread& worker : workers_) worker.join();
  std::vector<Waiting> left;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  alarm_->Ring();
  if (scheduler_.joinable()) scheduler_.join();
  std::deque<RunningPtr> not_begun;
  {
    absl::MutexLock lock(&mutex_);
    not_begun.swap(acquired_);
    left.swap(waiting_);
  }
  for (const RunningPtr& operation : not_begun) Pause(*operation);
  for (Waiting& waiting : left) waiting.done(Stopped());
}

void Runner::Wait(const std::string& name, absl::Time deadline, std::function<bool()> gone,
                  Operations::WaitDone done) {
  if (!gone) gone = [] { return false; };
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) {
      refused = Stopped();
    } else if (waiting_.size() >= options_.most_waits) {
      refused = TooManyWait();
    } else {
      waiting_.push_back({name, deadline, std::move(gone), std::move(done)});
    }
  }
  if (!refused.ok()) return done(refused);
  alarm_->Ring();
}

size_t Runner::waiting() {
  absl::MutexLock lock(&mutex_);
  return waiting_.size();
}

// The scheduler.

void Runner::Schedule() {
  while (true) {
    const absl::Time began = options_.clock->Now();
    Round(began);
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
    }
    alarm_->Wait(NextRound(began));
  }
}

absl::Time Runner::NextRound(absl::Time began) {
  absl::Time next = began + options_.poll_interval;
  absl::MutexLock lock(&mutex_);
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.deadline);
  return next;
}

void Runner::Round(absl::Time now) {
  std::vector<RunningPtr> running;
  bool for_work = false;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, operation] : running_) running.push_back(operation);
    for_work = !stopping_ && static_cast<int>(running.size()) < options_.threads;
  }
  absl::Status kept = Keep(now, running);
  absl::StatusOr<Found> found = Look(running, for_work);
  AnswerWaits(now, found);
  Report(kept.ok() ? found.status() : kept);
  if (!found.ok()) return;
  TellCancelled(*found, running);
  if (for_work) Acquire(now, found->candidates);
  if (!kept.ok()) return;
  absl::MutexLock lock(&mutex_);
  ++rounds_;
}

// Renews leases and writes progress, where it is time to.
absl::Status Runner::Keep(absl::Time now, const std::vector<RunningPtr>& running) {
  struct Due {
    Running* operation;
    bool renew;
    bool progress;
    int64_t progress_version;
    bool lost = false;
  };
  std::vector<Due> due;
  for (const RunningPtr& operation : running) {
    const int64_t version = operation->signals.progress_version();
    const bool renew = operation->next_renewal <= now;
    const bool progress = version != operation->progress_written && operation->next_progress <= now;
    if (renew || progress) due.push_back({operation.get(), renew, progress, version});
  }
  if (due.empty()) return absl::OkStatus();
  absl::StatusOr<store::Committed> committed =
      options_.store->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
        for (Due& d : due) {
          absl::StatusOr<OperationRecord> record = ReadHeld(tx, d.operation->lease);
          d.lost = absl::IsAborted(record.status());
          if (d.lost) continue;
          if (!record.ok()) return record.status();
          if (d.renew) {
            auto renewed = store::RenewLease(tx, d.operation->lease, now, options_.lease);
            if (!renewed.ok()) return renewed.status();
          }
          if (d.progress) {
            d.operation->signals.GetProgress(*record->mutable_metadata());
            PutRecord(tx, d.operation->name, *record);
          }
        }
        return absl::OkStatus();
      });
  if (!committed.ok()) return committed.status();
  for (const Due& d : due) {
    if (d.lost) d.operation->signals.LoseLease();
    if (d.renew) d.operation->next_renewal = now + options_.lease / 3;
    if (d.progress) {
      d.operation->progress_written = d.progress_version;
      d.operation->next_progress = now + options_.progress_interval;
    }
  }
  return absl::OkStatus();
}

// Reads what runs and what is waited for, and looks for work.
absl::StatusOr<Runner::Found> Runner::Look(const std::vector<RunningPtr>& running, bool for_work) {
  Found found;
  for (const RunningPtr& operation : running) found.names.push_back(operation->name);
  {
    absl::MutexLock lock(&mutex_);
    for (const Waiting& waiting : waiting_) found.names.push_back(waiting.name);
  }
  std::sort(found.names.begin(), found.names.end());
  found.names.erase(std::unique(found.names.begin(), found.names.end()), found.names.end());
  store::ScanSpec unfinished;
  unfinished.table = resources::kOperations;
  unfinished.terms = {{kDoneColumn, store::Term::Op::kEqual, {int64_t{0}}}};
  unfinished.limit = kCandidates;
  absl::Status read = options_.store->Read([&](store::Reader& reader) -> absl::Status {
    found.records.clear();
    found.candidates.clear();
    if (!found.names.empty()) {
      auto rows = reader.GetMany(resources::kOperations, found.names);
      if (!rows.ok()) return rows.status();
      for (const std::optional<store::Row>& row : *rows) {
        found.records.emplace_back();
        if (!row.has_value()) continue;
        absl::StatusOr<OperationRecord> record = ParseRecord(row->data);
        if (!record.ok()) return record.status();
        found.records.back() = *std::move(record);
      }
    }
    if (!for_work) return absl::OkStatus();
    return reader.Scan(unfinished, [&](store::Row& row) {
      absl::StatusOr<OperationRecord> record = ParseRecord(row.data);
      // One of a kind that this version does not know is left to those that do.
      if (record.ok() && kinds_.contains(record->kind())) {
        found.candidates.push_back(std::move(row.key));
      }
      return true;
    });
  });
  if (!read.ok()) return read;
  return found;
}

void Runner::TellCancelled(const Found& found, const std::vector<RunningPtr>& running) {
  for (const RunningPtr& operation : running) {
    const auto at = std::lower_bound(found.names.begin(), found.names.end(), operation->name);
    const auto& record = found.records[static_cast<size_t>(at - found.names.begin())];
    if (record.has_value() && record->metadata().cancel_requested()) operation->signals.Cancel();
  }
}

void Runner::AnswerWaits(absl::Time now, const absl::StatusOr<Found>& found) {
  std::vector<std::pair<Waiting, absl::StatusOr<google::longrunning::Operation>>> answers;
  {
    absl::MutexLock lock(&mutex_);
    std::vector<Waiting> left;
    for (Waiting& waiting : waiting_) {
      const bool over = stopping_ || waiting.deadline <= now || waiting.gone();
      if (!found.ok()) {
        if (over) {
          answers.emplace_back(std::move(waiting), found.status());
        } else {
          left.push_back(std::move(waiting));
        }
        continue;
      }
      const auto at = std::lower_bound(found->names.begin(), found->names.end(), waiting.name);
      if (at == found->names.end() || *at != waiting.name) {
        // It began to wait after the store was read.
        left.push_back(std::move(waiting));
        continue;
      }
      const auto& record = found->records[static_cast<size_t>(at - found->names.begin())];
      if (!record.has_value()) {
        absl::Status missing = OperationNotFound(waiting.name);
        answers.emplace_back(std::move(waiting), std::move(missing));
      } else if (over || IsDone(*record)) {
        google::longrunning::Operation operation = ToOperation(waiting.name, *record);
        answers.emplace_back(std::move(waiting), std::move(operation));
      } else {
        left.push_back(std::move(waiting));
      }
    }
    waiting_ = std::move(left);
  }
  for (auto& [waiting, answer] : answers) waiting.done(std::move(answer));
}

void Runner::Acquire(absl::Time now, const std::vector<std::string>& candidates) {
  for (const std::string& name : candidates) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_ || static_cast<int>(running_.size()) >= options_.threads) return;
      if (running_.contains(name)) continue;
    }
    absl::StatusOr<RunningPtr> acquired = TryAcquire(now, name);
    if (!acquired.ok()) return Report(acquired.status());
    if (*acquired == nullptr) continue;
    absl::MutexLock lock(&mutex_);
    if (stopping_) (*acquired)->signals.Stop();
    running_[name] = *acquired;
    acquired_.push_back(*std::move(acquired));
  }
}

absl::StatusOr<Runner::RunningPtr> Runner::TryAcquire(absl::Time now, const std::string& name) {
  RunningPtr acquired;
  absl::StatusOr<store::Committed> committed =
      options_.store->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
        acquired = nullptr;
        absl::StatusOr<std::optional<OperationRecord>> record = ReadRecord(tx, name);
        if (!record.ok()) return record.status();
        if (!record->has_value() || IsDone(**record)) return absl::OkStatus();
        absl::StatusOr<store::Lease> lease =
            store::AcquireLease(tx, name, options_.replica, now, options_.lease);
        if (absl::IsAborted(lease.status())) return absl::OkStatus();
        if (!lease.ok()) return lease.status();
        // Whoever leaves it in order says so.
        if ((*record)->phase() == OperationRecord::RUNNING) {
          (*record)->set_crashes((*record)->crashes() + 1);
        }
        if ((*record)->crashes() >= options_.most_crashes) {
          EndWithError(tx, name, **record, Crashed(name, (*record)->crashes()), now,
                       options_.retention);
          return absl::OkStatus();
        }
        (*record)->set_phase(OperationRecord::RUNNING);
        PutRecord(tx, name, **record);
        acquired = std::make_shared<Running>();
        acquired->name = name;
        acquired->lease = *std::move(lease);
        acquired->record = **std::move(record);
        acquired->next_renewal = now + options_.lease / 3;
        acquired->next_progress = now;
        return absl::OkStatus();
      });
  if (!committed.ok()) return committed.status();
  if (acquired != nullptr && acquired->record.metadata().cancel_requested()) {
    acquired->signals.Cancel();
  }
  return acquired;
}

// Says once that the store is away, and once that it is back.
void Runner::Report(const absl::Status& status) {
  if (status.ok() == !away_) return;
  away_ = !status.ok();
  if (away_) {
    telemetry::Log(telemetry::LogLevel::kWarning, "Operations cannot reach the store",
                   {{"error", status.ToString()}});
  } else {
    telemetry::Log(telemetry::LogLevel::kInfo, "Operations reach the store again");
  }
}

// The threads that work.

void Runner::Work() {
  while (true) {
    RunningPtr operation;
    {
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !acquired_.empty();
      };
      absl::MutexLock lock(&mutex_, absl::Condition(&ready));
      if (stopping_) return;
      operation = std::move(acquired_.front());
      acquired_.pop_front();
    }
    RunOperation(*operation);
    {
      absl::MutexLock lock(&mutex_);
      running_.erase(operation->name);
    }
    // There is room for another, and who waits for this one can be told.
    alarm_->Ring();
  }
}

void Runner::RunOperation(Running& operation) {
  const OperationKind& kind = kinds_.find(operation.record.kind())->second;
  OperationRecord record = operation.record;
  while (true) {
    OperationContext context(environment_, operation.signals, operation.name, operation.lease,
                             record);
    Result result = kind.work(context, operation.record.parameters());
    if (operation.signals.lost()) return;
    if (context.told_to_stop() && !result.ok()) return Pause(operation);
    if (!context.interrupted()) return Settle(operation, result);
    // The store was away: what the work returned says nothing of the work. It
    // goes on from what is saved.
    absl::StatusOr<std::optional<OperationRecord>> saved;
    do {
      if (!AwaitStore()) return Pause(operation);
      absl::Status read = options_.store->Read([&](store::Reader& reader) {
        saved = ReadRecord(reader, operation.name);
        return saved.status();
      });
      if (!read.ok()) saved = read;
    } while (IsPassing(saved.status()));
    if (!saved.ok() || !saved->has_value() || IsDone(**saved)) return;
    record = **std::move(saved);
  }
}

// Records how an operation ended.
void Runner::Settle(Running& operation, const Result& result) {
  absl::Status ended = End(operation, result);
  while (IsPassing(ended)) {
    if (!AwaitStore()) return Pause(operation);
    ended = End(operation, result);
  }
  if (ended.ok() || absl::IsAborted(ended)) return;
  // The result itself cannot be stored.
  ended = End(operation, ended);
  if (!ended.ok()) {
    telemetry::Log(telemetry::LogLevel::kError, "The end of an operation was not recorded",
                   {{"operation", operation.name}, {"error", ended.ToString()}});
  }
}

absl::Status Runner::End(Running& operation, const Result& result) {
  return options_.store
      ->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
        absl::StatusOr<OperationRecord> record = ReadHeld(tx, operation.lease);
        if (!record.ok()) return record.status();
        operation.signals.GetProgress(*record->mutable_metadata());
        const absl::Time now = options_.clock->Now();
        if (result.ok()) {
          EndWithResponse(tx, operation.name, *record, *result, now, options_.retention);
        } else {
          EndWithError(tx, operation.name, *record, result.status(), now, options_.retention);
        }
        return absl::OkStatus();
      })
      .status();
}

// Leaves an operation to others. Where this fails, its lease runs out by itself,
// as after a crash.
void Runner::Pause(Running& operation) {
  absl::StatusOr<store::Committed> paused =
      options_.store->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
        absl::StatusOr<OperationRecord> record = ReadHeld(tx, operation.lease);
        if (!record.ok()) return record.status();
        operation.signals.GetProgress(*record->mutable_metadata());
        record->set_phase(OperationRecord::PAUSED);
        PutRecord(tx, operation.name, *record);
        return store::ReleaseLease(tx, operation.lease);
      });
  if (paused.ok() || absl::IsAborted(paused.status())) return;
  telemetry::Log(telemetry::LogLevel::kWarning, "An operation was not handed over",
                 {{"operation", operation.name}, {"error", paused.status().ToString()}});
}

bool Runner::AwaitStore() {
  absl::MutexLock lock(&mutex_);
  const int64_t seen = rounds_;
  const auto over = [this, seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || rounds_ > seen;
  };
  mutex_.Await(absl::Condition(&over));
  return !stopping_;
}

}  // namespace caravan::operations
