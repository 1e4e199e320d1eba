#include "clients/cli/batch.h"

#include <openssl/sha.h>

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/requests.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Message;

// Whether an error may be the fault of what was sent.
bool IsAboutData(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// Reads `requests[3].pilot_zone.batch`: the index and the rest of the path.
bool ParseIndexed(std::string_view path, const std::string& items, size_t* index,
                  std::string_view* rest) {
  if (!ConsumePrefix(&path, items) || !ConsumePrefix(&path, "[")) return false;
  const size_t close = path.find(']');
  if (close == std::string_view::npos || !absl::SimpleAtoi(path.substr(0, close), index)) {
    return false;
  }
  *rest = path.substr(close + 1);
  ConsumePrefix(rest, ".");
  return true;
}

}  // namespace

std::string Sha256(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(
      std::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

absl::StatusOr<BatchSender> BatchSender::Create(Session& session, const Collection& collection,
                                                BatchMode mode, std::vector<std::string> paths,
                                                std::string seed, bool dry_run) {
  BatchSender sender(session, collection, mode);
  const auto method = collection.Method(mode == BatchMode::kCreate   ? StandardMethod::kBatchCreate
                                        : mode == BatchMode::kUpdate ? StandardMethod::kBatchUpdate
                                                                     : StandardMethod::kLoad);
  if (!method.ok()) return method.status();
  sender.method_ = *method;
  const auto& type = *(*method)->input_type();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    if (field->is_repeated() && field->message_type() != nullptr) sender.items_ = field;
  }
  if (sender.items_ == nullptr) {
    return api::Error(absl::StatusCode::kUnimplemented, "ODD_METHOD",
                      absl::StrCat((*method)->full_name(), " takes no list of resources"));
  }
  sender.paths_ = std::move(paths);
  sender.seed_ = std::move(seed);
  sender.dry_run_ = dry_run;
  return sender;
}

absl::Status BatchSender::Attempt(const Rows& rows) {
  const auto catalog = session_.catalog();
  auto request = (*catalog)->New(*method_->input_type());
  std::string identity = absl::StrCat(seed_, dry_run_ ? " dry" : "", "\n", method_->full_name());
  for (const BatchRow* row : rows) {
    absl::StrAppend(&identity, "\n", row->origin);
    Message* item = request->GetReflection()->AddMessage(request.get(), items_);
    absl::Status status;
    switch (mode_) {
      case BatchMode::kCreate:
        status =
            FillCreate(collection_, StringField(*row->resource, "name"), "", *row->resource, item);
        break;
      case BatchMode::kUpdate:
        status = FillUpdate(*row->resource, paths_, item);
        break;
      case BatchMode::kLoad:
        item->CopyFrom(*row->resource);
        break;
    }
    if (!status.ok()) return status;
  }
  // Half of the digest is enough to be unique, and fits the bound of the field.
  auto status = session_.Set(request.get(), "request_id", Sha256(identity).substr(0, 32));
  if (status.ok() && dry_run_) status = session_.Set(request.get(), "validate_only", "true");
  if (!status.ok()) return status;
  return session_.Call(*method_, request.get()).status();
}

std::vector<Refusal> BatchSender::Blame(const absl::Status& status, const Rows& rows) const {
  std::vector<Refusal> refusals;
  const std::string reason = api::ReasonOf(status);
  const std::string message(status.message());
  const auto by_path = [&](std::string_view path, const std::string& description) {
    size_t index;
    std::string_view rest;
    if (!ParseIndexed(path, items_->name(), &index, &rest) || index >= rows.size()) return;
    // `pilot_zone.batch` -> `batch`; the id of a create is the name of the row.
    if (mode_ != BatchMode::kLoad) {
      if (const auto* resource = ResourceField(*items_->message_type())) {
        if (rest == resource->name() + "_id") {
          rest = "name";
        } else if (ConsumePrefix(&rest, resource->name())) {
          ConsumePrefix(&rest, ".");
        }
      }
    }
    refusals.push_back({rows[index]->origin, std::string(rest), reason, description});
  };
  const auto by_name = [&](const std::string& name) {
    for (const BatchRow* row : rows) {
      if (!name.empty() && StringField(*row->resource, "name") == name) {
        refusals.push_back({row->origin, "", reason, message});
        return;
      }
    }
  };
  // The path is exact; a name is asked only where there is none.
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  for (const auto& detail : rpc.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations()) {
      by_path(violation.field(), violation.description());
    }
  }
  for (const auto& detail : rpc.details()) {
    google::rpc::PreconditionFailure precondition;
    if (refusals.empty() && detail.UnpackTo(&precondition)) {
      for (const auto& violation : precondition.violations()) {
        by_path(violation.subject(), violation.description());
        by_name(violation.subject());
      }
    }
    google::rpc::ResourceInfo resource;
    if (refusals.empty() && detail.UnpackTo(&resource)) by_name(resource.resource_name());
    google::rpc::ErrorInfo info;
    if (refusals.empty() && detail.UnpackTo(&info)) {
      const auto named = info.metadata().find("resource");
      if (named != info.metadata().end()) by_name(named->second);
    }
  }
  return refusals;
}

absl::Status BatchSender::SendOrSplit(Rows rows, std::vector<Refusal>* named, Rows* found) {
  while (!rows.empty()) {
    absl::Status status = Attempt(rows);
    if (status.ok()) return status;
    const auto blamed = Blame(status, rows);
    if (blamed.empty()) {
      if (!IsAboutData(status)) return status;
      if (rows.size() == 1) {
        named->push_back(
            {rows[0]->origin, "", api::ReasonOf(status), std::string(status.message())});
        found->push_back(rows[0]);
        return absl::OkStatus();
      }
      const auto middle = rows.begin() + static_cast<ptrdiff_t>(rows.size() / 2);
      auto first = SendOrSplit(Rows(rows.begin(), middle), named, found);
      if (!first.ok()) return first;
      return SendOrSplit(Rows(middle, rows.end()), named, found);
    }
    std::set<int64_t> out;
    for (const auto& refusal : blamed) out.insert(refusal.origin);
    named->insert(named->end(), blamed.begin(), blamed.end());
    rows.erase(std::remove_if(rows.begin(), rows.end(),
                              [&](const BatchRow* row) { return out.contains(row->origin); }),
               rows.end());
  }
  return absl::OkStatus();
}

absl::Status BatchSender::Send(const std::vector<BatchRow>& rows, std::vector<Refusal>* refusals) {
  Rows all;
  for (const auto& row : rows) all.push_back(&row);
  std::vector<Refusal> named;
  Rows found;
  auto status = SendOrSplit(std::move(all), &named, &found);
  if (!status.ok()) return status;
  // Only where others were accepted meanwhile can the answer be another one.
  if (found.size() < rows.size()) {
    for (const BatchRow* row : found) {
      status = Attempt({row});
      if (status.ok()) {
        named.erase(std::remove_if(named.begin(), named.end(),
                                   [&](const Refusal& r) { return r.origin == row->origin; }),
                    named.end());
      } else if (!IsAboutData(status)) {
        return status;
      }
    }
  }
  std::stable_sort(named.begin(), named.end(),
                   [](const Refusal& a, const Refusal& b) { return a.origin < b.origin; });
  refusals->insert(refusals->end(), std::make_move_iterator(named.begin()),
                   std::make_move_iterator(named.end()));
  return absl::OkStatus();
}

}  // namespace caravan::cli
