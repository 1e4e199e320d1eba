// Reads the change feed of a server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/printer.h"
#include "clients/cli/session.h"

namespace caravan::cli {

// Lists changes, at most `limit`; `order` is `revision` or `revision desc`.
absl::Status ListChanges(Session& session, const std::string& filter, const std::string& order,
                         int64_t limit,
                         const std::function<absl::Status(const google::protobuf::Message&)>& each);

// The revision after the newest change that the caller may see: where to
// follow from so that nothing is missed. 0 (from the next change on) where
// there is none.
absl::StatusOr<int64_t> NextRevision(Session& session);

// Follows the changes from a revision on, until `each` returns false or an
// error, or the server refuses. Where the stream breaks it is taken up again
// after the last revision seen.
absl::Status Follow(
    Session& session, int64_t start, const std::string& filter,
    const std::function<absl::StatusOr<bool>(const google::protobuf::Message&)>& each);

// `batch: 5 -> 6; province: CN-HI -> -` of a Change; empty where an image is missing.
std::string WhatChanged(const Catalog& catalog, const google::protobuf::Message& change);

// Headings of a table of changes, and a change as its row; without the resource
// where all are of the same.
std::vector<std::string> ChangeHeaders(bool with_resource = true);
void AddChange(const Catalog& catalog, const google::protobuf::Message& change, Table* table,
               bool with_resource = true);

// Escapes a text for a filter, with its quotes.
std::string FilterQuote(std::string_view text);

}  // namespace caravan::cli
