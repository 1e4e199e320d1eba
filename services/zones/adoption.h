// Adoptions of practices: what must be true of one, and how many there are in
// which period.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/adoptions.pb.h"
#include "caravan/zones/v1/practices.pb.h"

namespace caravan::zones {

// Checks an adoption as it will be stored, beyond what its contract declares:
// its id is that of the zone, it ends after it begins. INVALID_ARGUMENT names
// fields relative to the adoption.
absl::Status CheckAdoption(const v1::Adoption& adoption);

// Checks that a practice can be adopted on the day of the adoption:
// FAILED_PRECONDITION with reason PRACTICE_NOT_PUBLISHED where it is not
// published by then, or retired.
absl::Status CheckAdoptable(const v1::Adoption& adoption, const v1::Practice& practice);

// The periods of a summary: the first day of each (yyyymmdd), and at the end the
// day after the last. INVALID_ARGUMENT where they end before they begin or are
// more than 100. `today` stands for an end that is not given.
absl::StatusOr<std::vector<int64_t>> AdoptionPeriods(const v1::SummarizeAdoptionsRequest& request,
                                                     int64_t today);

// Counts adoptions row by row, of which it keeps one page: memory is bounded by
// the rows of a page times the periods, however many adoptions there are.
class AdoptionCounter {
 public:
  // `periods` as AdoptionPeriods gives them. Of the rows, in the order of their
  // names, those behind the row `after` of an earlier page (empty: from the
  // first), and `rows` of them at the most.
  AdoptionCounter(v1::SummarizeAdoptionsRequest::Grouping grouping, std::vector<int64_t> periods,
                  std::string after, int rows);

  void Add(const v1::Adoption& adoption);

  // Whether adoptions of practices behind that of the last one cannot change the
  // page, where they come in the order of their names.
  bool full() const { return ordered_ && more(); }

  // Whether there are rows behind the page.
  bool more() const { return counts_.size() > rows_; }

  // Where the page ends: the `after` of the next one.
  std::string last() const;

  // The rows of the page.
  std::vector<v1::AdoptionSummary> Summaries() const;

 private:
  struct Counts {
    int32_t earlier = 0;
    // By period: what began in it, and what is active on its last day.
    std::vector<int32_t> began, active;
  };

  const bool ordered_;  // adoptions come in the order of the rows
  const std::vector<int64_t> periods_;
  const std::string after_;
  const size_t rows_;
  std::map<std::string, Counts> counts_;  // the page, and the row behind it
};

}  // namespace caravan::zones
