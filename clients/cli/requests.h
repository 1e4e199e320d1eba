// Builds the requests of standard methods for resources known by descriptor.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

// Fills a Create request. `name` is the full name, from which the id and the
// parent are taken; empty: the server chooses an id, in `parent`.
absl::Status FillCreate(const Collection& collection, const std::string& name,
                        const std::string& parent, const google::protobuf::Message& resource,
                        google::protobuf::Message* request);

// Fills an Update request that also creates; `paths`: the mask.
absl::Status FillUpdate(const google::protobuf::Message& resource,
                        const std::vector<std::string>& paths, google::protobuf::Message* request);

// The field of a request that holds the resource; null where there is none.
const google::protobuf::FieldDescriptor* ResourceField(const google::protobuf::Descriptor& request);

}  // namespace caravan::cli
