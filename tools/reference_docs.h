// Writes the reference documentation of a contract from its descriptors: the
// comments, and what the options say that the runtime enforces.
#pragma once

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace caravan::tools {

// The page of one package, in Markdown. `files` are its files, in the order in
// which they shall appear, built with source info.
std::string ReferencePage(const std::vector<const google::protobuf::FileDescriptor*>& files);

// The page that lists those of all packages. `packages` are sorted.
std::string ReferenceIndex(const std::vector<std::string>& packages);

}  // namespace caravan::tools
