// How far an import came, kept so that it can go on.
#pragma once

#include <cstdint>
#include <istream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::cli {

struct ImportState {
  std::string digest;      // SHA-256 of the file, in hex; empty: nothing done yet
  std::string collection;  // resource type
  std::string run;         // id of the import, of which the ids of its requests are made
  int64_t last_line = 0;   // rows that begin up to this line are done
  int64_t accepted = 0;    // rows
  int64_t refused = 0;     // rows

  // A file that does not exist is the beginning. INVALID_ARGUMENT (wrong use)
  // where it is no such state.
  static absl::StatusOr<ImportState> Load(const std::string& file);

  // Replaces the file as a whole, so that a crash leaves the old or the new.
  absl::Status Save(const std::string& file) const;
};

// SHA-256 of a stream, in hex, and how many bytes it has.
std::string DigestOf(std::istream& in, int64_t* size);

}  // namespace caravan::cli
