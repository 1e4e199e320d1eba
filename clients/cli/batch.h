// Sends many resources in batches, and finds those that the server refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/session.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

enum class BatchMode {
  kCreate,  // BatchCreate: what exists is refused
  kUpdate,  // BatchUpdate: creates what does not exist
  kLoad,    // Load: as kUpdate, whole, with the states and dates as given
};

// A resource, and where it came from.
struct BatchRow {
  int64_t origin = 0;  // a line of a file, or the number of a document
  std::unique_ptr<google::protobuf::Message> resource;
};

// Why a row was refused.
struct Refusal {
  int64_t origin = 0;
  std::string field;  // path in the resource; empty: the row as a whole
  std::string reason;
  std::string message;
};

class BatchSender {
 public:
  // The most rows of a batch that servers take.
  static constexpr int kMaxRows = 1000;

  // `paths`: the fields that kUpdate sets. `seed` stands for all that is sent
  // beside the rows: with it and the rows' origins, the same batch gets the
  // same request id whenever it is sent, so that a repeat changes nothing.
  // UNIMPLEMENTED where the collection has no such method.
  static absl::StatusOr<BatchSender> Create(Session& session, const Collection& collection,
                                            BatchMode mode, std::vector<std::string> paths,
                                            std::string seed, bool dry_run);

  // Sends rows as one batch. Where the server refuses it, the rows that it
  // names are taken out and the rest is sent again; where it names none, the
  // batch is halved until the culprits are found. Rows found so are tried once
  // more in the end, for they may only have lacked a row of the other half.
  //
  // OK: every row was accepted, or is named by `refusals`. An error: not the
  // rows are at fault (no permission, no server); rows may have been accepted.
  absl::Status Send(const std::vector<BatchRow>& rows, std::vector<Refusal>* refusals);

 private:
  using Rows = std::vector<const BatchRow*>;

  BatchSender(Session& session, const Collection& collection, BatchMode mode)
      : session_(session), collection_(collection), mode_(mode) {}

  absl::Status Attempt(const Rows& rows);
  absl::Status SendOrSplit(Rows rows, std::vector<Refusal>* named, Rows* found);
  std::vector<Refusal> Blame(const absl::Status& status, const Rows& rows) const;

  Session& session_;
  const Collection& collection_;
  BatchMode mode_;
  std::vector<std::string> paths_;
  std::string seed_;
  bool dry_run_ = false;
  const google::protobuf::MethodDescriptor* method_ = nullptr;
  const google::protobuf::FieldDescriptor* items_ = nullptr;  // the repeated field of the request
};

// SHA-256, in hex.
std::string Sha256(std::string_view text);

}  // namespace caravan::cli
