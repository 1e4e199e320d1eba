#include "services/common/identity/watched_file.h"

#include <sys/stat.h>

#include "services/common/telemetry/log.h"

namespace caravan::identity {

FileWatcher::FileWatcher(std::string what, std::string file, absl::Duration interval,
                         std::function<absl::Status()> load)
    : what_(std::move(what)),
      file_(std::move(file)),
      interval_(interval),
      load_(std::move(load)),
      version_(VersionOf(file_)) {}

FileWatcher::~FileWatcher() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status FileWatcher::Start() {
  if (absl::Status status = load_(); !status.ok()) return status;
  thread_ = std::thread([this] { Watch(); });
  return absl::OkStatus();
}

FileWatcher::Version FileWatcher::VersionOf(const std::string& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

void FileWatcher::Watch() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, absl::ToChronoNanoseconds(interval_), [&] { return stopping_; })) {
    // The version is taken first: a change while reading is seen next time.
    const Version version = VersionOf(file_);
    if (version == version_) continue;
    version_ = version;
    const absl::Status status = load_();
    if (status.ok()) {
      telemetry::Log(telemetry::LogLevel::kInfo, "A file was loaded again",
                     {{"what", what_}, {"file", file_}});
    } else {
      telemetry::Log(telemetry::LogLevel::kError,
                     "A file has changed and is wrong; what was loaded before stays in force",
                     {{"what", what_}, {"file", file_}, {"error", status.message()}});
    }
  }
}

}  // namespace caravan::identity
