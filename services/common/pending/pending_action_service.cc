#include "services/common/pending/pending_action_service.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/page_token.h"
#include "services/common/resources/list.h"
#include "services/common/resources/owner_term.h"
#include "services/common/resources/transitions.h"

namespace caravan::pending {

using api::v1::ListPendingActionsRequest;
using api::v1::ListPendingActionsResponse;
using api::v1::PendingAction;
using google::protobuf::Message;

namespace {

// The day of what is never due: after every other.
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// A place in the order of actions.
struct Place {
  int64_t due = 0;
  std::string resource;

  bool operator<(const Place& other) const {
    return std::tie(due, resource) < std::tie(other.due, other.resource);
  }
};

struct Found {
  Place place;
  PendingAction action;
};

// Finds the first actions of one caller behind a place, queue by queue.
class Search {
 public:
  Search(const resources::Caller& caller, store::Reader& reader,
         std::function<bool(store::TableId, int)> index_ready, const api::Filter& filter,
         Place after, size_t wanted, int64_t budget)
      : caller_(caller),
        reader_(reader),
        index_ready_(std::move(index_ready)),
        filter_(filter),
        after_(std::move(after)),
        wanted_(wanted),
        budget_(budget) {}

  absl::Status Look(const Queue& queue) {
    Asked asked;
    store::Term states{queue.state_column, store::Term::Op::kIn, {}};
    std::vector<std::string_view> permissions;
    for (const PendingMethod& method : queue.methods) {
      if (caller_.access->Prefixes(caller_.principal, method.permission).empty()) continue;
      asked.methods.push_back(&method);
      permissions.push_back(method.permission);
      for (int state : method.states) states.values.emplace_back(int64_t{state});
    }
    if (asked.methods.empty()) return absl::OkStatus();
    asked.queue = &queue;
    asked.left = budget_;
    asked.resource.reset(queue.collection->prototype->New());

    store::ScanSpec scan;
    scan.table = queue.collection->table;
    for (int column : {queue.state_column, queue.due_column}) {
      if (column >= 0 && !index_ready_(scan.table, column)) return NotReady(queue, column);
    }
    scan.terms.push_back(std::move(states));
    if (auto owners = resources::OwnerTerm(*queue.collection, caller_, permissions, index_ready_)) {
      scan.terms.push_back(*std::move(owners));
    }
    // What is due first, in the order of the days; then what is never due, whose
    // column has no day, in the order of names.
    if (queue.due.has_value()) {
      scan.terms.push_back({queue.due_column, store::Term::Op::kGreater, {store::kUnset}});
      if (after_.due != kNever) {
        store::ScanSpec dated = scan;
        dated.order = {{queue.due_column, false}};
        if (!after_.resource.empty()) {
          dated.after = store::ScanSpec::Position{{after_.due}, after_.resource};
        }
        if (absl::Status s = Read(dated, asked); !s.ok() || asked.full) return s;
      }
      scan.terms.back() = {queue.due_column, store::Term::Op::kEqual, {store::kUnset}};
    }
    if (after_.due == kNever) scan.after = store::ScanSpec::Position{{}, after_.resource};
    return Read(scan, asked);
  }

  // What was found, in order, without what lies behind a queue's unread rest.
  std::vector<Found> Take() {
    if (horizon_.has_value()) {
      found_.erase(std::remove_if(found_.begin(), found_.end(),
                                  [&](const Found& f) { return *horizon_ < f.place; }),
                   found_.end());
    }
    std::sort(found_.begin(), found_.end(),
              [](const Found& a, const Found& b) { return a.place < b.place; });
    return std::move(found_);
  }

  // The place up to which all was looked at, where the budget did not suffice.
  const std::optional<Place>& horizon() const { return horizon_; }

 private:
  struct Asked {
    const Queue* queue = nullptr;
    std::vector<const PendingMethod*> methods;  // that the caller may call somewhere
    std::unique_ptr<Message> resource;
    int64_t left = 0;  // rows that may still be looked at
    size_t found = 0;
    bool full = false;  // enough was found, or the budget is used up
  };

  static absl::Status NotReady(const Queue& queue, int column) {
    const api::ResourceType& type = *queue.collection->type;
    return api::Error(
               absl::StatusCode::kUnavailable, "INDEX_NOT_READY",
               absl::StrCat("the index on ", type.indexes()[static_cast<size_t>(column)].path(),
                            " of ", type.plural(), " is being built; try again later"))
        .RetryAfter(10);
  }

  absl::Status Read(store::ScanSpec& scan, Asked& asked) {
    scan.limit = asked.left;
    bool intact = true;
    Place last;
    absl::Status s = reader_.Scan(scan, [&](store::Row& row) {
      --asked.left;
      intact = asked.resource->ParseFromString(row.data);
      if (!intact) return false;
      last = PlaceOf(asked, std::move(row.key));
      if (std::optional<PendingAction> action = ActionOf(asked, last)) {
        found_.push_back({last, *std::move(action)});
        ++asked.found;
      }
      asked.full = asked.found == wanted_ || asked.left == 0;
      return !asked.full;
    });
    if (!s.ok()) return s;
    if (!intact) return absl::DataLossError("stored row");
    if (asked.full && asked.left == 0 && (!horizon_.has_value() || last < *horizon_)) {
      horizon_ = std::move(last);
    }
    return absl::OkStatus();
  }

  static Place PlaceOf(const Asked& asked, std::string name) {
    int64_t due = store::kUnset;
    if (asked.queue->due.has_value()) {
      due = std::get<int64_t>(api::ColumnValueOf(*asked.resource, *asked.queue->due));
    }
    return {due == store::kUnset ? kNever : due, std::move(name)};
  }

  // The action that a resource is to the caller; nothing where it is none.
  std::optional<PendingAction> ActionOf(const Asked& asked, const Place& place) const {
    const api::ResourceType& type = *asked.queue->collection->type;
    const auto* reflection = asked.resource->GetReflection();
    const int state = reflection->GetEnumValue(*asked.resource, type.state());
    PendingAction action;
    for (const PendingMethod* method : asked.methods) {
      if (method->states.contains(state) &&
          caller_.Permits(type, *asked.resource, method->permission) &&
          resources::NamesCaller(method->other_than, *asked.resource, caller_) == nullptr) {
        action.add_methods(method->name);
      }
    }
    if (action.methods().empty()) return std::nullopt;
    action.set_resource(place.resource);
    action.set_resource_type(type.type());
    action.set_state(type.state()->enum_type()->FindValueByNumber(state)->name());
    if (place.due != kNever) {
      *action.mutable_due_date() = api::DateOfDay(place.due);
      action.set_overdue(place.due < caller_.today);
    }
    if (!filter_.Matches(action)) return std::nullopt;
    return action;
  }

  const resources::Caller& caller_;
  store::Reader& reader_;
  const std::function<bool(store::TableId, int)> index_ready_;
  const api::Filter& filter_;
  const Place after_;
  const size_t wanted_;   // of each queue
  const int64_t budget_;  // of rows, for each queue
  std::vector<Found> found_;
  std::optional<Place> horizon_;
};

absl::StatusOr<Place> PlaceOfToken(const std::string& token, const std::string& shape) {
  if (token.empty()) return Place();
  auto position = api::DecodePageToken(token, shape);
  if (!position.ok()) return position.status();
  if (position->values.size() != 1 || !std::holds_alternative<int64_t>(position->values[0]) ||
      position->key.empty()) {
    return api::InvalidPageToken();
  }
  return Place{std::get<int64_t>(position->values[0]), std::move(position->key)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PendingActionService>> PendingActionService::Create(
    const resources::Registry& registry, const store::Store& store,
    absl::Span<const google::protobuf::ServiceDescriptor* const> services) {
  auto queues = QueuesOf(registry, services);
  if (!queues.ok()) return queues.status();
  return std::unique_ptr<PendingActionService>(new PendingActionService(store, *std::move(queues)));
}

absl::StatusOr<ListPendingActionsResponse> PendingActionService::ListPendingActions(
    rpc::Call& call, store::Reader& reader, const ListPendingActionsRequest& request) {
  auto filter = api::Filter::Parse(request.filter(), PendingAction::descriptor());
  if (!filter.ok()) return filter.status();
  const std::string shape = absl::StrCat("pending actions\n", request.filter());
  auto after = PlaceOfToken(request.page_token(), shape);
  if (!after.ok()) return after.status();
  const size_t page_size = request.page_size() == 0
                               ? resources::kDefaultPageSize
                               : std::min(request.page_size(), resources::kLargestPageSize);
  // Any queue alone may fill the page, and show that there is more.
  const size_t wanted = page_size + 1;
  const auto budget =
      std::max(static_cast<int64_t>(wanted),
               resources::kScanBudget / std::max<int64_t>(1, static_cast<int64_t>(queues_.size())));
  Search search(
      call.caller, reader,
      [this](store::TableId table, int column) { return store_.IndexReady(table, column); },
      *filter, *std::move(after), wanted, budget);
  for (const Queue& queue : queues_) {
    if (absl::Status s = search.Look(queue); !s.ok()) return s;
  }
  std::vector<Found> found = search.Take();
  ListPendingActionsResponse response;
  std::optional<Place> end = search.horizon();
  if (found.size() > page_size) {
    found.resize(page_size);
    end = found.back().place;
  }
  for (Found& f : found) *response.add_pending_actions() = std::move(f.action);
  if (end.has_value()) {
    response.set_next_page_token(api::EncodePageToken({{end->due}, end->resource}, shape));
  }
  return response;
}

}  // namespace caravan::pending
