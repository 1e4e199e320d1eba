#include "services/common/resources/list.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/type/date.pb.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/order_by.h"
#include "services/common/api/page_token.h"
#include "services/common/api/text.h"
#include "services/common/resources/owner_term.h"
#include "services/common/resources/wire.h"

namespace caravan::resources {

using google::protobuf::Message;

namespace {

// What a request asks for, checked.
struct Query {
  int page_size = kDefaultPageSize;
  api::Filter filter;
  std::optional<int64_t> day;
  std::vector<std::string_view> parent;  // segments; `-` stands for any
  bool owned_only = false;               // the caller sees only some
  store::ScanSpec scan;
  std::string shape;  // what a page token is bound to
  // Fields of the filter that no index serves.
  std::vector<std::string> unindexed;
};

// Whether a name lies below a parent with wildcards.
bool IsBelow(std::string_view name, const std::vector<std::string_view>& parent) {
  const std::vector<std::string_view> segments = absl::StrSplit(name, '/');
  for (size_t i = 0; i < parent.size(); ++i) {
    if (parent[i] != api::kAnyId && parent[i] != segments[i]) return false;
  }
  return true;
}

absl::Status SetParent(const RequestShape& shape, const std::string& parent, Query& query) {
  const api::NamePattern above = shape.collection->type->pattern().ParentPattern();
  if (auto ids = above.MatchWithWildcards(parent); !ids.ok()) return ids.status();
  // Names begin with their parent, so the collection of one parent is a range.
  const size_t wildcard = parent.find("/-");
  const std::string prefix =
      wildcard == std::string::npos ? parent + "/" : parent.substr(0, wildcard + 1);
  query.scan.begin_key = prefix;
  query.scan.end_key = api::PrefixEnd(prefix);
  return absl::OkStatus();
}

absl::Status SetOrder(const RequestShape& shape, const std::string& text,
                      const std::function<bool(store::TableId, int)>& index_ready, Query& query) {
  const api::ResourceType& type = *shape.collection->type;
  auto terms = api::ParseOrderBy(text, &type.message());
  if (!terms.ok()) return terms.status();
  for (size_t i = 0; i < terms->size(); ++i) {
    const api::OrderTerm& term = (*terms)[i];
    if (term.path == "name") {
      // Names are unique: what comes behind orders nothing.
      query.scan.key_descending = term.descending;
      break;
    }
    const int column = type.IndexOf(term.path);
    if (column < 0) {
      std::vector<std::string> sortable = {"name"};
      for (const api::FieldPath& path : type.indexes()) sortable.push_back(path.path());
      return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_ORDER_BY",
                        absl::StrCat(type.plural(), " cannot be sorted by ", term.path,
                                     "; they can by ", absl::StrJoin(sortable, ", ")))
          .Field("order_by", absl::StrCat(term.path, " is not sortable"));
    }
    if (!index_ready(shape.collection->table, column)) {
      return api::Error(
                 absl::StatusCode::kUnavailable, "INDEX_NOT_READY",
                 absl::StrCat("the index on ", term.path, " is being built; try again later"))
          .RetryAfter(10);
    }
    query.scan.order.push_back({column, term.descending});
    if (i + 1 == terms->size()) query.scan.key_descending = term.descending;
  }
  return absl::OkStatus();
}

void SetTerms(const RequestShape& shape,
              const std::function<bool(store::TableId, int)>& index_ready, Query& query) {
  const api::ResourceType& type = *shape.collection->type;
  const auto ready = [&](int column) {
    return column >= 0 && index_ready(shape.collection->table, column);
  };
  const auto op = [](api::Pushdown::Op from) {
    switch (from) {
      case api::Pushdown::Op::kEqual:
        return store::Term::Op::kEqual;
      case api::Pushdown::Op::kLess:
        return store::Term::Op::kLess;
      case api::Pushdown::Op::kLessOrEqual:
        return store::Term::Op::kLessOrEqual;
      case api::Pushdown::Op::kGreater:
        return store::Term::Op::kGreater;
      case api::Pushdown::Op::kGreaterOrEqual:
        return store::Term::Op::kGreaterOrEqual;
      case api::Pushdown::Op::kIn:
        return store::Term::Op::kIn;
    }
    return store::Term::Op::kEqual;
  };
  for (const api::Pushdown& condition : query.filter.pushdown()) {
    const int column = type.IndexOf(condition.path);
    if (ready(column)) {
      query.scan.terms.push_back({column, op(condition.op), condition.values});
    } else if (condition.path != "name") {
      query.unindexed.push_back(condition.path);
    }
  }
  if (query.day.has_value() && type.valid_from() != nullptr) {
    const int column = type.IndexOf(type.valid_from()->path());
    // What has no first day is kUnset, which is less than every day.
    if (ready(column)) {
      query.scan.terms.push_back({column, store::Term::Op::kLessOrEqual, {*query.day}});
    }
  }
}

absl::StatusOr<Query> Plan(const RequestShape& shape, const Caller& caller,
                           const std::function<bool(store::TableId, int)>& index_ready,
                           const Message& request, const std::string& parent) {
  const api::ResourceType& type = *shape.collection->type;
  Query query;
  query.scan.table = shape.collection->table;
  if (const int asked = RequestShape::Int(request, shape.page_size); asked > 0) {
    query.page_size = std::min(asked, kLargestPageSize);
  }
  if (shape.parent != nullptr) {
    if (absl::Status s = SetParent(shape, parent, query); !s.ok()) return s;
    if (parent.find("/-") != std::string::npos) query.parent = absl::StrSplit(parent, '/');
  }
  const std::string filter_text = RequestShape::Text(request, shape.filter);
  auto filter = api::Filter::Parse(filter_text, &type.message());
  if (!filter.ok()) return filter.status();
  query.filter = *std::move(filter);
  if (shape.effective_date != nullptr &&
      request.GetReflection()->HasField(request, shape.effective_date)) {
    query.day = api::FirstDay(static_cast<const google::type::Date&>(
        request.GetReflection()->GetMessage(request, shape.effective_date)));
  }
  const std::string order_text = RequestShape::Text(request, shape.order_by);
  if (absl::Status s = SetOrder(shape, order_text, index_ready, query); !s.ok()) return s;
  SetTerms(shape, index_ready, query);
  if (!caller.Everywhere()) {
    query.owned_only = true;
    const std::string_view permissions[] = {caller.permission};
    if (auto term = OwnerTerm(*shape.collection, caller, permissions, index_ready)) {
      query.scan.terms.push_back(*std::move(term));
    }
  }
  query.shape = absl::StrCat(shape.method->full_name(), "\n", parent, "\n", filter_text, "\n",
                             order_text, "\n", query.day.value_or(0));
  const std::string token = RequestShape::Text(request, shape.page_token);
  if (!token.empty()) {
    auto position = api::DecodePageToken(token, query.shape);
    if (!position.ok()) return position.status();
    if (position->values.size() != query.scan.order.size()) return api::InvalidPageToken();
    for (size_t i = 0; i < position->values.size(); ++i) {
      const api::FieldPath& path = type.indexes()[static_cast<size_t>(query.scan.order[i].column)];
      const bool text = path.leaf().cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING;
      if (std::holds_alternative<std::string>(position->values[i]) != text) {
        return api::InvalidPageToken();
      }
    }
    query.scan.after.emplace();
    query.scan.after->values = std::move(position->values);
    query.scan.after->key = std::move(position->key);
  }
  query.scan.limit = kScanBudget;
  return query;
}

}  // namespace

absl::StatusOr<std::string> List(
    const RequestShape& shape, Caller& caller, store::Reader& reader,
    const std::function<bool(store::TableId table, int column)>& index_ready,
    const Message& request) {
  const api::ResourceType& type = *shape.collection->type;
  const std::string parent = RequestShape::Text(request, shape.parent);
  absl::StatusOr<Query> planned = Plan(shape, caller, index_ready, request, parent);
  if (!planned.ok()) return planned.status();
  Query& query = *planned;
  const bool parse = !query.filter.empty() || query.day.has_value() || query.owned_only;
  // A row that nothing filters is a result, so one page and a row more will do.
  if (!parse && query.parent.empty()) query.scan.limit = query.page_size + 1;

  std::unique_ptr<Message> resource(shape.collection->prototype->New());
  const auto matches = [&](const store::Row& row) -> absl::StatusOr<bool> {
    if (!query.parent.empty() && !IsBelow(row.key, query.parent)) return false;
    if (!parse) return true;
    if (!resource->ParseFromString(row.data)) return absl::DataLossError("stored row");
    return (!query.day.has_value() || type.ValidOn(*resource, *query.day)) &&
           query.filter.Matches(*resource) &&
           (!query.owned_only || caller.Permits(type, *resource));
  };

  std::string response;
  std::string last_key, last_data;
  int64_t seen = 0;
  int found = 0;
  bool more = false;
  absl::Status failed;
  absl::Status s = reader.Scan(query.scan, [&](store::Row& row) {
    if (found == query.page_size) {
      more = true;
      return false;
    }
    ++seen;
    absl::StatusOr<bool> match = matches(row);
    if (!match.ok()) {
      failed = match.status();
      return false;
    }
    if (*match) {
      AppendField(response, shape.response_resources, row.data);
      ++found;
    }
    last_key = std::move(row.key);
    last_data = std::move(row.data);
    return true;
  });
  if (!s.ok()) return s;
  if (!failed.ok()) return failed;
  if (!more && seen == query.scan.limit && seen == kScanBudget) {
    more = true;
    std::sort(query.unindexed.begin(), query.unindexed.end());
    caller.scan_hint = query.unindexed.empty()
                           ? absl::StrCat("the filter looked at ", seen, " ", type.plural())
                           : absl::StrCat("no index on ", absl::StrJoin(query.unindexed, ", "));
  }
  if (more) {
    api::PagePosition position;
    position.key = std::move(last_key);
    if (!query.scan.order.empty()) {
      if (!resource->ParseFromString(last_data)) return absl::DataLossError("stored row");
      for (const store::Order& order : query.scan.order) {
        position.values.push_back(
            api::ColumnValueOf(*resource, type.indexes()[static_cast<size_t>(order.column)]));
      }
    }
    AppendField(response, shape.response_token, api::EncodePageToken(position, query.shape));
  }
  return response;
}

}  // namespace caravan::resources
