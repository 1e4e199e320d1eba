#include "services/common/pending/queue.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/api/resource.pb.h"
#include "services/common/resources/transitions.h"

namespace caravan::pending {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

namespace {

absl::Status ContractError(const MethodDescriptor& method, std::string_view what) {
  return absl::InternalError(absl::StrCat("contract of ", method.full_name(), ": ", what));
}

// The collection whose resource the request names; null where there is none.
const resources::Collection* CollectionOf(const resources::Registry& registry,
                                          const MethodDescriptor& method) {
  const auto* name = method.input_type()->FindFieldByName("name");
  if (name == nullptr) return nullptr;
  return registry.FindByType(name->options().GetExtension(google::api::resource_reference).type());
}

absl::StatusOr<PendingMethod> Describe(const MethodDescriptor& method,
                                       const api::ResourceType& type) {
  PendingMethod described;
  described.name = absl::StrCat(method.service()->full_name(), "/", method.name());
  described.permission = method.options().GetExtension(caravan::api::v1::access).permission();
  const auto& declared = method.options().GetExtension(caravan::api::v1::pending).states();
  const auto& from = method.options().GetExtension(caravan::api::v1::transition).from();
  const auto& states = declared.empty() ? from : declared;
  const bool somewhere = !from.empty() && std::find(from.begin(), from.end(), "*") == from.end();
  for (const std::string& name : states) {
    const auto* state = type.state()->enum_type()->FindValueByName(name);
    if (state == nullptr) {
      return ContractError(method, absl::StrCat("resources cannot wait in a state ", name));
    }
    if (somewhere && std::find(from.begin(), from.end(), name) == from.end()) {
      return ContractError(method, absl::StrCat("it may not be called from ", name));
    }
    described.states.insert(state->number());
  }
  if (described.states.empty()) return ContractError(method, "resources wait in no state");
  auto other_than = resources::OtherThan(method, type);
  if (!other_than.ok()) return other_than.status();
  described.other_than = *std::move(other_than);
  return described;
}

// The queue of a collection and a field, which is added where it is not there.
absl::StatusOr<Queue*> QueueFor(const MethodDescriptor& method,
                                const resources::Collection& collection,
                                std::vector<Queue>& queues) {
  const api::ResourceType& type = *collection.type;
  const std::string& due = method.options().GetExtension(caravan::api::v1::pending).due();
  for (Queue& queue : queues) {
    if (queue.collection == &collection && (queue.due ? queue.due->path() : "") == due) {
      return &queue;
    }
  }
  Queue queue;
  queue.collection = &collection;
  queue.state_column = type.IndexOf("state");
  if (queue.state_column < 0)
    return ContractError(method, "what is pending needs an index on state");
  if (!due.empty()) {
    queue.due_column = type.IndexOf(due);
    if (queue.due_column < 0) {
      return ContractError(method, absl::StrCat("what is due needs an index on ", due));
    }
    queue.due = type.indexes()[static_cast<size_t>(queue.due_column)];
    const auto* message = queue.due->leaf().message_type();
    if (message == nullptr || message->full_name() != "google.type.Date") {
      return ContractError(method, absl::StrCat("due ", due, " is no google.type.Date"));
    }
  }
  queues.push_back(std::move(queue));
  return &queues.back();
}

// Whether a method of another queue of the collection has a state too.
bool InAnotherQueue(const Queue& queue, const PendingMethod& method,
                    const std::vector<Queue>& queues) {
  return std::any_of(queues.begin(), queues.end(), [&](const Queue& other) {
    return &other != &queue && other.collection == queue.collection &&
           std::any_of(other.methods.begin(), other.methods.end(), [&](const PendingMethod& m) {
             return std::any_of(m.states.begin(), m.states.end(),
                                [&](int state) { return method.states.contains(state); });
           });
  });
}

}  // namespace

absl::StatusOr<std::vector<Queue>> QueuesOf(const resources::Registry& registry,
                                            absl::Span<const ServiceDescriptor* const> services) {
  std::vector<Queue> queues;
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      if (!method.options().HasExtension(caravan::api::v1::pending)) continue;
      const resources::Collection* collection = CollectionOf(registry, method);
      if (collection == nullptr || collection->type->state() == nullptr) {
        return ContractError(method, "its request names no resource that has a state");
      }
      auto described = Describe(method, *collection->type);
      if (!described.ok()) return described.status();
      auto queue = QueueFor(method, *collection, queues);
      if (!queue.ok()) return queue.status();
      if (InAnotherQueue(**queue, *described, queues)) {
        return ContractError(method, "another method is pending in its state, but due otherwise");
      }
      (*queue)->methods.push_back(*std::move(described));
    }
  }
  return queues;
}

}  // namespace caravan::pending
