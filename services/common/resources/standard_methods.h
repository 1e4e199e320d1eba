// The standard methods (AIP-131 to 135, 231 to 235, and loading a register), for
// every collection, from the descriptors of their requests.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/resources/caller.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"

namespace caravan::resources {

// A method as a function from request to serialised response. One of the two is
// set.
struct Handler {
  std::function<absl::StatusOr<std::string>(Caller& caller, store::Reader& reader,
                                            const google::protobuf::Message& request)>
      read;
  std::function<absl::StatusOr<std::string>(Caller& caller, store::Transaction& tx,
                                            const google::protobuf::Message& request)>
      write;
  // Reads by key only.
  bool quick = false;
};

class StandardMethods {
 public:
  // `index_ready` is Store::IndexReady.
  StandardMethods(const Registry& registry,
                  std::function<bool(store::TableId table, int column)> index_ready)
      : registry_(registry), index_ready_(std::move(index_ready)) {}

  // The handler of a standard method. An error says what is wrong with its
  // contract, or that its collection is not registered.
  absl::StatusOr<Handler> Bind(const google::protobuf::MethodDescriptor& method) const;

 private:
  const Registry& registry_;
  std::function<bool(store::TableId table, int column)> index_ready_;
};

}  // namespace caravan::resources
