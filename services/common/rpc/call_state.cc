#include "services/common/rpc/call_state.h"

#include <algorithm>
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

// What of a call's metadata is ours, found in one pass.
struct Metadata {
  explicit Metadata(const grpc::CallbackServerContext& context) {
    for (const auto& [key, value] : context.client_metadata()) {
      const std::string_view name = View(key);
      if (name == "traceparent") {
        traceparent = View(value);
      } else if (name == identity::kInsecurePrincipalMetadata) {
        principal = View(value);
      } else if (name == identity::kIdentityMetadata) {
        identity = View(value);
      } else if (name == kMinRevisionMetadata) {
        min_revision = View(value);
      }
    }
  }

  std::string_view traceparent, principal, identity, min_revision;
};

// The legal day, yyyymmdd. Works the time zone out once a day.
int64_t LegalDay(absl::Time now, const absl::TimeZone& zone) {
  struct Day {
    absl::Time begin, end;
    absl::TimeZone zone;
    int64_t number = 0;
  };
  thread_local Day last;
  if (now < last.begin || now >= last.end || zone != last.zone) {
    const absl::CivilDay day = absl::ToCivilDay(now, zone);
    last = {absl::FromCivil(day, zone), absl::FromCivil(day + 1, zone), zone,
            day.year() * 10000 + day.month() * 100 + day.day()};
  }
  return last.number;
}

}  // namespace

CallState::CallState(const RuntimeOptions& runtime, const BoundMethod& method,
                     grpc::CallbackServerContext* context, const grpc::ByteBuffer* request)
    : runtime_(runtime),
      method_(method),
      context_(context),
      bytes_(request),
      inquiry_(runtime.foreign) {
  const Metadata metadata(*context);
  call_.caller.access = runtime.access;
  call_.caller.permission = method.access.permission();
  call_.caller.method = method.name;
  call_.caller.now = runtime.clock();
  call_.caller.inquiry = &inquiry_;
  call_.caller.today = LegalDay(call_.caller.now, runtime.time_zone);
  const auto trace = telemetry::TraceContext::Parse(metadata.traceparent);
  call_.trace = trace.has_value() ? trace->Child() : telemetry::TraceContext::New();
  if (!method.handler.quick) call_.caller.trace_id = call_.trace.TraceId();
  claimed_principal_ = metadata.principal;
  identity_ = metadata.identity;
  min_revision_text_ = metadata.min_revision;
  call_.cancelled = [context] { return context->IsCancelled(); };
  method.metrics->Started();
}

CallState::CallState(const CallState& call, const grpc::ByteBuffer* request)
    : runtime_(call.runtime_),
      method_(call.method_),
      context_(call.context_),
      bytes_(request),
      call_(call.call_),
      inquiry_(call.runtime_.foreign) {
  // A stream may last for days, and each of its requests is dated when it comes.
  call_.caller.now = runtime_.clock();
  call_.caller.today = LegalDay(call_.caller.now, runtime_.time_zone);
  call_.caller.inquiry = &inquiry_;
  call_.deadline = std::min(call.call_.deadline, start_ + runtime_.default_deadline);
}

absl::Status CallState::Prepare() { return TakeSteps(kSteps); }

absl::Status CallState::PrepareStream() {
  return TakeSteps(absl::MakeConstSpan(kSteps).first(kStepsOfStream));
}

absl::Status CallState::PrepareRequest() {
  return TakeSteps(absl::MakeConstSpan(kSteps).subspan(kStepsOfStream));
}

absl::Status CallState::TakeSteps(absl::Span<const Step> steps) {
  for (Step step : steps) {
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
  peer.claimed_principal = claimed_principal_;
  peer.identity = identity_;
  absl::StatusOr<identity::Principal> principal = runtime_.authenticator->Authenticate(peer);
  if (!principal.ok()) return principal.status();
  call_.caller.principal = *std::move(principal);
  return absl::OkStatus();
}

absl::Status CallState::SetDeadline() {
  const absl::Time latest = start_ + runtime_.longest_deadline;
  const absl::Time asked = absl::FromChrono(context_->deadline());
  // gRPC says "none" with a time in the far future.
  const bool none = asked > start_ + absl::Hours(24 * 365);
  if (method_.descriptor->client_streaming()) {
    // It lasts for as long as there are requests, each of which has its time.
    call_.deadline = none ? absl::InfiniteFuture() : asked;
  } else {
    call_.deadline = none ? start_ + runtime_.default_deadline : std::min(asked, latest);
  }
  if (call_.deadline <= start_) {
    return api::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                      "the deadline was over before the call began");
  }
  const std::string_view revision = min_revision_text_;
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
  absl::Status status;
  bool any = false;
  const auto permit = [&](const std::string& name) {
    any = true;
    switch (caller.access->Check(caller.principal, caller.permission, name)) {
      case identity::Grant::kGranted:
        break;
      case identity::Grant::kDenied:
        status = caller.Denied(name);
        break;
      case identity::Grant::kIfOwner:
        check_owners_ = !method_.checks_owners;
        break;
    }
    return status.ok();
  };
  method_.ForEachResource(*request_, permit);
  if (!any) permit("");
  return status;
}

absl::Status CallState::CheckOwners(store::Reader& reader) {
  if (!check_owners_) return absl::OkStatus();
  const resources::Caller& caller = call_.caller;
  absl::Status status;
  bool any = false;
  method_.ForEachResource(*request_, [&](const std::string& name) {
    any = true;
    status = CheckOwner(reader, name);
    return status.ok();
  });
  return any ? status : caller.Denied("");
}

absl::Status CallState::CheckOwners() {
  if (!check_owners_) return absl::OkStatus();
  return runtime_.store->Read([this](store::Reader& reader) { return CheckOwners(reader); });
}

absl::Status CallState::CheckOwner(store::Reader& reader, const std::string& name) {
  const resources::Caller& caller = call_.caller;
  if (caller.HoldsOn(name)) return absl::OkStatus();
  const resources::Collection* collection = runtime_.registry->FindByName(name);
  if (collection == nullptr) return caller.Denied(name);
  absl::StatusOr<std::optional<store::Row>> row = reader.Get(collection->table, name);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return caller.Denied(name);
  std::unique_ptr<google::protobuf::Message> resource(collection->prototype->New());
  if (!resource->ParseFromString((*row)->data)) return absl::DataLossError("stored row");
  if (!caller.Permits(*collection->type, *resource)) return caller.Denied(name);
  return absl::OkStatus();
}

void CallState::ExpectResources(store::Reader& reader) const {
  method_.ForEachResource(*request_, [&](const std::string& name) {
    const resources::Collection* collection = runtime_.registry->FindByName(name);
    if (collection != nullptr) reader.Expect(collection->table, name);
    return true;
  });
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
  grpc::Status answer =
      status.ok() ? grpc::Status() : ToGrpcStatus(status, method_.name, call_.trace.TraceId());
  if (!call_.caller.scan_hint.empty()) {
    context_->AddTrailingMetadata(kScanHintMetadata, call_.caller.scan_hint);
  }
  method_.metrics->Finished(static_cast<int>(answer.error_code()), absl::Now() - start_);
  return answer;
}

}  // namespace caravan::rpc
