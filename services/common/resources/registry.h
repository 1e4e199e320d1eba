// The collections of a service: registered once, and served from their
// descriptors.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "services/common/api/resource.h"
#include "services/common/resources/caller.h"
#include "services/common/store/store.h"

namespace caravan::resources {

class Registry;

// Tables that every service has, before those of its collections.
inline constexpr store::TableId kGuards = 0;      // see store::Transaction on sets
inline constexpr store::TableId kReferences = 1;  // who refers to a resource
inline constexpr store::TableId kRequests = 2;    // answers by request id
inline constexpr store::TableId kOperations = 3;  // long-running operations
inline constexpr store::TableId kFirstCollection = 4;

// How a resource comes to be written.
enum class WriteKind { kCreate, kUpdate, kTransition, kLoad };

// The circumstances of a write.
struct Writing {
  const Registry& registry;
  store::Reader& reader;
  const Caller& caller;
  WriteKind kind;
  // The same as `reader`, for what the write brings with it: rows of kGuards that say
  // what a resource takes for itself, and other resources, by a Writer whose caller is
  // caller.Unrestricted().
  store::Transaction& tx;
};

// What a collection asks for beyond its contract. Called in the transaction
// with the resource as it will be written (its name and state set, its declared
// limits not yet checked) and as it was; may complete `after`. Errors name
// fields relative to the resource, with the prefix that Writer adds.
template <class T>
using Prepare = std::function<absl::Status(const Writing& writing, const T* before, T& after)>;

struct Collection {
  std::unique_ptr<const api::ResourceType> type;
  store::TableId table = 0;
  const google::protobuf::Message* prototype = nullptr;
  std::function<absl::Status(const Writing&, const google::protobuf::Message* before,
                             google::protobuf::Message& after)>
      prepare;  // may be empty
  // The permission of its Get method, which decides who sees its changes. Set
  // when the service is bound.
  std::string read_permission;
  // States that some transition leaves. Set when the service is bound.
  std::vector<std::string> open_states;
};

class Registry {
 public:
  Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Registers the collection of a resource message. A contract that makes no
  // sense is reported by status().
  template <class T>
  Registry& Add(Prepare<T> prepare = nullptr) {
    Add(
        T::default_instance(),
        prepare == nullptr
            ? std::function<absl::Status(const Writing&, const google::protobuf::Message*,
                                         google::protobuf::Message&)>()
            : [prepare = std::move(prepare)](const Writing& writing,
                                             const google::protobuf::Message* before,
                                             google::protobuf::Message& after) {
                return prepare(writing, static_cast<const T*>(before), static_cast<T&>(after));
              });
    return *this;
  }

  // The first error of Add.
  const absl::Status& status() const { return status_; }

  // The tables to open the store with. What is in that of operations only who
  // runs them knows.
  std::vector<store::Table> Tables(store::Table operations) const;

  const std::vector<std::unique_ptr<Collection>>& collections() const { return collections_; }

  // Null where there is none.
  Collection* FindByMessage(const google::protobuf::Descriptor& message) const;
  Collection* FindByType(std::string_view type) const;
  // The collection that a resource name belongs to.
  Collection* FindByName(std::string_view name) const;

  // The resource of a name; nothing where it does not exist.
  template <class T>
  absl::StatusOr<std::optional<T>> Lookup(store::Reader& reader, std::string_view name) const {
    const Collection* collection = FindByMessage(*T::descriptor());
    if (collection == nullptr) return absl::InternalError("collection is not registered");
    absl::StatusOr<std::optional<store::Row>> row = reader.Get(collection->table, name);
    if (!row.ok()) return row.status();
    if (!row->has_value()) return std::nullopt;
    T resource;
    if (!resource.ParseFromString((*row)->data)) return absl::DataLossError("row does not parse");
    return resource;
  }

  // The same of the newest state, on the caller's thread: for what is done before
  // a transaction.
  template <class T>
  absl::StatusOr<std::optional<T>> Lookup(store::Store& store, std::string_view name) const {
    std::optional<T> found;
    absl::Status s = store.Read([&](store::Reader& reader) {
      absl::StatusOr<std::optional<T>> resource = Lookup<T>(reader, name);
      if (resource.ok()) found = *std::move(resource);
      return resource.status();
    });
    if (!s.ok()) return s;
    return found;
  }

 private:
  void Add(const google::protobuf::Message& prototype,
           std::function<absl::Status(const Writing&, const google::protobuf::Message*,
                                      google::protobuf::Message&)>
               prepare);

  std::vector<std::unique_ptr<Collection>> collections_;
  absl::Status status_;
};

// NOT_FOUND for a resource.
absl::Status NotFound(const api::ResourceType& type, std::string_view name);

}  // namespace caravan::resources
