// Orders in which nothing comes before what it refers to.
#pragma once

#include <memory>
#include <vector>

#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

// The resources of a collection.
struct Resources {
  const Collection* collection = nullptr;
  std::vector<std::unique_ptr<google::protobuf::Message>> all;
};

// A resource and where it belongs.
struct Ordered {
  const Collection* collection = nullptr;
  const google::protobuf::Message* resource = nullptr;
};

// All resources so that each comes after those that it refers to or lives in,
// else as they are. Where they refer to one another in a circle, one of them
// comes first all the same. `resources` must outlive the result.
std::vector<Ordered> InOrderOfReferences(const std::vector<Resources>& resources);

// The collections of ordered resources so that, as far as one order of whole
// collections allows, each comes after those that its resources refer to.
std::vector<const Collection*> CollectionsInOrder(const std::vector<Resources>& resources);

}  // namespace caravan::cli
