#include "services/common/rpc/call_state.h"

#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/rpc/status.h"

namespace caravan::rpc {

namespace {

constexpr size_t kLongestRequestId = 64;

std::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

std::string_view Metadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : View(found->second);
}

}  // namespace

CallState::CallState(const RuntimeOptions& runtime, const BoundMethod& method,
                     grpc::CallbackServerContext* context, const grpc::ByteBuffer* request)
    : runtime_(runtime), method_(method), context_(context), bytes_(request) {
  call_.caller.access = runtime.access;
  call_.caller.permission = method.access.permission();
  call_.caller.method = method.name;
  call_.caller.now = runtime.clock();
  const absl::CivilDay day = absl::ToCivilDay(call_.caller.now, runtime.time_zone);
  call_.caller.today = day.year() * 10000 + day.month() * 100 + day.day();
  const auto trace = telemetry::TraceContext::Parse(Metadata(*context, "traceparent"));
  call_.trace = trace.has_value() ? trace->Child() : telemetry::TraceContext::New();
  call_.caller.trace_id = call_.trace.TraceId();
  call_.cancelled = [context] { return context->IsCancelled(); };
  method.metrics->Started();
}

absl::Status CallState::Prepare() {
  for (Step step : kSteps) {
    if (absl::Status s = TakeStep(step); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CallState::TakeStep(Step step) {
  switch (step) {
    case Step::kIdentity:
      return Identify();
    case Step::kDeadline:
      return SetDeadline();
    case Step::kParsing:
      return Parse();
    case Step::kPermission:
      return Permit();
    case Step::kValidation:
      return Validate();
  }
  return absl::InternalError("no such step");
}

absl::Status CallState::Identify() {
  identity::Peer peer;
  const auto spiffe_ids = context_->auth_context()->FindPropertyValues("peer_spiffe_id");
  if (spiffe_ids.size() == 1) peer.spiffe_id = View(spiffe_ids[0]);
  peer.claimed_principal =
      Metadata(*context_, std::string(identity::kInsecurePrincipalMetadata).c_str());
  peer.identity = Metadata(*context_, identity::kIdentityMetadata.data());
  absl::StatusOr<identity::Principal> principal = runtime_.authenticator->Authenticate(peer);
  if (!principal.ok()) return principal.status();
  call_.caller.principal = *std::move(principal);
  return absl::OkStatus();
}

absl::Status CallState::SetDeadline() {
  const absl::Time latest = start_ + runtime_.longest_deadline;
  const absl::Time asked = absl::FromChrono(context_->deadline());
  // gRPC says "none" with a time in the far future.
  call_.deadline = asked > start_ + absl::Hours(24 * 365) ? start_ + runtime_.default_deadline
                                                          : std::min(asked, latest);
  if (call_.deadline <= start_) {
    return api::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                      "the deadline was over before the call began");
  }
  const std::string_view revision = Metadata(*context_, kMinRevisionMetadata);
  if (!revision.empty() && (!absl::SimpleAtoi(revision, &min_revision_) || min_revision_ < 0)) {
    return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_METADATA",
                      absl::StrCat("metadata ", kMinRevisionMetadata, " is ", api::Quoted(revision),
                                   "; must be a revision such as 4711"))
        .Field(kMinRevisionMetadata, "must be a revision");
  }
  return absl::OkStatus();
}

absl::Status CallState::Parse() {
  request_ = method_.request_prototype->New(&arena_);
  // The reader does not change the buffer, but wants to be able to.
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(bytes_));
  if (!reader.status().ok() || !request_->ParseFromZeroCopyStream(&reader)) {
    return api::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_REQUEST",
                      absl::StrCat("the request is no ", request_->GetDescriptor()->full_name(),
                                   ": it is broken, or a string in it is not UTF-8"));
  }
  const auto* reflection = request_->GetReflection();
  if (method_.request_id != nullptr) {
    call_.caller.request_id = reflection->GetString(*request_, method_.request_id);
  }
  if (method_.validate_only != nullptr) {
    validate_only_ = reflection->GetBool(*request_, method_.validate_only);
  }
  return absl::OkStatus();
}

absl::Status CallState::Permit() {
  if (method_.access.any_authenticated()) return absl::OkStatus();
  const resources::Caller& caller = call_.caller;
  std::vector<std::string> names = method_.ResourcesOf(*request_);
  if (names.empty()) names.emplace_back();
  for (const std::string& name : names) {
    switch (caller.access->Check(caller.principal, caller.permission, name)) {
      case identity::Grant::kGranted:
        break;
      case identity::Grant::kDenied:
        return caller.Denied(name);
      case identity::Grant::kIfOwner:
        check_owners_ = !method_.checks_owners;
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status CallState::CheckOwners(store::Reader& reader) {
  if (!check_owners_) return absl::OkStatus();
  const resources::Caller& caller = call_.caller;
  std::vector<std::string> names = method_.ResourcesOf(*request_);
  if (names.empty()) return caller.Denied("");
  for (const std::string& name : names) {
    if (caller.access->Check(caller.principal, caller.permission, name) ==
        identity::Grant::kGranted) {
      continue;
    }
    const resources::Collection* collection = runtime_.registry->FindByName(name);
    if (collection == nullptr) return caller.Denied(name);
    absl::StatusOr<std::optional<store::Row>> row = reader.Get(collection->table, name);
    if (!row.ok()) return row.status();
    if (!row->has_value()) return caller.Denied(name);
    std::unique_ptr<google::protobuf::Message> resource(collection->prototype->New());
    if (!resource->ParseFromString((*row)->data)) return absl::DataLossError("stored row");
    if (!caller.Permits(*collection->type, *resource)) return caller.Denied(name);
  }
  return absl::OkStatus();
}

void CallState::ExpectResources(store::Reader& reader) const {
  for (const std::string& name : method_.ResourcesOf(*request_)) {
    const resources::Collection* collection = runtime_.registry->FindByName(name);
    if (collection != nullptr) reader.Expect(collection->table, name);
  }
}

absl::Status CallState::Validate() {
  api::Violations violations;
  method_.validator->Check(*request_, "", method_.validation, violations);
  const std::string& id = call_.caller.request_id;
  if (id.size() > kLongestRequestId || id.find('\n') != std::string::npos) {
    violations.Add("request_id", "must be a line of at most 64 characters, such as a UUID");
  }
  return violations.ToStatus();
}

grpc::Status CallState::Finished(const absl::Status& status) {
  grpc::Status answer = ToGrpcStatus(status, method_.name, call_.caller.trace_id);
  if (!call_.caller.scan_hint.empty()) {
    context_->AddTrailingMetadata(kScanHintMetadata, call_.caller.scan_hint);
  }
  method_.metrics->Finished(static_cast<int>(answer.error_code()), absl::Now() - start_);
  return answer;
}

}  // namespace caravan::rpc
