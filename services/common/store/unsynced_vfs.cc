#include "services/common/store/unsynced_vfs.h"

#include <sqlite3.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace caravan::store {
namespace {

std::atomic<int> write_failure = SQLITE_OK;
std::atomic<int> sync_failure = SQLITE_OK;

// What was written to a file, and not synced: shared by all that have it open.
class Unsynced {
 public:
  int Read(sqlite3_file* real, void* buffer, int amount, sqlite3_int64 offset) {
    absl::MutexLock lock(&mutex_);
    char* out = static_cast<char*>(buffer);
    sqlite3_int64 size = 0;
    if (int code = SizeLocked(real, &size); code != SQLITE_OK) return code;
    // SQLite wants zeros where the file ends before.
    memset(out, 0, amount);
    sqlite3_int64 real_size = 0;
    if (int code = real->pMethods->xFileSize(real, &real_size); code != SQLITE_OK) return code;
    if (truncated_ >= 0) real_size = std::min(real_size, truncated_);
    const int from_file =
        static_cast<int>(std::clamp<sqlite3_int64>(real_size - offset, 0, amount));
    if (from_file > 0) {
      const int code = real->pMethods->xRead(real, out, from_file, offset);
      if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
    }
    for (const Write& write : writes_) {
      const sqlite3_int64 begin = std::max(offset, write.offset);
      const sqlite3_int64 end =
          std::min(offset + amount, write.offset + static_cast<sqlite3_int64>(write.data.size()));
      if (begin < end) {
        memcpy(out + (begin - offset), write.data.data() + (begin - write.offset), end - begin);
      }
    }
    return offset + amount > size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
  }

  void Add(const void* buffer, int amount, sqlite3_int64 offset) {
    absl::MutexLock lock(&mutex_);
    writes_.push_back({offset, std::string(static_cast<const char*>(buffer), amount)});
  }

  void Truncate(sqlite3_int64 size) {
    absl::MutexLock lock(&mutex_);
    truncated_ = truncated_ < 0 ? size : std::min(truncated_, size);
    for (Write& write : writes_) {
      const sqlite3_int64 rest = std::max<sqlite3_int64>(size - write.offset, 0);
      if (rest < static_cast<sqlite3_int64>(write.data.size())) write.data.resize(rest);
    }
  }

  int Size(sqlite3_file* real, sqlite3_int64* size) {
    absl::MutexLock lock(&mutex_);
    return SizeLocked(real, size);
  }

  int Sync(sqlite3_file* real, int flags) {
    absl::MutexLock lock(&mutex_);
    if (truncated_ >= 0) {
      sqlite3_int64 size = 0;
      if (int code = real->pMethods->xFileSize(real, &size); code != SQLITE_OK) return code;
      if (truncated_ < size) {
        if (int code = real->pMethods->xTruncate(real, truncated_); code != SQLITE_OK) return code;
      }
      truncated_ = -1;
    }
    for (const Write& write : writes_) {
      const int code = real->pMethods->xWrite(real, write.data.data(),
                                              static_cast<int>(write.data.size()), write.offset);
      if (code != SQLITE_OK) return code;
    }
    writes_.clear();
    return real->pMethods->xSync(real, flags);
  }

 private:
  struct Write {
    sqlite3_int64 offset;
    std::string data;
  };

  int SizeLocked(sqlite3_file* real, sqlite3_int64* size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (int code = real->pMethods->xFileSize(real, size); code != SQLITE_OK) return code;
    if (truncated_ >= 0) *size = std::min(*size, truncated_);
    for (const Write& write : writes_) {
      if (write.data.empty()) continue;
      *size = std::max(*size, write.offset + static_cast<sqlite3_int64>(write.data.size()));
    }
    return SQLITE_OK;
  }

  absl::Mutex mutex_;
  std::vector<Write> writes_ ABSL_GUARDED_BY(mutex_);
  sqlite3_int64 truncated_ ABSL_GUARDED_BY(mutex_) = -1;  // not at all
};

// A file of ours: SQLite makes room for it, and for the real one behind it.
struct File {
  sqlite3_file base;
  std::shared_ptr<Unsynced>* unsynced;  // null: passes through
  sqlite3_file* real;
};

File* Self(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Self(file)->real; }
Unsynced* Buffer(sqlite3_file* file) {
  return Self(file)->unsynced == nullptr ? nullptr : Self(file)->unsynced->get();
}

sqlite3_vfs* DefaultVfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  return vfs;
}

struct Files {
  absl::Mutex mutex;
  std::map<std::string, std::weak_ptr<Unsynced>> by_path ABSL_GUARDED_BY(mutex);
};

Files& AllFiles() {
  static Files* const files = new Files;
  return *files;
}

int Close(sqlite3_file* file) {
  const int code = Real(file)->pMethods->xClose(Real(file));
  delete Self(file)->unsynced;
  Self(file)->unsynced = nullptr;
  return code;
}

int Read(sqlite3_file* file, void* buffer, int amount, sqlite3_int64 offset) {
  if (Unsynced* unsynced = Buffer(file)) {
    return unsynced->Read(Real(file), buffer, amount, offset);
  }
  return Real(file)->pMethods->xRead(Real(file), buffer, amount, offset);
}

int Write(sqlite3_file* file, const void* buffer, int amount, sqlite3_int64 offset) {
  if (Unsynced* unsynced = Buffer(file)) {
    if (const int code = write_failure; code != SQLITE_OK) return code;
    unsynced->Add(buffer, amount, offset);
    return SQLITE_OK;
  }
  return Real(file)->pMethods->xWrite(Real(file), buffer, amount, offset);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Unsynced* unsynced = Buffer(file)) {
    unsynced->Truncate(size);
    return SQLITE_OK;
  }
  return Real(file)->pMethods->xTruncate(Real(file), size);
}

int Sync(sqlite3_file* file, int flags) {
  if (Unsynced* unsynced = Buffer(file)) {
    if (const int code = sync_failure; code != SQLITE_OK) return code;
    return unsynced->Sync(Real(file), flags);
  }
  return Real(file)->pMethods->xSync(Real(file), flags);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (Unsynced* unsynced = Buffer(file)) return unsynced->Size(Real(file), size);
  return Real(file)->pMethods->xFileSize(Real(file), size);
}

int Lock(sqlite3_file* file, int lock) { return Real(file)->pMethods->xLock(Real(file), lock); }
int Unlock(sqlite3_file* file, int lock) { return Real(file)->pMethods->xUnlock(Real(file), lock); }
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), result);
}

int FileControl(sqlite3_file* file, int op, void* argument) {
  // These would write to the file, or map it, past the buffer.
  if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE ||
      op == SQLITE_FCNTL_MMAP_SIZE) {
    return SQLITE_NOTFOUND;
  }
  return Real(file)->pMethods->xFileControl(Real(file), op, argument);
}

int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int Characteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

// Version 2: with a shared index, without mapping of the file.
const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     Characteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File* self = Self(file);
  self->base.pMethods = nullptr;
  self->unsynced = nullptr;
  self->real = reinterpret_cast<sqlite3_file*>(self + 1);
  const int code = DefaultVfs()->xOpen(DefaultVfs(), name, self->real, flags, out_flags);
  if (self->real->pMethods == nullptr) return code;
  self->base.pMethods = &kMethods;
  if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
    Files& files = AllFiles();
    absl::MutexLock lock(&files.mutex);
    std::weak_ptr<Unsynced>& known = files.by_path[name];
    std::shared_ptr<Unsynced> unsynced = known.lock();
    if (unsynced == nullptr) {
      unsynced = std::make_shared<Unsynced>();
      known = unsynced;
    }
    self->unsynced = new std::shared_ptr<Unsynced>(std::move(unsynced));
  }
  return code;
}

}  // namespace

void RegisterUnsyncedVfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs copy = *DefaultVfs();
    copy.pNext = nullptr;
    copy.zName = kUnsyncedVfs;
    copy.szOsFile = static_cast<int>(sizeof(File)) + DefaultVfs()->szOsFile;
    copy.xOpen = Open;
    return copy;
  }();
  sqlite3_vfs_register(&vfs, 0);
}

void FailUnsyncedWrites(int code) { write_failure = code; }
void FailUnsyncedSyncs(int code) { sync_failure = code; }

}  // namespace caravan::store
