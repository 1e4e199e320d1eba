// The statements of scans: sql.h.
#include <algorithm>
#include <utility>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/store/sql.h"

namespace caravan::store::sql {
namespace {

struct OrderPart {
  std::string column;
  bool descending;
  Param after = {};
};

Param ToParam(const Value& value) {
  if (const int64_t* integer = std::get_if<int64_t>(&value)) return *integer;
  return std::string_view(std::get<std::string>(value));
}

class Builder {
 public:
  Builder(Dialect dialect, ScanStatement* statement) : dialect_(dialect), statement_(statement) {}

  std::string Bind(Param param) {
    statement_->params.push_back(param);
    return absl::StrCat("$", statement_->params.size());
  }

  // The condition that a column is one of the values, of which there is one at
  // least.
  std::string In(const std::string& column, const std::vector<Value>& values) {
    if (dialect_ == Dialect::kPostgres) {
      if (std::holds_alternative<int64_t>(values[0])) {
        std::vector<int64_t>& all = statement_->integers.emplace_back();
        for (const Value& value : values) all.push_back(std::get<int64_t>(value));
        return absl::StrCat(column, " = ANY(", Bind(Param(absl::MakeConstSpan(all))), ")");
      }
      std::vector<std::string_view>& all = statement_->texts.emplace_back();
      for (const Value& value : values) all.push_back(std::get<std::string>(value));
      return absl::StrCat(column, " = ANY(", Bind(Param(absl::MakeConstSpan(all))), ")");
    }
    // The last value is repeated up to a power of two, so that there are few
    // different statements to keep prepared.
    std::vector<std::string> places;
    const size_t padded = absl::bit_ceil(values.size());
    for (size_t i = 0; i < padded; ++i) {
      places.push_back(Bind(ToParam(values[std::min(i, values.size() - 1)])));
    }
    return absl::StrCat(column, " IN (", absl::StrJoin(places, ", "), ")");
  }

  void Where(std::string condition) { conditions_.push_back(std::move(condition)); }

  std::string WhereClause() const {
    return conditions_.empty() ? "" : absl::StrCat(" WHERE ", absl::StrJoin(conditions_, " AND "));
  }

  std::string Limit(int64_t limit) {
    // PostgreSQL's planner has to know it.
    if (dialect_ == Dialect::kSqlite) return absl::StrCat(" LIMIT ", Bind(Param(limit)));
    limit = std::min(limit, int64_t{1} << 30);
    return absl::StrCat(" LIMIT ",
                        absl::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(limit, 1))));
  }

 private:
  Dialect dialect_;
  ScanStatement* statement_;
  std::vector<std::string> conditions_;
};

std::string_view OperatorText(Term::Op op) {
  switch (op) {
    case Term::Op::kLess:
      return " < ";
    case Term::Op::kLessOrEqual:
      return " <= ";
    case Term::Op::kGreater:
      return " > ";
    case Term::Op::kGreaterOrEqual:
      return " >= ";
    case Term::Op::kEqual:
    case Term::Op::kIn:
      break;
  }
  return " = ";
}

// The condition of lying behind a position.
void WhereAfter(Builder& builder, const std::vector<OrderPart>& parts) {
  const bool uniform = std::all_of(parts.begin(), parts.end(), [&](const OrderPart& part) {
    return part.descending == parts[0].descending;
  });
  if (uniform) {
    // A comparison of rows, which both engines look up in an index.
    std::vector<std::string> columns, values;
    for (const OrderPart& part : parts) {
      columns.push_back(part.column);
      values.push_back(builder.Bind(part.after));
    }
    builder.Where(absl::StrCat("(", absl::StrJoin(columns, ", "), ")",
                               parts[0].descending ? " < " : " > ", "(",
                               absl::StrJoin(values, ", "), ")"));
    return;
  }
  // a > x OR (a = x AND (b < y OR ...)), and a >= x, which an index can serve.
  builder.Where(absl::StrCat(parts[0].column,
                             parts[0].descending ? " <= " : " >= ", builder.Bind(parts[0].after)));
  std::string condition, closing;
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::StrAppend(&condition, "(", parts[i].column, parts[i].descending ? " < " : " > ",
                    builder.Bind(parts[i].after));
    closing += ")";
    if (i + 1 < parts.size()) {
      absl::StrAppend(&condition, " OR (", parts[i].column, " = ", builder.Bind(parts[i].after),
                      " AND ");
      closing += ")";
    }
  }
  builder.Where(absl::StrCat(condition, closing));
}

}  // namespace

ScanStatement MakeScan(Dialect dialect, const TableInfo& table, const ScanSpec& spec,
                       const std::optional<ScanSpec::Position>& after, int64_t limit,
                       int64_t layout_epoch) {
  ScanStatement statement;
  Builder builder(dialect, &statement);
  if (!spec.begin_key.empty()) {
    builder.Where(absl::StrCat("key >= ", builder.Bind(Param(std::string_view(spec.begin_key)))));
  }
  if (!spec.end_key.empty()) {
    builder.Where(absl::StrCat("key < ", builder.Bind(Param(std::string_view(spec.end_key)))));
  }
  for (const Term& term : spec.terms) {
    const std::string& column = table.column_names[term.column];
    if (term.op == Term::Op::kIn) {
      if (term.values.empty()) {
        statement.empty = true;
        return statement;
      }
      builder.Where(builder.In(column, term.values));
    } else {
      builder.Where(
          absl::StrCat(column, OperatorText(term.op), builder.Bind(ToParam(term.values[0]))));
    }
  }
  std::vector<OrderPart> parts;
  std::string columns;
  for (const Order& order : spec.order) {
    parts.push_back({table.column_names[order.column], order.descending});
    absl::StrAppend(&columns, ", ", table.column_names[order.column]);
  }
  parts.push_back({"key", spec.order.empty() ? spec.key_descending : spec.order.back().descending});
  if (after.has_value()) {
    for (size_t i = 0; i < spec.order.size(); ++i) parts[i].after = ToParam(after->values[i]);
    parts.back().after = std::string_view(after->key);
    WhereAfter(builder, parts);
  }
  if (layout_epoch != 0) {
    builder.Where(absl::StrCat("(SELECT layout_epoch FROM store_meta) = ",
                               builder.Bind(Param(layout_epoch))));
  }
  std::vector<std::string> order;
  for (const OrderPart& part : parts) {
    order.push_back(absl::StrCat(part.column, part.descending ? " DESC" : ""));
  }
  const std::string where = builder.WhereClause();
  statement.sql = absl::StrCat("SELECT key, version, data", columns, " FROM ", table.name, where,
                               " ORDER BY ", absl::StrJoin(order, ", "), builder.Limit(limit));
  return statement;
}

ScanStatement MakeChangeScan(Dialect dialect, const ChangeScan& spec, int64_t limit) {
  ScanStatement statement;
  Builder builder(dialect, &statement);
  builder.Where(absl::StrCat("revision >= ", builder.Bind(Param(spec.begin_revision))));
  builder.Where(absl::StrCat("revision < ", builder.Bind(Param(spec.end_revision))));
  if (!spec.resource.empty()) {
    builder.Where(
        absl::StrCat("resource = ", builder.Bind(Param(std::string_view(spec.resource)))));
  }
  const std::string where = builder.WhereClause();
  statement.sql = absl::StrCat(
      "SELECT revision, end_revision, commit_time, resource, record, \"before\", \"after\" FROM "
      "store_changes",
      where, " ORDER BY revision", spec.descending ? " DESC" : "", builder.Limit(limit));
  return statement;
}

}  // namespace caravan::store::sql
