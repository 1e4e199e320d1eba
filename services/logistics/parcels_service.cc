#include "services/logistics/parcels_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/errors.h"
#include "services/common/api/field_mask.h"
#include "services/common/api/filter.h"
#include "services/common/api/page_token.h"
#include "services/common/resources/inquiry.h"
#include "services/common/resources/list.h"
#include "services/logistics/watch.h"

namespace caravan::logistics {

using google::protobuf::util::TimeUtil;
using v1::Parcel;

namespace {

// Fields that UpdateParcel may change.
constexpr std::string_view kChangeable[] = {"seller",      "platform", "origin_zone",
                                            "partnership", "lane",     "postal_code"};

// What was done before the transaction.
struct Written {
  std::vector<Parcel> parcels;
};

absl::Status CheckPermitted(const resources::Caller& caller, const Parcel& parcel) {
  return Permits(caller, parcel, caller.permission) ? absl::OkStatus()
                                                    : caller.Denied(parcel.name());
}

// What a parcel refers to in other services.
std::vector<api::Reference> ForeignReferencesOf(const Parcel& parcel) {
  std::vector<api::Reference> references;
  const auto add = [&](const char* field, const char* type, const std::string& target) {
    if (!target.empty()) references.push_back({field, type, target});
  };
  add("seller", "caravan.dev/Enterprise", parcel.seller());
  add("platform", "caravan.dev/Platform", parcel.platform());
  add("origin_zone", "caravan.dev/PilotZone", parcel.origin_zone());
  return references;
}

// References to other services, which are asked for those of which nothing is known:
// INVALID_ARGUMENT with reason REFERENCE_NOT_FOUND, or UNAVAILABLE.
absl::Status CheckForeign(rpc::Call& call, absl::Span<const Parcel* const> parcels,
                          absl::Span<const std::string> prefixes) {
  resources::Inquiry* inquiry = call.caller.inquiry;
  if (inquiry == nullptr) return absl::OkStatus();
  api::Violations violations;
  for (const bool asked : {false, true}) {
    inquiry->Begin();
    for (size_t i = 0; i < parcels.size(); ++i) {
      for (api::Reference& reference : ForeignReferencesOf(*parcels[i])) {
        if (!inquiry->Serves(reference) || !inquiry->Dangles(reference) || !asked) continue;
        violations.Add(absl::StrCat(prefixes[i], reference.field),
                       absl::StrCat("is ", reference.target, ", which does not exist"));
      }
    }
    if (asked || !inquiry->open()) continue;
    if (absl::Status s = inquiry->Ask(call.deadline, call.trace.ToTraceparent()); !s.ok()) {
      return s;
    }
  }
  return violations.ToStatus("REFERENCE_NOT_FOUND");
}

absl::StatusOr<std::vector<std::string>> PathsOf(const v1::UpdateParcelRequest& request) {
  std::vector<std::string> paths;
  if (!request.has_update_mask()) {
    for (const std::string_view path : kChangeable) {
      const auto* field = Parcel::descriptor()->FindFieldByName(std::string(path));
      if (!Parcel::GetReflection()->GetString(request.parcel(), field).empty()) {
        paths.emplace_back(path);
      }
    }
    return paths;
  }
  auto mask = api::UpdateMask::Parse(request.update_mask(), Parcel::descriptor());
  if (!mask.ok()) return mask.status();
  if (request.update_mask().paths_size() == 1 && request.update_mask().paths(0) == "*") {
    return std::vector<std::string>(std::begin(kChangeable), std::end(kChangeable));
  }
  for (const std::string& path : mask->paths()) {
    if (std::find(std::begin(kChangeable), std::end(kChangeable), path) == std::end(kChangeable)) {
      return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_UPDATE_MASK",
                        absl::StrCat("update_mask names ", path,
                                     ", which cannot be changed; what can be is ",
                                     absl::StrJoin(kChangeable, ", ")))
          .Field("update_mask", absl::StrCat("names ", path, ", which cannot be changed"));
    }
    paths.push_back(path);
  }
  return paths;
}

// Whether two states of a parcel are the same but for the moment of asking.
bool SameButForTheMoment(Parcel a, Parcel b) {
  a.clear_as_of_time();
  b.clear_as_of_time();
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

}  // namespace

bool Permits(const resources::Caller& caller, const Parcel& parcel, std::string_view permission) {
  if (caller.access->Check(caller.principal, permission, parcel.name()) ==
      identity::Grant::kGranted) {
    return true;
  }
  std::vector<std::string_view> owners;
  for (const std::string* owner :
       {&parcel.seller(), &parcel.platform(), &parcel.partnership(), &parcel.line_haul_company(),
        &parcel.courier(), &parcel.origin_zone()}) {
    if (!owner->empty()) owners.push_back(*owner);
  }
  return caller.access->OwnerGrants(caller.principal, permission, owners);
}

ParcelsService::ParcelsService(std::shared_ptr<ParcelHost> host) : host_(std::move(host)) {
  for (rpc::Method& bound : methods()) bound.checks_owners = true;
  BindBefore<v1::CreateParcelRequest>(
      "CreateParcel", [this](rpc::Call& call, const v1::CreateParcelRequest& request) {
        return Announce(call, {&request});
      });
  BindBefore<v1::BatchCreateParcelsRequest>(
      "BatchCreateParcels", [this](rpc::Call& call, const v1::BatchCreateParcelsRequest& request) {
        const std::vector<const v1::CreateParcelRequest*> requests = {
            request.requests().pointer_begin(), request.requests().pointer_end()};
        return Announce(call, requests);
      });
  BindBefore<v1::UpdateParcelRequest>(
      "UpdateParcel", [this](rpc::Call& call, const v1::UpdateParcelRequest& request) {
        return Update(call, request);
      });
  BindBefore<v1::LinkTrackingNumberRequest>(
      "LinkTrackingNumber", [this](rpc::Call& call, const v1::LinkTrackingNumberRequest& request) {
        return Link(call, request);
      });
}

absl::StatusOr<Parcel> ParcelsService::Find(const resources::Caller& caller,
                                            const std::string& name) {
  absl::StatusOr<Parcel> parcel = host_->keeper().Get(name);
  // Who would hold the permission only as an owner is not told that there is none.
  if (absl::IsNotFound(parcel.status()) && !caller.HoldsOn(name)) return caller.Denied(name);
  if (!parcel.ok()) return parcel.status();
  if (absl::Status s = CheckPermitted(caller, *parcel); !s.ok()) return s;
  return parcel;
}

absl::StatusOr<Parcel> ParcelsService::GetParcel(rpc::Call& call, store::Reader&,
                                                 const v1::GetParcelRequest& request) {
  return Find(call.caller, request.name());
}

absl::StatusOr<v1::BatchGetParcelsResponse> ParcelsService::BatchGetParcels(
    rpc::Call& call, store::Reader&, const v1::BatchGetParcelsRequest& request) {
  const std::vector<std::string> names = {request.names().begin(), request.names().end()};
  absl::StatusOr<std::vector<Parcel>> parcels = host_->keeper().BatchGet(names);
  if (absl::IsNotFound(parcels.status())) {
    // Says which; whether the caller may know is asked for each.
    for (const std::string& name : names) {
      if (auto parcel = Find(call.caller, name); !parcel.ok()) return parcel.status();
    }
  }
  if (!parcels.ok()) return parcels.status();
  v1::BatchGetParcelsResponse response;
  for (Parcel& parcel : *parcels) {
    if (absl::Status s = CheckPermitted(call.caller, parcel); !s.ok()) return s;
    *response.add_parcels() = std::move(parcel);
  }
  return response;
}

absl::StatusOr<v1::ListParcelsResponse> ParcelsService::ListParcels(
    rpc::Call& call, store::Reader&, const v1::ListParcelsRequest& request) {
  auto filter = api::Filter::Parse(request.filter(), Parcel::descriptor());
  if (!filter.ok()) return filter.status();
  const int page_size = request.page_size() == 0
                            ? resources::kDefaultPageSize
                            : std::min(request.page_size(), resources::kLargestPageSize);
  ParcelKeeper::Position from;
  if (!request.page_token().empty()) {
    auto position = api::DecodePageToken(request.page_token(), request.filter());
    if (!position.ok()) return position.status();
    if (position->values.size() != 1 || !std::holds_alternative<int64_t>(position->values[0])) {
      return api::InvalidPageToken();
    }
    const int64_t bucket = std::get<int64_t>(position->values[0]);
    if (bucket < 0 || bucket >= host_->store().buckets()) return api::InvalidPageToken();
    from = {static_cast<int>(bucket), position->key};
  }
  v1::ListParcelsResponse response;
  auto next = host_->keeper().Scan(from, resources::kScanBudget, [&](const Parcel& parcel) {
    if (Permits(call.caller, parcel, call.caller.permission) && filter->Matches(parcel)) {
      *response.add_parcels() = parcel;
    }
    return response.parcels_size() < page_size;
  });
  if (!next.ok()) return next.status();
  if (next->has_value()) {
    response.set_next_page_token(
        api::EncodePageToken({{int64_t{(*next)->bucket}}, (*next)->after}, request.filter()));
  }
  return response;
}

absl::StatusOr<Parcel> ParcelsService::LookUpParcel(rpc::Call& call, store::Reader&,
                                                    const v1::LookUpParcelRequest& request) {
  const absl::Time time =
      request.has_time() ? absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(request.time()))
                         : absl::InfiniteFuture();
  absl::StatusOr<Parcel> parcel =
      host_->keeper().LookUp(request.carrier(), request.tracking_number(), time);
  // Who may read some parcels only is not told whether there is one.
  if (absl::IsNotFound(parcel.status()) && !call.caller.Everywhere()) {
    return call.caller.Denied(
        absl::StrCat("the parcel ", request.tracking_number(), " of ", request.carrier()));
  }
  if (!parcel.ok()) return parcel.status();
  if (!Permits(call.caller, *parcel, call.caller.permission)) {
    return call.caller.Denied(
        absl::StrCat("the parcel ", request.tracking_number(), " of ", request.carrier()));
  }
  return parcel;
}

absl::StatusOr<v1::ListParcelEventsResponse> ParcelsService::ListParcelEvents(
    rpc::Call& call, store::Reader&, const v1::ListParcelEventsRequest& request) {
  if (auto parcel = Find(call.caller, request.parent()); !parcel.ok()) return parcel.status();
  auto events = host_->keeper().ListEvents(request.parent());
  if (!events.ok()) return events.status();
  v1::ListParcelEventsResponse response;
  for (v1::ParcelEvent& event : *events) *response.add_events() = std::move(event);
  return response;
}

absl::StatusOr<std::unique_ptr<rpc::Source<Parcel>>> ParcelsService::WatchParcel(
    rpc::Call& call, const v1::WatchParcelRequest& request) {
  absl::StatusOr<Parcel> parcel = Find(call.caller, request.name());
  if (!parcel.ok()) return parcel.status();
  // The permission is asked for with each message: owners change, and roles do. The
  // name may lead to another parcel by a merge.
  const auto read =
      [this, caller = call.caller, name = parcel->name(),
       last = std::optional<Parcel>()]() mutable -> absl::StatusOr<std::optional<Parcel>> {
    absl::StatusOr<Parcel> now = Find(caller, name);
    if (!now.ok()) return now.status();
    if (last.has_value() && SameButForTheMoment(*last, *now)) return std::nullopt;
    last = *now;
    return *std::move(now);
  };
  return Watch<Parcel>(host_->hub(), host_->executor(), parcel->name(), read);
}

absl::Status ParcelsService::CheckOwners(const resources::Caller& caller, Parcel parcel) {
  if (caller.Everywhere()) return absl::OkStatus();
  parcel.clear_line_haul_company();
  parcel.clear_courier();
  if (!parcel.partnership().empty()) {
    auto partnership = host_->registers().FindPartnership(parcel.partnership());
    if (partnership.ok()) {
      parcel.set_line_haul_company((*partnership)->line_haul_company);
      parcel.set_courier((*partnership)->courier);
    } else if (!absl::IsNotFound(partnership.status())) {
      return partnership.status();
    }
  }
  return CheckPermitted(caller, parcel);
}

absl::Status ParcelsService::Announce(rpc::Call& call,
                                      absl::Span<const v1::CreateParcelRequest* const> requests) {
  std::vector<const Parcel*> parcels;
  std::vector<std::string> prefixes;
  for (size_t i = 0; i < requests.size(); ++i) {
    Parcel parcel = requests[i]->parcel();
    parcel.set_name(absl::StrCat("parcels/", requests[i]->parcel_id()));
    if (absl::Status s = CheckOwners(call.caller, std::move(parcel)); !s.ok()) return s;
    parcels.push_back(&requests[i]->parcel());
    prefixes.push_back(requests.size() == 1 ? "parcel."
                                            : absl::StrCat("requests[", i, "].parcel."));
  }
  if (absl::Status s = CheckForeign(call, parcels, prefixes); !s.ok()) return s;
  auto announced = host_->keeper().Announce(requests);
  if (!announced.ok()) return announced.status();
  call.caller.facts = Written{*std::move(announced)};
  return absl::OkStatus();
}

absl::Status ParcelsService::Update(rpc::Call& call, const v1::UpdateParcelRequest& request) {
  absl::StatusOr<std::vector<std::string>> paths = PathsOf(request);
  if (!paths.ok()) return paths.status();
  absl::StatusOr<Parcel> before = Find(call.caller, request.parcel().name());
  if (!before.ok()) return before.status();
  Parcel after = *before;
  Parcel changed;  // what is set anew
  for (const std::string& path : *paths) {
    const auto* field = Parcel::descriptor()->FindFieldByName(path);
    const std::string value = Parcel::GetReflection()->GetString(request.parcel(), field);
    Parcel::GetReflection()->SetString(&after, field, value);
    if (value != Parcel::GetReflection()->GetString(*before, field)) {
      Parcel::GetReflection()->SetString(&changed, field, value);
    }
  }
  if (absl::Status s = CheckOwners(call.caller, after); !s.ok()) return s;
  if (absl::Status s = CheckForeign(call, {&changed}, {"parcel."}); !s.ok()) return s;
  Parcel wanted = request.parcel();
  wanted.set_name(before->name());
  absl::StatusOr<Parcel> written = host_->keeper().Update(wanted, *paths, request.validate_only());
  if (!written.ok()) return written.status();
  call.caller.facts = Written{{*std::move(written)}};
  return absl::OkStatus();
}

absl::Status ParcelsService::Link(rpc::Call& call, const v1::LinkTrackingNumberRequest& request) {
  absl::StatusOr<Parcel> parcel = Find(call.caller, request.name());
  if (!parcel.ok()) return parcel.status();
  v1::LinkTrackingNumberRequest wanted = request;
  wanted.set_name(parcel->name());
  absl::StatusOr<Parcel> linked = host_->keeper().LinkTrackingNumber(wanted);
  if (!linked.ok()) return linked.status();
  call.caller.facts = Written{{*std::move(linked)}};
  return absl::OkStatus();
}

absl::StatusOr<Parcel> ParcelsService::CreateParcel(rpc::Call& call, store::Transaction&,
                                                    const v1::CreateParcelRequest&) {
  return call.caller.Facts<Written>()->parcels[0];
}

absl::StatusOr<v1::BatchCreateParcelsResponse> ParcelsService::BatchCreateParcels(
    rpc::Call& call, store::Transaction&, const v1::BatchCreateParcelsRequest&) {
  v1::BatchCreateParcelsResponse response;
  for (const Parcel& parcel : call.caller.Facts<Written>()->parcels) {
    *response.add_parcels() = parcel;
  }
  return response;
}

absl::StatusOr<Parcel> ParcelsService::UpdateParcel(rpc::Call& call, store::Transaction&,
                                                    const v1::UpdateParcelRequest&) {
  return call.caller.Facts<Written>()->parcels[0];
}

absl::StatusOr<Parcel> ParcelsService::LinkTrackingNumber(rpc::Call& call, store::Transaction&,
                                                          const v1::LinkTrackingNumberRequest&) {
  return call.caller.Facts<Written>()->parcels[0];
}

}  // namespace caravan::logistics
