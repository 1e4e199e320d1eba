// Files that are loaded again when they change: access policies and keys.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/settings/yaml.h"

namespace caravan::identity {

// Looks at a file every `interval`, on a thread of its own, and loads it again
// when it has changed. A file that is wrong then changes nothing and is logged.
class FileWatcher {
 public:
  // `what` is the file in the log, for example `access policy`; `load` is called
  // by one thread at a time, and returns what is wrong.
  FileWatcher(std::string what, std::string file, absl::Duration interval,
              std::function<absl::Status()> load);
  ~FileWatcher();

  // Loads it for the first time, and watches it from then on where that is OK.
  absl::Status Start();

 private:
  // Tells one state of a file from the next: device, inode, size, time.
  using Version = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;
  static Version VersionOf(const std::string& file);
  void Watch();

  const std::string what_;
  const std::string file_;
  const absl::Duration interval_;
  const std::function<absl::Status()> load_;
  Version version_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

// What a file contains, as it is now. Thread-safe.
template <typename T>
class WatchedFile {
 public:
  using Parse = std::function<absl::StatusOr<std::shared_ptr<const T>>(const std::string& text)>;

  // INVALID_ARGUMENT, naming the file, where it is wrong; see FileWatcher.
  static absl::StatusOr<std::unique_ptr<WatchedFile>> Open(
      const std::string& what, const std::string& file, Parse parse,
      absl::Duration interval = absl::Seconds(1)) {
    std::unique_ptr<WatchedFile> watched(new WatchedFile);
    watched->watcher_ = std::make_unique<FileWatcher>(
        what, file, interval, [&watched = *watched, file, parse = std::move(parse)] {
          const absl::StatusOr<std::string> text = settings::ReadFile(file);
          if (!text.ok()) return text.status();
          auto value = parse(*text);
          if (!value.ok()) {
            return absl::InvalidArgumentError(file + ": " + std::string(value.status().message()));
          }
          watched.Set(*std::move(value));
          return absl::OkStatus();
        });
    if (absl::Status status = watched->watcher_->Start(); !status.ok()) return status;
    return watched;
  }

  // Without a file.
  static std::unique_ptr<WatchedFile> Of(std::shared_ptr<const T> value) {
    std::unique_ptr<WatchedFile> watched(new WatchedFile);
    watched->Set(std::move(value));
    return watched;
  }

  std::shared_ptr<const T> Get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

  // Grows whenever the value is another. Read it before Get(): what is derived
  // from the value is outdated once it has grown.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  WatchedFile() = default;

  void Set(std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
    generation_.fetch_add(1, std::memory_order_release);
  }

  mutable std::mutex mutex_;  // held to copy or exchange the pointer
  std::shared_ptr<const T> value_;
  std::atomic<uint64_t> generation_{0};
  std::unique_ptr<FileWatcher> watcher_;  // last: its thread uses the others
};

}  // namespace caravan::identity
