#include "services/common/store/committer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(20);
constexpr absl::Duration kLongestGathering = absl::Milliseconds(1);
constexpr absl::Duration kLongestBackoff = absl::Seconds(1);
// After so many groups without a commit of others, the next one is tried without
// the lock. Where that fails, it is one round trip more for all of them, and those
// who read something else run again, one read after the other.
constexpr int kAloneFor = 64;
// Rows whose last writes are known.
constexpr size_t kRecentRows = 32 << 10;
constexpr int64_t kRecentBytes = 32 << 20;

}  // namespace

Committer::Committer(Engine* engine, Catalog* catalog, const StoreOptions& options,
                     absl::Duration patience, Callbacks* callbacks, Hooks hooks,
                     std::unique_ptr<WriterConnection> writer)
    : engine_(engine),
      catalog_(catalog),
      options_(options),
      patience_(patience),
      callbacks_(callbacks),
      hooks_(std::move(hooks)),
      writer_(std::move(writer)),
      recent_(kRecentRows, kRecentBytes),
      thread_([this] { Loop(); }) {}

void Committer::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Committer::Submit(Submission submission) {
  std::vector<Submission> submissions;
  submissions.push_back(std::move(submission));
  SubmitAll(std::move(submissions));
}

void Committer::SubmitAll(std::vector<Submission> submissions) {
  if (submissions.empty()) return;
  const absl::Time now = absl::Now();
  std::vector<Member> members;
  members.reserve(submissions.size());
  for (Submission& submission : submissions) {
    members.push_back({.body = std::move(submission.body),
                       .done = std::move(submission.done),
                       .prepared = std::move(submission.prepared),
                       .submitted = now});
  }
  Add(std::move(members));
}

absl::Status Committer::Run(Job job) {
  absl::Notification finished;
  absl::Status status;
  std::vector<Member> members;
  members.push_back({.done =
                         [&](absl::StatusOr<Committed> result) {
                           status = result.status();
                           finished.Notify();
                         },
                     .job = std::move(job),
                     .submitted = absl::Now()});
  Add(std::move(members));
  finished.WaitForNotification();
  return status;
}

void Committer::Add(std::vector<Member> members) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closing_) {
      for (Member& member : members) queue_.push_back(std::move(member));
      return;
    }
  }
  for (Member& member : members) {
    callbacks_->Run([done = std::move(member.done)]() mutable { done(UnavailableError()); });
  }
}

std::vector<Committer::Member> Committer::Take() {
  auto has_work = [this]()
                      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || closing_; };
  auto has_group = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.size() * 3 >= usual_group_ || closing_;
  };
  absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
  // Those whom the last group has answered come back one after the other: without
  // a short wait, the first of them would be committed alone. A part of them is
  // enough: while it is committed, the bodies of the others run, so that neither
  // the database nor this process waits for the other.
  if (usual_group_ > 1) {
    mutex_.AwaitWithTimeout(absl::Condition(&has_group),
                            std::min(commit_duration_ / 4, kLongestGathering));
  }
  std::vector<Member> members;
  while (!queue_.empty() && static_cast<int>(members.size()) < options_.max_group) {
    // A job is a group of its own.
    if (queue_.front().job && !members.empty()) break;
    members.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (members.back().job) break;
  }
  // Follows a growing number at once, a falling one slowly.
  usual_group_ = std::max(members.size(), usual_group_ * 3 / 4);
  return members;
}

void Committer::Loop() {
  while (true) {
    std::vector<Member> members = Take();
    if (members.empty()) return;
    const absl::Time begin = absl::Now();
    Commit(absl::MakeSpan(members));
    commit_duration_ = absl::Now() - begin;
    Deliver(std::move(members));
  }
}

void Committer::Deliver(std::vector<Member> members) {
  std::vector<Callbacks::Callback> callbacks;
  callbacks.reserve(members.size());
  for (Member& member : members) {
    callbacks.push_back([done = std::move(member.done), result = std::move(member.result),
                         after_commit = std::move(member.after_commit)]() mutable {
      if (result.ok()) {
        for (const std::function<void()>& callback : after_commit) callback();
      }
      done(std::move(result));
    });
  }
  callbacks_->RunAll(std::move(callbacks));
}

void Committer::Commit(absl::Span<Member> members) {
  const absl::Time deadline = members.front().submitted + patience_;
  while (true) {
    absl::Status status = Reconnect(deadline);
    if (status.ok()) status = TryCommit(members);
    if (status.ok()) return;
    // The attempt has used what had run ahead.
    for (Member& member : members) member.prepared = nullptr;
    if (IsDatabaseAway(status) && absl::Now() < deadline) continue;
    if (IsStatementError(status) && members.size() > 1) {
      // One of them is at fault; the others are not to fail with it.
      for (Member& member : members) Commit(absl::MakeSpan(&member, 1));
      return;
    }
    for (Member& member : members) member.result = status;
    return;
  }
}

absl::Status Committer::TryCommit(absl::Span<Member> members) {
  if (members.front().job) return RunJob(members.front());
  absl::StatusOr<bool> at_once = TryCommitAtOnce(members);
  if (!at_once.ok()) return at_once.status();
  if (*at_once) return absl::OkStatus();
  std::vector<RowKey> reads;
  for (const Member& member : members) {
    if (member.prepared == nullptr) continue;
    reads.insert(reads.end(), member.prepared->reads().begin(), member.prepared->reads().end());
  }
  std::vector<int64_t> versions;
  absl::StatusOr<Meta> meta = writer_->Begin(reads, &versions);
  bool layout_changed = false;
  absl::Status status = meta.status();
  if (status.ok()) NoteMeta(*meta);
  if (status.ok() && meta->layout_epoch != catalog_->layout_epoch()) {
    absl::StatusOr<bool> changed = hooks_.layout_changed(*writer_, &*meta);
    status = changed.status();
    layout_changed = status.ok() && *changed;
  }
  if (!status.ok()) {
    writer_->Rollback();
    return status;
  }
  Group group(catalog_, writer_.get(), *meta, options_.clock());
  status = RunMembers(members, versions, group);
  if (status.ok()) status = group.Flush();
  if (status.ok() && !group.wrote() && !layout_changed) {
    writer_->Rollback();
    return status;
  }
  if (status.ok()) status = writer_->Commit(group.meta());
  if (!status.ok()) {
    writer_->Rollback();
    if (IsCommitUnknown(status)) status = Resolve();
    if (!status.ok()) return status;
  }
  if (engine_->shared()) group.NoteWrites(&recent_);
  NoteCommit(group.meta());
  return absl::OkStatus();
}

bool Committer::alone() const { return alone_ >= kAloneFor; }

absl::StatusOr<bool> Committer::TryCommitAtOnce(absl::Span<Member> members) {
  if (!alone() || known_.layout_epoch != catalog_->layout_epoch()) return false;
  std::vector<const BufferedTransaction*> transactions;
  // Without a write, there would be nothing that fails.
  bool writes = false;
  for (const Member& member : members) {
    if (member.prepared == nullptr) return false;
    transactions.push_back(member.prepared.get());
    writes = writes || (member.prepared->commits() && !member.prepared->writes_nothing());
  }
  if (!writes || !Group::AreCurrent(transactions, recent_)) return false;
  Group group(catalog_, writer_.get(), known_, options_.clock());
  for (Member& member : members) Settle(*member.prepared, group, member);
  absl::StatusOr<bool> committed = group.CommitAt(known_);
  if (committed.ok() && !*committed) {
    alone_ = 0;
    return false;
  }
  if (!committed.ok()) {
    writer_->Rollback();
    absl::Status status = committed.status();
    if (IsCommitUnknown(status)) status = Resolve();
    if (!status.ok()) return status;
  }
  group.NoteWrites(&recent_);
  NoteCommit(group.meta());
  return true;
}

absl::Status Committer::RunMembers(absl::Span<Member> members, absl::Span<const int64_t> versions,
                                   Group& group) {
  size_t read = 0;
  for (Member& member : members) {
    std::unique_ptr<BufferedTransaction> again;
    BufferedTransaction* transaction = member.prepared.get();
    bool current = false;
    if (transaction != nullptr) {
      const size_t reads = transaction->reads().size();
      current = group.IsCurrent(*transaction, versions.subspan(read, reads));
      read += reads;
    }
    if (!current) {
      again = std::make_unique<BufferedTransaction>(catalog_, &group.reader(), &group);
      transaction = again.get();
      transaction->set_status(member.body(*transaction));
      if (!group.status().ok()) return group.status();
      if (!writer_->usable()) return UnavailableError();
    }
    Settle(*transaction, group, member);
  }
  return absl::OkStatus();
}

void Committer::Settle(const BufferedTransaction& transaction, Group& group, Member& member) {
  member.after_commit.clear();
  absl::Status status = transaction.status();
  if (status.ok() && !transaction.discarded()) status = transaction.error();
  if (!status.ok()) {
    member.result = status;
  } else if (transaction.discarded()) {
    member.result = Committed{group.meta().revision};
  } else {
    member.result = Committed{group.Add(transaction)};
    member.after_commit = transaction.after_commit();
  }
}

absl::Status Committer::RunJob(Member& member) {
  absl::StatusOr<Meta> meta = writer_->Begin({}, nullptr);
  absl::Status status = meta.status();
  if (status.ok()) NoteMeta(*meta);
  if (status.ok() && meta->layout_epoch != catalog_->layout_epoch()) {
    status = hooks_.layout_changed(*writer_, &*meta).status();
  }
  if (status.ok()) status = member.job(*writer_, &*meta);
  if (status.ok()) status = writer_->Commit(*meta);
  if (!status.ok()) {
    writer_->Rollback();
    if (IsCommitUnknown(status)) status = Resolve();
    if (!status.ok()) return status;
  }
  NoteCommit(*meta);
  member.result = Committed{meta->revision};
  return absl::OkStatus();
}

void Committer::NoteMeta(const Meta& meta) {
  if (!engine_->shared()) return;
  if (meta.version == known_.version) {
    alone_ = std::min<int>(alone_ + 1, kAloneFor);
  } else {
    alone_ = 0;
    recent_.Restart(meta.version);
  }
  known_ = meta;
}

void Committer::NoteCommit(const Meta& meta) {
  known_ = meta;
  version_ = meta.version;
  last_commit_ = absl::GetCurrentTimeNanos();
  hooks_.committed(meta);
}

absl::Status Committer::Resolve() {
  if (absl::Status status = Reconnect(absl::Now() + patience_); !status.ok()) {
    return CommitUnknownError();
  }
  absl::StatusOr<bool> committed = engine_->HasCommitted(*writer_);
  if (!committed.ok()) return CommitUnknownError();
  return *committed ? absl::OkStatus() : UnavailableError();
}

absl::Status Committer::Reconnect(absl::Time deadline) {
  absl::Duration backoff = kFirstBackoff;
  while (writer_ == nullptr || !writer_->usable()) {
    writer_ = nullptr;
    absl::StatusOr<std::unique_ptr<WriterConnection>> writer = engine_->ConnectWriter();
    if (writer.ok()) {
      writer_ = *std::move(writer);
      break;
    }
    if (absl::Now() + backoff > deadline) return UnavailableError();
    absl::SleepFor(backoff);
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
  return absl::OkStatus();
}

}  // namespace caravan::store
