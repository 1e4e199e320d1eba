// For crash tests: an SQLite VFS that forgets what was not synced.
//
// Writes to the database and its write-ahead log stay in the memory of the
// process until they are synced, and only then go to the files. So a process
// that is killed loses what a machine would lose whose power goes out. (The
// order in which such a machine may lose writes is not modelled: it loses all of
// them.) The index of the log (`-shm`) and temporary files pass through.
#pragma once

namespace caravan::store {

// Name to give to SqliteOptions::vfs.
inline constexpr char kUnsyncedVfs[] = "unsynced";

// Registers it, beside the default VFS. Call once, before opening a store.
void RegisterUnsyncedVfs();

// From now on, writes or syncs fail with an SQLite result code (SQLITE_FULL,
// SQLITE_IOERR_FSYNC, ...); 0: they no longer do.
void FailUnsyncedWrites(int code);
void FailUnsyncedSyncs(int code);

}  // namespace caravan::store
