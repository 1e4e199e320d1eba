#include "services/common/store/layout.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/sql.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// Rows looked at in one step: commits wait for it.
constexpr int64_t kFillBatch = 200;

int64_t TypeNumber(const Column& column) { return column.type == Column::Type::kText ? 1 : 0; }

std::string_view View(const std::string& text) { return text; }

absl::Status Execute(Connection& connection, const std::string& sql,
                     absl::Span<const Param> params = {}) {
  return connection.Execute(sql, params).status();
}

}  // namespace

absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> Layout::ReadLayouts(
    Connection& connection) {
  std::vector<std::pair<int64_t, std::string>> layouts;
  absl::Status status = connection.Query(sql::ReadLayouts(), {}, [&](const ResultRow& row) {
    layouts.emplace_back(row.Integer(0), row.Bytes(1));
    return true;
  });
  if (!status.ok()) return status;
  return layouts;
}

absl::StatusOr<std::vector<Layout::Replica>> Layout::ReadReplicas(Connection& connection) {
  std::vector<Replica> replicas;
  absl::Status status = connection.Query(sql::ReadReplicas(), {}, [&](const ResultRow& row) {
    replicas.push_back(
        {std::string(row.Bytes(0)), row.Integer(1), absl::FromUnixMicros(row.Integer(2))});
    return true;
  });
  if (!status.ok()) return status;
  return replicas;
}

absl::Status Layout::Join(WriterConnection& writer, Meta* meta) {
  for (TableId id = catalog_->begin(); id < catalog_->end(); ++id) {
    if (absl::Status status = JoinTable(writer, id); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> layouts = ReadLayouts(writer);
  if (!layouts.ok()) return layouts.status();
  int64_t layout = 0;
  int64_t newest = 0;
  for (const auto& [number, description] : *layouts) {
    if (description == catalog_->description()) layout = number;
    newest = std::max(newest, number);
  }
  absl::Status status;
  if (layout == 0) {
    layout = newest + 1;
    status = Execute(writer, sql::AddLayout(), {layout, View(catalog_->description())});
  }
  if (status.ok() && !shared_) {
    // Rows that a process left behind that did not come to leave.
    absl::StatusOr<std::vector<Replica>> replicas = ReadReplicas(writer);
    status = replicas.status();
    for (size_t i = 0; status.ok() && i < replicas->size(); ++i) {
      status = Execute(writer, sql::RemoveReplica(), {View((*replicas)[i].name)});
    }
  }
  if (status.ok()) {
    status = Execute(writer, sql::AddReplica(),
                     {View(replica_), layout, absl::ToUnixMicros(clock_() + lease_)});
  }
  if (!status.ok()) return status;
  catalog_->set_layout(layout);
  catalog_->set_layout_epoch(++meta->layout_epoch);
  return absl::OkStatus();
}

absl::Status Layout::JoinTable(WriterConnection& writer, TableId id) {
  const TableInfo& info = catalog_->table(id);
  const Table& table = info.table;
  bool exists = false;
  absl::Status status = writer.Query(sql::FindTable(catalog_->dialect(), table), {},
                                     [&](const ResultRow&) { return exists = true; });
  if (status.ok() && !exists) {
    status = Execute(writer, sql::CreateTable(catalog_->dialect(), info));
  }
  absl::flat_hash_set<std::string> columns;
  struct Index {
    int64_t type;
    bool ready;
  };
  absl::flat_hash_map<std::string, Index> indexes;
  if (status.ok()) {
    status =
        writer.Query(sql::FindColumns(catalog_->dialect(), table), {}, [&](const ResultRow& row) {
          columns.insert(std::string(row.Bytes(0)));
          return true;
        });
  }
  if (status.ok()) {
    status = writer.Query(sql::ReadIndexes(), {View(table.name)}, [&](const ResultRow& row) {
      indexes[row.Bytes(0)] = {row.Integer(1), row.Integer(2) != 0};
      return true;
    });
  }
  for (size_t i = 0; status.ok() && i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const int number = static_cast<int>(i);
    auto index = indexes.find(column.name);
    if (index != indexes.end()) {
      if (index->second.type != TypeNumber(column)) {
        return api::Error(absl::StatusCode::kFailedPrecondition, "COLUMN_TYPE_CHANGED",
                          absl::StrCat("column ", column.name, " of ", table.name,
                                       " is of another type in the database; give the new "
                                       "column another name"));
      }
      catalog_->set_ready(id, number, index->second.ready);
      indexes.erase(index);
      continue;
    }
    if (!columns.contains(absl::StrCat("c_", column.name))) {
      status = Execute(writer, sql::AddColumn(catalog_->dialect(), info, number));
    }
    if (status.ok() && !exists) status = Execute(writer, sql::CreateIndex(info, number, false));
    if (status.ok()) {
      status = Execute(writer, sql::AddIndex(),
                       {View(table.name), View(column.name), TypeNumber(column),
                        static_cast<int64_t>(exists ? 0 : 1)});
    }
    catalog_->set_ready(id, number, !exists);
  }
  // From now on rows are written without the columns that we do not know.
  for (const auto& [column, index] : indexes) {
    if (status.ok() && index.ready) {
      status = Execute(writer, sql::SetIndexReady(), {int64_t{0}, View(table.name), View(column)});
    }
  }
  return status;
}

absl::Status Layout::ReadReadiness(WriterConnection& writer) {
  absl::flat_hash_set<std::pair<std::string, std::string>> ready;
  absl::Status status = writer.Query(sql::ReadAllIndexes(), {}, [&](const ResultRow& row) {
    if (row.Integer(2) != 0) ready.emplace(row.Bytes(0), row.Bytes(1));
    return true;
  });
  if (!status.ok()) return status;
  for (TableId id = catalog_->begin(); id < catalog_->end(); ++id) {
    const Table& table = catalog_->table(id).table;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      catalog_->set_ready(id, static_cast<int>(i),
                          ready.contains({table.name, table.columns[i].name}));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Layout::LookAgain(WriterConnection& writer, Meta* meta) {
  absl::StatusOr<std::vector<Replica>> replicas = ReadReplicas(writer);
  if (!replicas.ok()) return replicas.status();
  const bool joined = std::any_of(replicas->begin(), replicas->end(),
                                  [&](const Replica& replica) { return replica.name == replica_; });
  if (!joined) {
    if (absl::Status status = Join(writer, meta); !status.ok()) return status;
    return true;
  }
  if (absl::Status status = ReadReadiness(writer); !status.ok()) return status;
  catalog_->set_layout_epoch(meta->layout_epoch);
  return false;
}

absl::Status Layout::Renew(WriterConnection& writer, Meta*) {
  return Execute(writer, sql::RenewReplica(),
                 {absl::ToUnixMicros(clock_() + lease_), View(replica_)});
}

absl::Status Layout::Leave(WriterConnection& writer, Meta* meta) {
  ++meta->layout_epoch;
  return Execute(writer, sql::RemoveReplica(), {View(replica_)});
}

absl::StatusOr<std::vector<Layout::Living>> Layout::FindLiving(WriterConnection& writer,
                                                               Meta* meta) {
  absl::StatusOr<std::vector<Replica>> replicas = ReadReplicas(writer);
  if (!replicas.ok()) return replicas.status();
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> layouts = ReadLayouts(writer);
  if (!layouts.ok()) return layouts.status();
  std::vector<Living> living;
  for (const Replica& replica : *replicas) {
    if (replica.name != replica_ && replica.expires < clock_()) {
      // Should it come back, it finds another epoch, and joins again.
      ++meta->layout_epoch;
      absl::Status status = Execute(writer, sql::RemoveReplica(), {View(replica.name)});
      if (!status.ok()) return status;
      continue;
    }
    for (const auto& [number, description] : *layouts) {
      if (number == replica.layout) living.push_back({replica.name, description});
    }
  }
  catalog_->set_layout_epoch(meta->layout_epoch);
  return living;
}

absl::StatusOr<std::vector<Layout::Work>> Layout::FindWork(WriterConnection& writer, Meta* meta) {
  absl::StatusOr<std::vector<Living>> living = FindLiving(writer, meta);
  if (!living.ok()) return living.status();
  absl::StatusOr<std::vector<std::pair<int64_t, std::string>>> layouts = ReadLayouts(writer);
  if (!layouts.ok()) return layouts.status();
  std::vector<Work> all;
  for (TableId id = catalog_->begin(); id < catalog_->end(); ++id) {
    const Table& table = catalog_->table(id).table;
    Work work{.table = id, .layout_epoch = meta->layout_epoch};
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const int column = static_cast<int>(i);
      if (catalog_->ready(id, column)) continue;
      if (std::all_of(living->begin(), living->end(), [&](const Living& replica) {
            return Catalog::Describes(replica.description, table, table.columns[column]);
          })) {
        work.columns.push_back(column);
      }
    }
    if (work.columns.empty()) continue;
    auto knows_all = [&](const std::string& description) {
      return std::all_of(work.columns.begin(), work.columns.end(), [&](int column) {
        return Catalog::Describes(description, table, table.columns[column]);
      });
    };
    // All of them know the columns; the first does the work.
    if (std::any_of(living->begin(), living->end(),
                    [&](const Living& replica) { return replica.name < replica_; })) {
      continue;
    }
    for (const auto& [number, description] : *layouts) {
      if (knows_all(description)) work.layouts.push_back(number);
    }
    all.push_back(std::move(work));
  }
  return all;
}

absl::StatusOr<bool> Layout::Fill(WriterConnection& writer, const Work& work, std::string* key) {
  const TableInfo& info = catalog_->table(work.table);
  std::vector<RowWrite> rows;
  int64_t seen = 0;
  std::string last;
  absl::Status status = writer.Query(
      sql::RowsToFill(info, work.layouts), {View(*key), kFillBatch}, [&](const ResultRow& row) {
        ++seen;
        last = row.Bytes(0);
        if (!row.IsNull(1)) {
          rows.push_back({.table = work.table, .key = last, .data = std::string(row.Bytes(1))});
        }
        return true;
      });
  if (!status.ok()) return status;
  for (RowWrite& row : rows) {
    absl::StatusOr<std::vector<Value>> columns = info.table.extract(row.data);
    // A row that can't be read is not to keep all others from being found.
    if (columns.ok() && catalog_->CheckRow(work.table, row.key, *columns).ok()) {
      row.columns = *std::move(columns);
      continue;
    }
    for (const Column& column : info.table.columns) {
      row.columns.push_back(column.type == Column::Type::kText ? Value(std::string())
                                                               : Value(kUnset));
    }
  }
  if (status = writer.Fill(work.table, rows); !status.ok()) return status;
  *key = std::move(last);
  return seen == kFillBatch;
}

absl::Status Layout::DropOrphans(WriterConnection& writer, Meta* meta) {
  absl::StatusOr<std::vector<Living>> living = FindLiving(writer, meta);
  if (!living.ok()) return living.status();
  for (TableId id = catalog_->begin(); id < catalog_->end(); ++id) {
    const Table& table = catalog_->table(id).table;
    std::vector<Column> orphans;
    absl::Status status =
        writer.Query(sql::ReadIndexes(), {View(table.name)}, [&](const ResultRow& row) {
          Column column{.name = std::string(row.Bytes(0))};
          const bool known =
              std::any_of(living->begin(), living->end(), [&](const Living& replica) {
                return Catalog::Describes(replica.description, table, column);
              });
          if (!known) orphans.push_back(std::move(column));
          return true;
        });
    for (const Column& column : orphans) {
      if (status.ok()) status = Execute(writer, sql::DropIndex(table, column));
      if (status.ok()) {
        status = Execute(writer, sql::RemoveIndex(), {View(table.name), View(column.name)});
      }
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Layout::Finish(WriterConnection& writer, Meta* meta, const Work& work) {
  // Whatever has changed the layout may have made the work incomplete.
  if (meta->layout_epoch != work.layout_epoch) return absl::OkStatus();
  const TableInfo& info = catalog_->table(work.table);
  for (int column : work.columns) {
    absl::Status status;
    if (catalog_->dialect() == Catalog::Dialect::kSqlite) {
      status = Execute(writer, sql::CreateIndex(info, column, false));
    }
    if (status.ok()) {
      status = Execute(writer, sql::SetIndexReady(),
                       {int64_t{1}, View(info.table.name), View(info.table.columns[column].name)});
    }
    if (!status.ok()) return status;
  }
  ++meta->layout_epoch;
  return absl::OkStatus();
}

}  // namespace caravan::store
