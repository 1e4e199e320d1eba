#include "services/common/store/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {

absl::StatusOr<LockFile> LockFile::Lock(const std::string& path,
                                        const std::function<void(std::string_view)>& log) {
  LockFile file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.descriptor_ < 0) {
    log(absl::StrCat("sqlite: open ", path, ": ", strerror(errno)));
    return UnavailableError();
  }
  if (flock(file.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    log(absl::StrCat("sqlite: ", path, " is locked by another process"));
    return api::Error(absl::StatusCode::kFailedPrecondition, "STORE_IN_USE",
                      "the database file is in use by another process; stop that one first, or "
                      "use another file");
  }
  return file;
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace caravan::store
