// Carriers' vocabularies: what their codes mean in canonical statuses. They are
// data (deploy/data/tracking_*.csv); an installation adds its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/logistics/event_time.h"
#include "services/logistics/tracking_status.h"

namespace caravan::logistics {

struct TrackingMeaning {
  TrackingStatus status = TrackingStatus::kUnknown;
  // Where the code itself tells one. A reason that the event brings goes first.
  TrackingReason reason = TrackingReason::kNone;
  // Whether the code is in its vocabulary. Of those that are, some mean that
  // nothing is known: UNKNOWN.
  bool known = false;
};

class TrackingCodes {
 public:
  // Adds a table with the columns `vocabulary,code,status,reason,note`, one row a
  // code; the header comes first, cells are not quoted, `reason` and `note` may be
  // empty. A code that is there from an earlier table is replaced.
  //
  // INVALID_ARGUMENT with reason TRACKING_TABLE_MALFORMED where a row is not so,
  // or gives a code twice; then nothing is added.
  absl::Status AddCodes(std::string_view csv);

  // Adds a table with the columns `vocabulary,times,note`: the vocabularies' rules
  // for times without an offset. Errors as above.
  absl::Status AddVocabularies(std::string_view csv);

  // Adds a code, or replaces it.
  void Add(std::string_view vocabulary, std::string_view code, TrackingMeaning meaning);

  // What a code means, exactly as it is written. One that is not known is never
  // guessed at: it means UNKNOWN, and is kept with its event.
  TrackingMeaning Find(std::string_view vocabulary, std::string_view code) const;

  // The rule of a vocabulary; a carrier that has a rule of its own is not bound by
  // it. Nothing where the vocabulary is not known.
  const TimeRule* FindTimeRule(std::string_view vocabulary) const;

  size_t size() const;

 private:
  using Codes = absl::flat_hash_map<std::string, TrackingMeaning>;

  absl::flat_hash_map<std::string, Codes> vocabularies_;
  absl::flat_hash_map<std::string, TimeRule> time_rules_;
};

// Counts the codes that were not known, for those who keep the tables.
class UnknownCodes {
 public:
  // Different codes that are told apart; what comes after them is counted together,
  // as `other`.
  static constexpr size_t kMaxCodes = 1000;

  struct Row {
    std::string vocabulary;
    std::string code;
    int64_t count = 0;
  };

  void Count(std::string_view vocabulary, std::string_view code);

  // The most frequent first, then by vocabulary and code.
  std::vector<Row> Rows() const;
  int64_t other() const { return other_; }

 private:
  absl::flat_hash_map<std::string, absl::flat_hash_map<std::string, int64_t>> counts_;
  size_t codes_ = 0;
  int64_t other_ = 0;
};

}  // namespace caravan::logistics
