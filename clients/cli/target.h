// Which resource a command is about.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/session.h"

namespace caravan::cli {

struct Target {
  const Collection* collection = nullptr;
  std::string name;  // full
};

// The resource of `COLLECTION ID` or `COLLECTION/ID`, and of no more arguments;
// else a usage error. `command` is named in it.
absl::StatusOr<Target> TargetOf(Session& session, const std::string& command,
                                const std::vector<std::string>& args,
                                const std::string& parent = "");

// Whether a document or an editor cannot set a field: name, etag, and what the
// server alone sets.
bool IsServersOwn(const Collection& collection, const google::protobuf::FieldDescriptor& field,
                  bool loading);

// A copy of a resource without etag and what the server alone sets; the name
// stays.
std::unique_ptr<google::protobuf::Message> WithoutServersOwn(
    const Collection& collection, const google::protobuf::Message& resource, bool loading);

}  // namespace caravan::cli
