// Handlers of TrackingService.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "caravan/logistics/v1/tracking.service.h"
#include "services/logistics/parcel_host.h"

namespace caravan::logistics {

class TrackingService : public v1::TrackingServiceHandlers {
 public:
  explicit TrackingService(std::shared_ptr<ParcelHost> host);

  absl::StatusOr<std::unique_ptr<rpc::Exchange<v1::StreamEventsRequest, v1::StreamEventsResponse>>>
  StreamEvents(rpc::Call& call) override;
  absl::StatusOr<std::unique_ptr<rpc::Exchange<v1::ImportEventsRequest, v1::ImportEventsResponse>>>
  ImportEvents(rpc::Call& call) override;
  absl::StatusOr<v1::IngestEventsResponse> IngestEvents(
      rpc::Call& call, store::Transaction& tx, const v1::IngestEventsRequest& request) override;
  absl::StatusOr<v1::Cursor> GetCursor(rpc::Call& call, store::Reader& reader,
                                       const v1::GetCursorRequest& request) override;
  absl::StatusOr<v1::ListUnknownCodesResponse> ListUnknownCodes(
      rpc::Call& call, store::Reader& reader, const v1::ListUnknownCodesRequest& request) override;
  absl::StatusOr<std::unique_ptr<rpc::Source<v1::WatchEventsResponse>>> WatchEvents(
      rpc::Call& call, const v1::WatchEventsRequest& request) override;

 private:
  absl::Status Ingest(rpc::Call& call, const v1::IngestEventsRequest& request);

  const std::shared_ptr<ParcelHost> host_;
};

}  // namespace caravan::logistics
