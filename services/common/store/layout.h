// Brings the database up to the tables that a replica knows, while replicas that
// know others write to it.
//
// A row carries the layout (set of tables and columns) of the replica that wrote
// it. The index of a column is ready when no replica lives that does not know
// the column, and all rows were written with it or have been filled since. A
// replica that joins without knowing it makes it unready again. All of that is
// decided under the lock of the meta row, whose `layout_epoch` counts the
// decisions; a replica that finds another epoch than its own looks again, and
// finds out there, too, if it was taken for dead.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"

namespace caravan::store {

class Layout {
 public:
  // `replica` is unique to this store object.
  Layout(Catalog* catalog, std::string replica, bool shared, absl::Duration lease,
         std::function<absl::Time()> clock)
      : catalog_(catalog),
        replica_(std::move(replica)),
        shared_(shared),
        lease_(lease),
        clock_(std::move(clock)) {}

  // Within a transaction of the writer: creates what is missing of our tables,
  // and joins.
  absl::Status Join(WriterConnection& writer, Meta* meta);

  // The same, where the epoch has changed: reads which indexes are ready, and
  // joins again if need be. Returns whether it changed something.
  absl::StatusOr<bool> LookAgain(WriterConnection& writer, Meta* meta);

  // This replica is alive; this replica leaves.
  absl::Status Renew(WriterConnection& writer, Meta* meta);
  absl::Status Leave(WriterConnection& writer, Meta* meta);

  // What remains to be done for a table: columns that are not ready.
  struct Work {
    TableId table = 0;
    std::vector<int> columns = {};
    std::vector<int64_t> layouts = {};  // rows with these need not be filled
    int64_t layout_epoch = 0;
  };

  // The tables to fill; none where all are ready, a replica lives that does not
  // know the columns, or another one fills them.
  absl::StatusOr<std::vector<Work>> FindWork(WriterConnection& writer, Meta* meta);

  // Fills the rows behind a key, a few; moves the key on. Returns whether there
  // are more.
  absl::StatusOr<bool> Fill(WriterConnection& writer, const Work& work, std::string* key);

  // Declares the columns ready, where nothing has come between.
  absl::Status Finish(WriterConnection& writer, Meta* meta, const Work& work);

  // Drops the indexes of columns that no living replica knows.
  absl::Status DropOrphans(WriterConnection& writer, Meta* meta);

 private:
  struct Replica {
    std::string name;
    int64_t layout = 0;
    absl::Time expires;
  };

  absl::Status JoinTable(WriterConnection& writer, TableId id);
  absl::Status ReadReadiness(WriterConnection& writer);
  // Number and description of all layouts.
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> ReadLayouts(Connection& connection);
  absl::StatusOr<std::vector<Replica>> ReadReplicas(Connection& connection);
  // The replicas that live, with the descriptions of their layouts; those that
  // have died are removed.
  struct Living {
    std::string name;
    std::string description;
  };
  absl::StatusOr<std::vector<Living>> FindLiving(WriterConnection& writer, Meta* meta);

  Catalog* const catalog_;
  const std::string replica_;
  const bool shared_;
  const absl::Duration lease_;
  const std::function<absl::Time()> clock_;
};

}  // namespace caravan::store
