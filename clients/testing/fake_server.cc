#include "clients/testing/fake_server.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/policies.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/util/field_mask_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpcpp/generic/async_generic_service.h"

namespace caravan::clients {

using zones::v1::PilotZone;

namespace {

constexpr char kPrefix[] = "pilotZones/";

template <typename M>
M Parse(const std::string& bytes) {
  M message;
  message.ParseFromString(bytes);
  return message;
}

// A status with a reason and, where `field` is not empty, a violation of it.
grpc::Status Error(grpc::StatusCode code, const std::string& reason, const std::string& message,
                   const std::string& field = "") {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("caravan");
  status.add_details()->PackFrom(info);
  if (!field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description(message);
    status.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(code, message, status.SerializeAsString());
}

grpc::Status NotFound(const std::string& name) {
  return Error(grpc::StatusCode::NOT_FOUND, "NOT_FOUND", name + " does not exist");
}

grpc::ByteBuffer ToBytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

// One call: a message in, the reply's messages out, and so on until it ends.
class FakeReactor : public grpc::ServerGenericBidiReactor {
 public:
  FakeReactor(FakeServer& server, grpc::GenericCallbackServerContext* context)
      : server_(server), context_(context) {
    StartRead(&received_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    grpc::Slice slice;
    received_.DumpToSingleSlice(&slice);
    server_.Note(context_->method(), context_->client_metadata());
    reply_ =
        server_.Handle(context_->method(),
                       std::string(reinterpret_cast<const char*>(slice.begin()), slice.size()));
    if (!reply_.hint.empty()) context_->AddTrailingMetadata("caravan-scan-hint", reply_.hint);
    next_ = 0;
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      WriteNext();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (next_ < reply_.messages.size()) {
      sent_ = ToBytes(reply_.messages[next_++]);
      StartWrite(&sent_);
    } else if (reply_.ends) {
      Finish(reply_.status);
    } else {
      StartRead(&received_);
    }
  }

  FakeServer& server_;
  grpc::GenericCallbackServerContext* context_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sent_;
  FakeServer::Reply reply_;
  size_t next_ = 0;
};

class FakeServer::Generic : public grpc::CallbackGenericService {
 public:
  explicit Generic(FakeServer& server) : server_(server) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new FakeReactor(server_, context);
  }

 private:
  FakeServer& server_;
};

FakeServer::FakeServer() : service_(std::make_unique<Generic>(*this)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() {
  server_->Shutdown();
  server_->Wait();
}

PilotZone FakeServer::Zone(const std::string& id, int batch) {
  PilotZone zone;
  zone.set_name(kPrefix + id);
  zone.set_display_name(id);
  zone.set_batch(batch);
  zone.mutable_approval_date()->set_year(2015);
  zone.mutable_approval_date()->set_month(3);
  zone.set_province("CN-ZJ");
  zone.set_state(PilotZone::OPERATING);
  return zone;
}

void FakeServer::Put(const PilotZone& zone) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Store(zone);
}

std::map<std::string, PilotZone> FakeServer::zones() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return zones_;
}

void FakeServer::FailNext(const std::string& method, std::vector<grpc::Status> failures) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failures_[method] = std::move(failures);
}

void FakeServer::PlanWatch(std::vector<WatchCourse> courses) {
  const std::lock_guard<std::mutex> lock(mutex_);
  courses_ = std::move(courses);
}

void FakeServer::Store(PilotZone zone) {
  api::v1::Change change;
  change.set_revision(static_cast<int64_t>(changes_.size()) + 1);
  change.mutable_commit_time()->set_seconds(1722556800 + change.revision());
  change.set_actor("users/li.wei");
  change.set_method("caravan.zones.v1.PilotZoneService/UpdatePilotZone");
  change.set_resource_type("caravan.dev/PilotZone");
  change.set_resource(zone.name());
  const auto found = zones_.find(zone.name());
  change.set_kind(found == zones_.end() ? api::v1::Change::CREATED : api::v1::Change::UPDATED);
  if (found != zones_.end()) change.mutable_before()->PackFrom(found->second);
  if (zone.state() == PilotZone::STATE_UNSPECIFIED) zone.set_state(PilotZone::APPROVED);
  zone.set_etag(absl::StrCat("r", change.revision()));
  change.mutable_after()->PackFrom(zone);
  zones_[zone.name()] = std::move(zone);
  changes_.push_back(std::move(change));
}

grpc::Status FakeServer::Check(const PilotZone& zone, const std::string& prefix) {
  if (zone.batch() < 1 || zone.batch() > 99) {
    return Error(grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELDS",
                 absl::StrCat("must be from 1 to 99, and is ", zone.batch()), prefix + "batch");
  }
  // An error that names nothing, so that the client has to search.
  if (zone.display_name() == "unnamable") {
    return Error(grpc::StatusCode::FAILED_PRECONDITION, "UNNAMABLE", "a zone is unnamable");
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::Update(const zones::v1::UpdatePilotZoneRequest& request,
                                const std::string& prefix, PilotZone* zone) {
  const auto found = zones_.find(request.pilot_zone().name());
  if (found == zones_.end()) {
    if (!request.allow_missing()) return NotFound(request.pilot_zone().name());
    *zone = request.pilot_zone();
  } else {
    if (!request.pilot_zone().etag().empty() &&
        request.pilot_zone().etag() != found->second.etag()) {
      return Error(grpc::StatusCode::ABORTED, "ETAG_MISMATCH", "it has changed; read it again");
    }
    *zone = found->second;
    google::protobuf::util::FieldMaskUtil::MergeOptions options;
    options.set_replace_message_fields(true);
    options.set_replace_repeated_fields(true);
    google::protobuf::util::FieldMaskUtil::MergeMessageTo(request.pilot_zone(),
                                                          request.update_mask(), options, zone);
    for (const auto& path : request.update_mask().paths()) {
      if (path == "local_name") zone->set_local_name(request.pilot_zone().local_name());
    }
  }
  return Check(*zone, prefix);
}

void FakeServer::Note(const std::string& path,
                      const std::multimap<grpc::string_ref, grpc::string_ref>& from) {
  std::multimap<std::string, std::string> metadata;
  for (const auto& [key, value] : from) {
    metadata.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  metadata_[path.substr(path.rfind('/') + 1)].push_back(std::move(metadata));
}

std::vector<std::string> FakeServer::Metadata(const std::string& method, const std::string& key) {
  std::vector<std::string> values;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& call : metadata_[method]) {
    const auto found = call.find(key);
    values.push_back(found == call.end() ? "" : found->second);
  }
  return values;
}

FakeServer::Reply FakeServer::Handle(const std::string& path, const std::string& request) {
  const std::string method = path.substr(path.rfind('/') + 1);
  if (path == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo") return Reflect(request);
  const std::lock_guard<std::mutex> lock(mutex_);
  requests_[method].push_back(request);
  auto& failures = failures_[method];
  if (!failures.empty()) {
    const grpc::Status failure = failures.front();
    failures.erase(failures.begin());
    return {{}, failure, true, ""};
  }
  const auto answer = [](const google::protobuf::Message& message) {
    return Reply{{message.SerializeAsString()}, grpc::Status::OK, true, ""};
  };
  const auto fail = [](grpc::Status status) { return Reply{{}, std::move(status), true, ""}; };
  if (method == "ListPilotZones") return List(request);
  if (method == "BatchCreatePilotZones") return BatchCreate(request);
  if (method == "BatchUpdatePilotZones") return BatchUpdate(request);
  if (method == "LoadPilotZones") return Load(request);
  if (method == "ListChanges") return ListChanges(request);
  if (method == "WatchChanges") return Watch(request);
  if (method == "GetPilotZone" || method == "ResolvePilotZone") {
    const auto name = Parse<zones::v1::GetPilotZoneRequest>(request).name();
    const auto found = zones_.find(name);
    return found == zones_.end() ? fail(NotFound(name)) : answer(found->second);
  }
  if (method == "CreatePilotZone") {
    const auto create = Parse<zones::v1::CreatePilotZoneRequest>(request);
    PilotZone zone = create.pilot_zone();
    zone.set_name(kPrefix + create.pilot_zone_id());
    if (zones_.contains(zone.name())) {
      return fail(Error(grpc::StatusCode::ALREADY_EXISTS, "ALREADY_EXISTS",
                        zone.name() + " exists already"));
    }
    if (auto status = Check(zone, "pilot_zone."); !status.ok()) return fail(status);
    if (!create.validate_only()) Store(zone);
    return answer(create.validate_only() ? zone : zones_[zone.name()]);
  }
  if (method == "UpdatePilotZone") {
    const auto update = Parse<zones::v1::UpdatePilotZoneRequest>(request);
    PilotZone zone;
    if (auto status = Update(update, "pilot_zone.", &zone); !status.ok()) return fail(status);
    if (!update.validate_only()) Store(zone);
    return answer(zone);
  }
  if (method == "DeletePilotZone") {
    const auto remove = Parse<zones::v1::DeletePilotZoneRequest>(request);
    if (zones_.erase(remove.name()) == 0 && !remove.allow_missing()) {
      return fail(NotFound(remove.name()));
    }
    return answer(google::protobuf::Empty());
  }
  if (method == "MergePilotZone") {
    const auto merge = Parse<zones::v1::MergePilotZoneRequest>(request);
    const auto found = zones_.find(merge.name());
    if (found == zones_.end()) return fail(NotFound(merge.name()));
    PilotZone zone = found->second;
    zone.set_state(PilotZone::MERGED);
    zone.set_successor(merge.successor());
    *zone.mutable_end_date() = merge.end_date();
    Store(zone);
    return answer(zone);
  }
  if (method == "BatchUpdateEnterprises") {
    return answer(zones::v1::BatchUpdateEnterprisesResponse());
  }
  if (method == "CheckEligibility") {
    zones::v1::CheckEligibilityResponse response;
    response.set_pilot_zone("pilotZones/hangzhou");
    auto* finding = response.add_policies();
    finding->set_policy("policies/retail-export-exemption");
    finding->set_outcome(zones::v1::MET);
    return answer(response);
  }
  return fail(Error(grpc::StatusCode::UNIMPLEMENTED, "UNIMPLEMENTED", method));
}

FakeServer::Reply FakeServer::Reflect(const std::string& bytes) {
  const auto request = Parse<grpc::reflection::v1::ServerReflectionRequest>(bytes);
  grpc::reflection::v1::ServerReflectionResponse response;
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const google::protobuf::FileDescriptor* file = nullptr;
  if (request.has_list_services()) {
    for (const char* name :
         {"caravan.zones.v1.EnterpriseService", "caravan.zones.v1.PilotZoneService",
          "caravan.zones.v1.PolicyService", "caravan.api.v1.ChangeService",
          "grpc.reflection.v1.ServerReflection"}) {
      response.mutable_list_services_response()->add_service()->set_name(name);
    }
  } else if (request.has_file_containing_symbol()) {
    file = pool->FindFileContainingSymbol(request.file_containing_symbol());
  } else {
    file = pool->FindFileByName(request.file_by_filename());
  }
  // A file alone: what it imports is to be asked for.
  if (file != nullptr) {
    google::protobuf::FileDescriptorProto proto;
    file->CopyTo(&proto);
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(
        proto.SerializeAsString());
  } else if (!request.has_list_services()) {
    response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  }
  return {{response.SerializeAsString()}, grpc::Status::OK, false, ""};
}

FakeServer::Reply FakeServer::List(const std::string& bytes) {
  const auto request = Parse<zones::v1::ListPilotZonesRequest>(bytes);
  zones::v1::ListPilotZonesResponse response;
  Reply reply;
  int batch = 0;
  std::sscanf(request.filter().c_str(), "batch = %d", &batch);
  for (const auto& [name, zone] : zones_) {
    if (name <= request.page_token() || (batch > 0 && zone.batch() != batch)) continue;
    if (response.pilot_zones_size() == request.page_size()) {
      response.set_next_page_token(response.pilot_zones().rbegin()->name());
      break;
    }
    *response.add_pilot_zones() = zone;
  }
  if (request.filter().find("place_level") != std::string::npos) {
    reply.hint = "an index on place_level would help";
  }
  reply.messages = {response.SerializeAsString()};
  return reply;
}

FakeServer::Reply FakeServer::BatchCreate(const std::string& bytes) {
  const auto request = Parse<zones::v1::BatchCreatePilotZonesRequest>(bytes);
  zones::v1::BatchCreatePilotZonesResponse response;
  for (int i = 0; i < request.requests_size(); ++i) {
    PilotZone zone = request.requests(i).pilot_zone();
    zone.set_name(kPrefix + request.requests(i).pilot_zone_id());
    if (zones_.contains(zone.name())) {
      return {
          {}, Error(grpc::StatusCode::ALREADY_EXISTS, "ALREADY_EXISTS", "one exists"), true, ""};
    }
    const auto status = Check(zone, absl::StrCat("requests[", i, "].pilot_zone."));
    if (!status.ok()) return {{}, status, true, ""};
    *response.add_pilot_zones() = zone;
  }
  for (const auto& zone : response.pilot_zones()) Store(zone);
  return {{response.SerializeAsString()}, grpc::Status::OK, true, ""};
}

FakeServer::Reply FakeServer::BatchUpdate(const std::string& bytes) {
  const auto request = Parse<zones::v1::BatchUpdatePilotZonesRequest>(bytes);
  zones::v1::BatchUpdatePilotZonesResponse response;
  for (int i = 0; i < request.requests_size(); ++i) {
    const auto status = Update(request.requests(i), absl::StrCat("requests[", i, "].pilot_zone."),
                               response.add_pilot_zones());
    if (!status.ok()) return {{}, status, true, ""};
  }
  if (!request.validate_only()) {
    for (const auto& zone : response.pilot_zones()) Store(zone);
  }
  return {{response.SerializeAsString()}, grpc::Status::OK, true, ""};
}

FakeServer::Reply FakeServer::Load(const std::string& bytes) {
  const auto request = Parse<zones::v1::LoadPilotZonesRequest>(bytes);
  zones::v1::LoadPilotZonesResponse response;
  for (int i = 0; i < request.pilot_zones_size(); ++i) {
    const PilotZone& zone = request.pilot_zones(i);
    auto status = Check(zone, absl::StrCat("pilot_zones[", i, "]."));
    bool known = zone.successor().empty() || zones_.contains(zone.successor());
    for (const auto& other : request.pilot_zones())
      known = known || other.name() == zone.successor();
    // It does not say which one: the client has to search.
    if (!known)
      status = Error(grpc::StatusCode::FAILED_PRECONDITION, "NO_SUCCESSOR", "no successor");
    if (!status.ok()) return {{}, status, true, ""};
    *response.add_pilot_zones() = zone;
  }
  if (!request.validate_only()) {
    for (const auto& zone : response.pilot_zones()) Store(zone);
  }
  return {{response.SerializeAsString()}, grpc::Status::OK, true, ""};
}

FakeServer::Reply FakeServer::ListChanges(const std::string& bytes) {
  const auto request = Parse<api::v1::ListChangesRequest>(bytes);
  api::v1::ListChangesResponse response;
  std::vector<api::v1::Change> found;
  for (const auto& change : changes_) {
    const bool matches = request.filter().empty() ||
                         request.filter() == absl::StrCat("resource = \"", change.resource(), "\"");
    if (matches) found.push_back(change);
  }
  if (request.order_by() == "revision desc") std::reverse(found.begin(), found.end());
  for (const auto& change : found) {
    if (response.changes_size() < request.page_size()) *response.add_changes() = change;
  }
  return {{response.SerializeAsString()}, grpc::Status::OK, true, ""};
}

FakeServer::Reply FakeServer::Watch(const std::string& bytes) {
  const auto request = Parse<api::v1::WatchChangesRequest>(bytes);
  if (courses_.empty()) return {{}, grpc::Status(grpc::StatusCode::CANCELLED, "no more"), true, ""};
  const WatchCourse course = courses_.front();
  courses_.erase(courses_.begin());
  Reply reply;
  for (const auto& change : changes_) {
    if (change.revision() < request.start_revision()) continue;
    if (static_cast<int>(reply.messages.size()) == course.changes) break;
    reply.messages.push_back(change.SerializeAsString());
  }
  reply.status = course.end;
  return reply;
}

}  // namespace caravan::clients
