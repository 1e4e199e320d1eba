// The yardstick of durable updates: the rows that an update of an enterprise
// writes, written directly to a copy of the service's own database. There is no
// RPC, no permission, no validation, no etag and no search for an earlier
// answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace caravan::load {

// What an update of an enterprise writes beside the row of counters.
struct RawUpdate {
  std::string key = {};
  std::string before = {};
  std::string after = {};
  std::string request_key = {};  // principal, method and request id
};

// A database as the service has left it.
class RawDatabase {
 public:
  virtual ~RawDatabase() = default;

  // The stored bytes of enterprises, in any order.
  virtual absl::StatusOr<std::vector<RawUpdate>> Read(const std::vector<std::string>& keys) = 0;

  // Commits updates of different enterprises as one transaction: for each the
  // row, a change with its images and an answer by request id; and the
  // counters. Returns once that is durable.
  virtual absl::Status Commit(const std::vector<const RawUpdate*>& updates) = 0;
};

absl::StatusOr<std::unique_ptr<RawDatabase>> OpenRawSqlite(const std::string& path);
absl::StatusOr<std::unique_ptr<RawDatabase>> OpenRawPostgres(const std::string& conninfo,
                                                             const std::string& schema);

// Stand-ins of the size that the service's have.
inline constexpr int kRecordBytes = 150;  // of a change, beside its images
inline constexpr int kAnswerBytes = 52;   // of an answer by request id

}  // namespace caravan::load
