// Reads the change feed of a server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/client/changes.h"
#include "clients/cli/printer.h"
#include "clients/cli/session.h"

namespace caravan::cli {

// Lists changes of the service that a collection (may be null) belongs to, at
// most `limit`; `order` is `revision` or `revision desc`.
absl::Status ListChanges(Session& session, const Collection* collection, const std::string& filter,
                         const std::string& order, int64_t limit,
                         const std::function<absl::Status(const google::protobuf::Message&)>& each);

// A follower of the changes of the service that a collection (may be null)
// belongs to, from a revision on; 0: from the next change on. It warns once
// where the feed breaks. The session must outlive it.
absl::StatusOr<std::unique_ptr<client::ChangeFollower>> NewFollower(Session& session,
                                                                    const Collection* collection,
                                                                    int64_t start,
                                                                    std::string filter);

// Follows until `each` returns false or an error, or the server refuses.
absl::Status Follow(
    Session& session, client::ChangeFollower& follower,
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
