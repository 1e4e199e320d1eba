// One call, or one request of a stream, on its way through the steps before its
// handler.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "services/common/rpc/binding.h"
#include "services/common/rpc/runtime.h"
#include "services/common/telemetry/trace.h"

namespace caravan::rpc {

class CallState {
 public:
  CallState(const RuntimeOptions& runtime, const BoundMethod& method,
            grpc::CallbackServerContext* context, const grpc::ByteBuffer* request);

  // A request of the stream that a call takes; null: what comes after the last. The
  // call outlives it. It is no call of its own for the metrics.
  CallState(const CallState& call, const grpc::ByteBuffer* request);

  // Takes the steps in the order of kSteps; the first error ends the call. A
  // call that takes a stream takes the first of them once, and the others for
  // each request.
  absl::Status Prepare();
  absl::Status PrepareStream();
  absl::Status PrepareRequest();

  // Where the permission depends on owners and the handler does not check them:
  // reads the resources that the call touches and checks.
  absl::Status CheckOwners(store::Reader& reader);
  // The same, in a read of its own where one is needed.
  absl::Status CheckOwners();

  // Tells the reader of the resources that the call touches.
  void ExpectResources(store::Reader& reader) const;

  const BoundMethod& method() const { return method_; }
  Call& call() { return call_; }
  resources::Inquiry& inquiry() { return inquiry_; }
  const google::protobuf::Message& request() const { return *request_; }
  grpc::CallbackServerContext* context() { return context_; }
  bool validate_only() const { return validate_only_; }
  int64_t min_revision() const { return min_revision_; }

  // Records how it ended.
  grpc::Status Finished(const absl::Status& status);

 private:
  absl::Status TakeSteps(absl::Span<const Step> steps);
  absl::Status TakeStep(Step step);
  absl::Status Identify();
  absl::Status SetDeadline();
  absl::Status Parse();
  absl::Status Permit();
  absl::Status Validate();
  absl::Status CheckOwner(store::Reader& reader, const std::string& name);

  const RuntimeOptions& runtime_;
  const BoundMethod& method_;
  grpc::CallbackServerContext* context_;
  const grpc::ByteBuffer* bytes_;
  // When the call came. Deadlines are of the real time, whatever clock dates
  // the changes.
  const absl::Time start_ = absl::Now();
  // Of the metadata, which last as long as the context.
  std::string_view claimed_principal_, identity_, min_revision_text_;
  google::protobuf::Arena arena_;
  google::protobuf::Message* request_ = nullptr;
  Call call_;
  resources::Inquiry inquiry_;
  bool check_owners_ = false;
  bool validate_only_ = false;
  int64_t min_revision_ = 0;
};

}  // namespace caravan::rpc
