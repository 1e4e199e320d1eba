// The SQL text of the store of parcels on SQLite.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "services/logistics/parcel_writes.h"

namespace caravan::logistics {

struct SqliteStatements {
  // Of a table of records.
  struct Table {
    std::string get, put, remove, scan;
  };
  static Table MakeTable(std::string_view name);
  static const SqliteStatements& Get();

  // Makes the tables.
  static const std::array<const char*, 9> schema;

  const std::string begin = "BEGIN IMMEDIATE";
  const std::string commit = "COMMIT";
  // By ParcelTable.
  const std::array<Table, kParcelTables> tables = {MakeTable("parcels"), MakeTable("numbers"),
                                                   MakeTable("cursors")};
  const std::string state = "SELECT sequence, folded FROM buckets WHERE bucket = $1";
  const std::string states = "SELECT sequence, folded FROM buckets ORDER BY bucket";
  const std::string set_state = "UPDATE buckets SET sequence = $1, folded = $2 WHERE bucket = $3";
  const std::string add_timer =
      "INSERT INTO timers (bucket, time, parcel) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
  const std::string remove_timer =
      "DELETE FROM timers WHERE bucket = $1 AND time = $2 AND parcel = $3";
  const std::string due_timers =
      "SELECT time, parcel FROM timers WHERE bucket = $1 AND time <= $2 ORDER BY time, parcel "
      "LIMIT $3";
  const std::string append_journal =
      "INSERT INTO journal (bucket, sequence, day, record) VALUES ($1, $2, $3, $4)";
  const std::string read_journal =
      "SELECT sequence, record FROM journal WHERE bucket = $1 AND sequence > $2 ORDER BY sequence "
      "LIMIT $3";
  const std::string oldest = "SELECT oldest FROM buckets WHERE bucket = $1";
  const std::string journal_days =
      "SELECT sequence, day FROM journal WHERE bucket = $1 ORDER BY sequence LIMIT $2";
  const std::string expire_journal = "DELETE FROM journal WHERE bucket = $1 AND sequence <= $2";
  const std::string set_oldest = "UPDATE buckets SET oldest = $1 WHERE bucket = $2";
  const std::string append_changes =
      "INSERT INTO changes (bucket, sequence, record) VALUES ($1, $2, $3)";
  const std::string read_changes =
      "SELECT sequence, record FROM changes WHERE bucket = $1 AND sequence > $2 ORDER BY sequence";
  const std::string remove_changes = "DELETE FROM changes WHERE bucket = $1";
  const std::string get_scorecard =
      "SELECT record FROM scorecards WHERE bucket = $1 AND dimension = $2 AND value = $3 AND "
      "day = $4";
  const std::string put_scorecard =
      "INSERT INTO scorecards (bucket, dimension, value, day, record) VALUES ($1, $2, $3, $4, $5) "
      "ON CONFLICT (bucket, dimension, value, day) DO UPDATE SET record = excluded.record";
  // Goes from value to value, and reads of each only the days: a month of every
  // courier must not read their years.
  const std::string read_scorecards =
      "WITH RECURSIVE v (value) AS ("
      "SELECT min(value) FROM scorecards WHERE bucket = $1 AND dimension = $2 AND value >= $3 "
      "UNION ALL "
      "SELECT (SELECT min(value) FROM scorecards WHERE bucket = $1 AND dimension = $2 AND "
      "value > v.value) FROM v WHERE v.value < $4) "
      "SELECT s.value, s.day, s.record FROM v CROSS JOIN scorecards AS s WHERE v.value <= $4 AND "
      "s.bucket = $1 AND s.dimension = $2 AND s.value = v.value AND s.day >= $5 AND s.day < $6";
  const std::string check = "UPDATE meta SET checked = 1 - checked";
};

}  // namespace caravan::logistics
