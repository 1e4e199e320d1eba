// Handlers of ParcelService.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/logistics/v1/parcels.service.h"
#include "services/logistics/parcel_host.h"

namespace caravan::logistics {

// Whether a permission is held on a parcel, by its name or through an owner. (Parcels are in
// no collection of the registry.)
bool Permits(const resources::Caller& caller, const v1::Parcel& parcel,
             std::string_view permission);

class ParcelsService : public v1::ParcelServiceHandlers {
 public:
  explicit ParcelsService(std::shared_ptr<ParcelHost> host);

  absl::StatusOr<v1::Parcel> GetParcel(rpc::Call& call, store::Reader& reader,
                                       const v1::GetParcelRequest& request) override;
  absl::StatusOr<v1::BatchGetParcelsResponse> BatchGetParcels(
      rpc::Call& call, store::Reader& reader, const v1::BatchGetParcelsRequest& request) override;
  absl::StatusOr<v1::ListParcelsResponse> ListParcels(
      rpc::Call& call, store::Reader& reader, const v1::ListParcelsRequest& request) override;
  absl::StatusOr<v1::Parcel> LookUpParcel(rpc::Call& call, store::Reader& reader,
                                          const v1::LookUpParcelRequest& request) override;
  absl::StatusOr<v1::ListParcelEventsResponse> ListParcelEvents(
      rpc::Call& call, store::Reader& reader, const v1::ListParcelEventsRequest& request) override;
  absl::StatusOr<std::unique_ptr<rpc::Source<v1::Parcel>>> WatchParcel(
      rpc::Call& call, const v1::WatchParcelRequest& request) override;

  // What writes parcels does so before the transaction of the registers, in which
  // nothing is left to do but to answer.
  absl::StatusOr<v1::Parcel> CreateParcel(rpc::Call& call, store::Transaction& tx,
                                          const v1::CreateParcelRequest& request) override;
  absl::StatusOr<v1::BatchCreateParcelsResponse> BatchCreateParcels(
      rpc::Call& call, store::Transaction& tx,
      const v1::BatchCreateParcelsRequest& request) override;
  absl::StatusOr<v1::Parcel> UpdateParcel(rpc::Call& call, store::Transaction& tx,
                                          const v1::UpdateParcelRequest& request) override;
  absl::StatusOr<v1::Parcel> LinkTrackingNumber(
      rpc::Call& call, store::Transaction& tx,
      const v1::LinkTrackingNumberRequest& request) override;

 private:
  absl::StatusOr<v1::Parcel> Find(const resources::Caller& caller, const std::string& name);
  absl::Status CheckOwners(const resources::Caller& caller, v1::Parcel parcel);
  absl::Status Announce(rpc::Call& call, absl::Span<const v1::CreateParcelRequest* const> requests);
  absl::Status Update(rpc::Call& call, const v1::UpdateParcelRequest& request);
  absl::Status Link(rpc::Call& call, const v1::LinkTrackingNumberRequest& request);

  const std::shared_ptr<ParcelHost> host_;
};

}  // namespace caravan::logistics
