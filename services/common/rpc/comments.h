// The comments of contracts, which generated descriptors leave out. The headers
// that protoc-gen-caravan writes register them, and reflection hands them to
// those who ask, so that `caravanctl explain` knows what a server's contract
// says.
#pragma once

#include <string>
#include <string_view>

namespace caravan::rpc {

// Remembers the comments of a proto file, a serialised
// google.protobuf.SourceCodeInfo. `source_code_info` must live for ever. Returns
// true, for the initialisation of a variable.
bool RegisterComments(std::string_view file, std::string_view source_code_info);

// What was registered for a file; empty where nothing was.
std::string_view CommentsOf(std::string_view file);

}  // namespace caravan::rpc
