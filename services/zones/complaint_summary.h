// Figures over complaints: days to close, and firms that were at fault again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "services/zones/period.h"

namespace caravan::zones {

class ComplaintSummary {
 public:
  // `today` (yyyymmdd) is the day as of which findings count. INVALID_ARGUMENT
  // where the request's end is not after its beginning.
  static absl::StatusOr<ComplaintSummary> For(const v1::SummarizeComplaintsRequest& request,
                                              int64_t today);

  // Adds a complaint of the request's scope.
  void Add(const v1::Complaint& complaint);

  v1::SummarizeComplaintsResponse Response() const;

 private:
  // What is gathered of a group.
  struct Group {
    int filed = 0;
    std::vector<int64_t> days_to_close;
    // Days of the decisions on findings, by enterprise; those after the period
    // are left out.
    absl::btree_map<std::string, std::vector<int64_t>> violations;
  };

  ComplaintSummary(Period period, int64_t today, v1::SummarizeComplaintsRequest::GroupBy group_by)
      : period_(period), today_(today), group_by_(group_by) {}

  void AddTo(Group& group, const v1::Complaint& complaint) const;
  v1::SummarizeComplaintsResponse::Summary Summarize(const std::string& scope,
                                                     const Group& group) const;

  Period period_;
  int64_t today_;
  v1::SummarizeComplaintsRequest::GroupBy group_by_;
  Group total_;
  absl::btree_map<std::string, Group> groups_;
};

}  // namespace caravan::zones
