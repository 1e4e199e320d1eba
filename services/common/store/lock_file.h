// A file that one process has locked, as long as it has the database beside it open.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace caravan::store {

class LockFile {
 public:
  // Locks a file, which is made where it is missing, at once or not at all:
  // FAILED_PRECONDITION with reason STORE_IN_USE where another has it, UNAVAILABLE where it
  // cannot be opened. `log` takes a line with the path, which errors never carry.
  static absl::StatusOr<LockFile> Lock(const std::string& path,
                                       const std::function<void(std::string_view)>& log);

  LockFile(LockFile&& other) : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace caravan::store
