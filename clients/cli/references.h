// Orders in which nothing comes before what it refers to.
#pragma once

#include <memory>
#include <vector>

#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

// Collections so that each comes after those that its resources refer to or
// live in, and else by id. Where they refer to one another in a circle, one of
// them comes first all the same.
std::vector<const Collection*> InOrderOfReferences(std::vector<const Collection*> collections);

// Resources of one collection so that each comes after those of the collection
// that it refers to, else as they are.
void OrderByReferences(const Collection& collection,
                       std::vector<std::unique_ptr<google::protobuf::Message>>* resources);

}  // namespace caravan::cli
