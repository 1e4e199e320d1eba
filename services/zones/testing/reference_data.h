// Reads the files of deploy/data into messages, as caravanctl does, without a
// server. Scalars may be written as protobuf's JSON takes them; dates as
// `2018-10-01` or `2025-04`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace caravan::zones::testing {

// Calls `add` for a fresh message of every row of a CSV file, whose header
// names fields; an empty cell sets nothing. Cells are not quoted.
absl::Status ReadCsv(const std::string& path,
                     const std::function<google::protobuf::Message*()>& add);

// The same for every document of a YAML file, which must be of the type `type`
// (`caravan.dev/Policy`).
absl::Status ReadYaml(const std::string& path, const std::string& type,
                      const std::function<google::protobuf::Message*()>& add);

template <class T>
absl::StatusOr<std::vector<T>> ReadCsv(const std::string& path) {
  std::vector<T> rows;
  absl::Status status = ReadCsv(path, [&] { return &rows.emplace_back(); });
  if (!status.ok()) return status;
  return rows;
}

template <class T>
absl::StatusOr<std::vector<T>> ReadYaml(const std::string& path, const std::string& type) {
  std::vector<T> documents;
  absl::Status status = ReadYaml(path, type, [&] { return &documents.emplace_back(); });
  if (!status.ok()) return status;
  return documents;
}

}  // namespace caravan::zones::testing
