// Handlers of ComplaintService, and its rule for every write.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/complaints.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PrepareComplaint(const resources::Writing& writing, const v1::Complaint* before,
                              v1::Complaint& after);

class ComplaintsService : public v1::ComplaintServiceHandlers {
 public:
  explicit ComplaintsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::SummarizeComplaintsResponse> SummarizeComplaints(
      rpc::Call& call, store::Reader& reader,
      const v1::SummarizeComplaintsRequest& request) override;

 private:
  // The indexed field that holds a scope; empty where there is no scope. NOT_FOUND
  // where it does not exist.
  absl::StatusOr<std::string_view> FieldOf(store::Reader& reader, const std::string& scope) const;

  const resources::Registry& registry_;
};

}  // namespace caravan::zones
