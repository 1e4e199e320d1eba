// caravan-zones on a file system that forgets what was not synced when the
// process is killed.
#include <sqlite3.h>

#include "services/common/store/unsynced_vfs.h"
#include "services/zones/zones.h"

int main(int argc, char** argv) {
  caravan::store::RegisterUnsyncedVfs();
  sqlite3_vfs_register(sqlite3_vfs_find(caravan::store::kUnsyncedVfs), /*makeDflt=*/1);
  return caravan::host::RunService(caravan::zones::ZonesDefinition(), argc, argv);
}
