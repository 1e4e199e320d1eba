// raw-commit: how many updates a second the database itself makes durable when
// a number of submitters wait and all that wait are committed together. Writes a
// line of JSON. See raw_database.h.
//
//   raw-commit sqlite --database <file>
//   raw-commit postgres --database <conninfo> [--schema caravan]
//   raw-commit disk --database <file>     appends and fdatasync, one after the
//                                         other: a probe of the disk
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/load/enterprises.h"
#include "tests/load/raw_database.h"

ABSL_FLAG(std::string, database, "", "file or libpq connection string");
ABSL_FLAG(std::string, schema, "caravan", "PostgreSQL schema of the service");
ABSL_FLAG(int, submitters, 64, "submitters that wait");
ABSL_FLAG(double, seconds, 5, "how long to measure");
ABSL_FLAG(double, warm_up, 1, "how long to commit before that, in seconds");
ABSL_FLAG(int64_t, rows, 10000, "enterprises in the database");
ABSL_FLAG(int64_t, working_set, 10000, "how many of them are updated");

namespace caravan::load {
namespace {

// Those who wait for one commit.
struct Group {
  std::vector<const RawUpdate*> updates;
  absl::Notification committed;
};

class GroupCommitter {
 public:
  explicit GroupCommitter(RawDatabase& database) : database_(database) {}

  // Waits until the update is durable; false where the run has ended.
  bool Submit(const RawUpdate& update) {
    std::shared_ptr<Group> group;
    {
      absl::MutexLock lock(&mutex_);
      if (ended_) return false;
      group = open_;
      group->updates.push_back(&update);
    }
    group->committed.WaitForNotification();
    return true;
  }

  // Commits until `end`; counts what is committed from `begin` on.
  absl::Status Run(absl::Time begin, absl::Time end) {
    absl::Status status;
    for (absl::Time now = absl::Now(); now < end && status.ok(); now = absl::Now()) {
      std::shared_ptr<Group> group = Take();
      status = database_.Commit(group->updates);
      if (now >= begin) {
        committed_ += static_cast<int64_t>(group->updates.size());
        ++groups_;
      }
      group->committed.Notify();
    }
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    open_->committed.Notify();
    return status;
  }

  int64_t committed() const { return committed_; }
  int64_t groups() const { return groups_; }

 private:
  std::shared_ptr<Group> Take() {
    absl::MutexLock lock(
        &mutex_, absl::Condition(
                     +[](GroupCommitter* self) { return !self->open_->updates.empty(); }, this));
    return std::exchange(open_, std::make_shared<Group>());
  }

  RawDatabase& database_;
  absl::Mutex mutex_;
  std::shared_ptr<Group> open_ = std::make_shared<Group>();
  bool ended_ = false;
  int64_t committed_ = 0;
  int64_t groups_ = 0;
};

// Updates its own enterprises in turn.
void Submit(GroupCommitter& committer, std::vector<RawUpdate> own, const std::string& run) {
  int64_t count = 0;
  for (size_t at = 0;; at = (at + 1) % own.size()) {
    RawUpdate& update = own[at];
    update.after = update.before;
    // Somewhere in the display name.
    update.after[update.after.size() / 4] ^= 1;
    update.request_key = absl::StrFormat(
        "users/load\ncaravan.zones.v1.EnterpriseService/UpdateEnterprise\n%s-%016d-0123456789", run,
        ++count);
    if (!committer.Submit(update)) return;
    update.before = update.after;
  }
}

absl::Status Measure(RawDatabase& database) {
  const int64_t rows = absl::GetFlag(FLAGS_rows);
  const int64_t working_set = std::min(rows, absl::GetFlag(FLAGS_working_set));
  const int submitters = absl::GetFlag(FLAGS_submitters);
  std::vector<std::string> keys;
  for (int64_t i = 0; i < working_set; ++i) keys.push_back(EnterpriseName(i * rows / working_set));
  auto updates = database.Read(keys);
  if (!updates.ok()) return updates.status();
  if (updates->size() < static_cast<size_t>(submitters)) {
    return absl::FailedPreconditionError("there are fewer enterprises than submitters");
  }
  std::vector<std::vector<RawUpdate>> shares(submitters);
  for (size_t i = 0; i < updates->size(); ++i) {
    shares[i % submitters].push_back(std::move((*updates)[i]));
  }
  std::random_device random;
  GroupCommitter committer(database);
  std::vector<std::thread> threads;
  for (std::vector<RawUpdate>& share : shares) {
    threads.emplace_back(
        [&committer, share = std::move(share), run = absl::StrFormat("%08x", random())]() mutable {
          Submit(committer, std::move(share), run);
        });
  }
  const absl::Time begin = absl::Now() + absl::Seconds(absl::GetFlag(FLAGS_warm_up));
  const absl::Time end = begin + absl::Seconds(absl::GetFlag(FLAGS_seconds));
  const absl::Status status = committer.Run(begin, end);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  for (std::thread& thread : threads) thread.join();
  if (!status.ok()) return status;
  absl::PrintF("{\"rate\":%.1f,\"group\":%.1f}\n", committer.committed() / seconds,
               committer.groups() == 0
                   ? 0.0
                   : static_cast<double>(committer.committed()) / committer.groups());
  return absl::OkStatus();
}

absl::Status ProbeDisk(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const std::string block(4096, 'x');
  const absl::Time begin = absl::Now();
  const absl::Time end = begin + absl::Seconds(absl::GetFlag(FLAGS_seconds));
  int64_t count = 0;
  bool ok = true;
  for (; ok && absl::Now() < end; ++count) {
    ok = write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
         fdatasync(file) == 0;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  close(file);
  unlink(path.c_str());
  if (!ok) return absl::DataLossError(absl::StrCat("cannot write ", path));
  absl::PrintF("{\"rate\":%.1f}\n", count / seconds);
  return absl::OkStatus();
}

absl::Status Main(const std::string& engine) {
  const std::string database = absl::GetFlag(FLAGS_database);
  if (engine == "disk") return ProbeDisk(database);
  absl::StatusOr<std::unique_ptr<RawDatabase>> opened =
      engine == "sqlite"     ? OpenRawSqlite(database)
      : engine == "postgres" ? OpenRawPostgres(database, absl::GetFlag(FLAGS_schema))
                             : absl::InvalidArgumentError(absl::StrCat("no engine '", engine, "'"));
  if (!opened.ok()) return opened.status();
  return Measure(**opened);
}

}  // namespace
}  // namespace caravan::load

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as the services do
  absl::SetProgramUsageMessage("raw-commit sqlite|postgres|disk --database ...");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() != 2) {
    std::fprintf(stderr, "%s\n", std::string(absl::ProgramUsageMessage()).c_str());
    return 2;
  }
  const absl::Status status = caravan::load::Main(arguments[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
