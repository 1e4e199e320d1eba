// google.longrunning.Operations, as every service has it.
//
// An operation is seen by whoever started it, and by those who hold a permission
// on the resource it works on or on everything: `<service>.operations.get`,
// `.list`, `.cancel` and `.delete`. To all others it is PERMISSION_DENIED,
// whether it exists or not.
//
// ListOperations returns the newest first. Its filter (AIP-160) is over `name`,
// `done`, `metadata` (caravan.api.v1.OperationMetadata) and `error`, for example
// `done = false AND metadata.resource = "fairs/canton-136"`; its `name` is
// `operations` or empty.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/operations/operations.h"
#include "services/common/rpc/service.h"

namespace caravan::operations {

class OperationsService : public rpc::Service {
 public:
  // `service` is the first part of its permissions: `zones`.
  OperationsService(Operations& operations, std::string_view service);

  absl::StatusOr<google::longrunning::Operation> GetOperation(
      rpc::Call& call, store::Reader& reader,
      const google::longrunning::GetOperationRequest& request);
  absl::StatusOr<google::longrunning::ListOperationsResponse> ListOperations(
      rpc::Call& call, store::Reader& reader,
      const google::longrunning::ListOperationsRequest& request);
  // Asks for the end of an operation; OK too where that was asked before, and
  // where it is done.
  absl::StatusOr<google::protobuf::Empty> CancelOperation(
      rpc::Call& call, store::Transaction& tx,
      const google::longrunning::CancelOperationRequest& request);
  // FAILED_PRECONDITION with reason OPERATION_RUNNING where it is not done.
  absl::StatusOr<google::protobuf::Empty> DeleteOperation(
      rpc::Call& call, store::Transaction& tx,
      const google::longrunning::DeleteOperationRequest& request);
  // Answers once the operation is done, after `timeout`, or shortly before the
  // call's deadline, with the operation as it then is; earlier where this server
  // stops.
  void WaitOperation(rpc::Call& call, const google::longrunning::WaitOperationRequest& request,
                     Operations::WaitDone done);

 private:
  Operations& operations_;
};

}  // namespace caravan::operations
