#include "services/common/store/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/errors.h"
#include "services/common/store/sql.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// With the prefix of columns, what PostgreSQL keeps of a name.
constexpr size_t kMaxNameBytes = 60;
// Columns that have changed are named by the bits of an uint64_t.
constexpr size_t kMaxColumns = 64;

bool IsIdentifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || !absl::ascii_islower(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  });
}

absl::Status Invalid(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_TABLE", std::move(message));
}

absl::Status CheckTable(const Table& table) {
  if (!IsIdentifier(table.name)) {
    return Invalid(absl::StrCat("table name '", table.name,
                                "' must be 1 to 60 lower-case letters, digits and '_', and begin "
                                "with a letter"));
  }
  for (std::string_view reserved : {"store_", "sqlite_", "pg_"}) {
    if (absl::StartsWith(table.name, reserved)) {
      return Invalid(absl::StrCat("table name '", table.name, "' must not begin with '", reserved,
                                  "', which is reserved"));
    }
  }
  if (table.columns.size() > kMaxColumns) {
    return Invalid(absl::StrCat("table '", table.name, "' has ", table.columns.size(),
                                " columns; at most ", kMaxColumns, " are possible"));
  }
  if (!table.columns.empty() && table.extract == nullptr) {
    return Invalid(absl::StrCat("table '", table.name, "' has columns, so it needs `extract`"));
  }
  absl::flat_hash_set<std::string_view> names;
  for (const Column& column : table.columns) {
    if (!IsIdentifier(column.name)) {
      return Invalid(absl::StrCat("column name '", column.name, "' of table '", table.name,
                                  "' must be 1 to 60 lower-case letters, digits and '_', and "
                                  "begin with a letter"));
    }
    if (!names.insert(column.name).second) {
      return Invalid(absl::StrCat("table '", table.name, "' has column '", column.name, "' twice"));
    }
  }
  return absl::OkStatus();
}

// `;table(column:type,column:type,)`, so that a column of a table can be found.
std::string Describe(const Table& table) {
  std::string text = absl::StrCat(";", table.name, "(");
  for (const Column& column : table.columns) {
    absl::StrAppend(&text, ",", column.name, column.type == Column::Type::kText ? ":t" : ":i");
  }
  return absl::StrCat(text, ",)");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Create(Dialect dialect,
                                                         std::vector<Table> tables) {
  auto catalog = std::make_unique<Catalog>();
  catalog->dialect_ = dialect;
  absl::flat_hash_set<std::string> names;
  for (const Table& table : tables) {
    if (absl::Status status = CheckTable(table); !status.ok()) return status;
    if (!names.insert(table.name).second) {
      return Invalid(absl::StrCat("table '", table.name, "' is there twice"));
    }
  }
  tables.insert(tables.begin(), Table{"store_leases", {}, nullptr});
  std::vector<std::string> descriptions;
  for (Table& table : tables) {
    TableInfo info{.table = std::move(table)};
    info.name = sql::Quoted(info.table.name);
    for (const Column& column : info.table.columns) {
      info.column_names.push_back(sql::Quoted(absl::StrCat("c_", column.name)));
    }
    info.sql = sql::MakeTableSql(dialect, info);
    descriptions.push_back(Describe(info.table));
    catalog->ready_.push_back(std::make_unique<std::atomic<bool>[]>(info.table.columns.size()));
    catalog->tables_.push_back(std::move(info));
  }
  std::sort(descriptions.begin(), descriptions.end());
  catalog->description_ = absl::StrJoin(descriptions, "");
  return catalog;
}

bool Catalog::Describes(std::string_view description, const Table& table, const Column& column) {
  const size_t begin = description.find(absl::StrCat(";", table.name, "("));
  if (begin == std::string_view::npos) return false;
  const std::string_view columns = description.substr(begin, description.find(')', begin) - begin);
  return absl::StrContains(columns, absl::StrCat(",", column.name, ":"));
}

absl::Status Catalog::CheckRow(TableId id, std::string_view key,
                               absl::Span<const Value> columns) const {
  const Table& table = tables_[id + 1].table;
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return api::Error(
        absl::StatusCode::kInvalidArgument, "INVALID_KEY",
        absl::StrCat("a key must have 1 to ", kMaxKeyBytes, " bytes; this one has ", key.size()));
  }
  if (columns.size() != table.columns.size()) {
    return MisuseError(absl::StrCat("a row of ", table.name, " has ", table.columns.size(),
                                    " columns; ", columns.size(), " were given"));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string* text = std::get_if<std::string>(&columns[i]);
    if ((text != nullptr) != (table.columns[i].type == Column::Type::kText)) {
      return MisuseError(absl::StrCat("the value of column ", table.columns[i].name, " of ",
                                      table.name, " is of the wrong type"));
    }
    if (text != nullptr && text->size() > kMaxTextBytes) {
      return api::Error(
          absl::StatusCode::kInvalidArgument, "INDEXED_TEXT_TOO_LONG",
          absl::StrCat("the value of ", table.columns[i].name, " has ", text->size(),
                       " bytes; as it is indexed, it may have ", kMaxTextBytes, " at the most"));
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::store
