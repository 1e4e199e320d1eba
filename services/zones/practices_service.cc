#include "services/zones/practices_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/name.h"
#include "services/common/api/page_token.h"
#include "services/common/resources/list.h"
#include "services/common/resources/reads.h"
#include "services/zones/adoption.h"
#include "services/zones/pilot_zone.h"
#include "services/zones/practice.h"

namespace caravan::zones {

using resources::WriteKind;
using resources::Writing;
using v1::Adoption;
using v1::Practice;

namespace {

// Checks that a zone is in force on a day; one that does not exist is left to
// the check of references.
absl::Status CheckZone(const Writing& writing, const std::string& name,
                       const google::type::Date& date, const std::string& purpose) {
  auto zone = writing.registry.Lookup<v1::PilotZone>(writing.reader, name);
  if (!zone.ok()) return zone.status();
  if (!zone->has_value()) return absl::OkStatus();
  return CheckInForce(**zone, api::FirstDay(date), purpose);
}

// What pages of a summary have in common.
std::string ShapeOf(v1::SummarizeAdoptionsRequest request, int64_t today) {
  request.clear_page_size();
  request.clear_page_token();
  return absl::StrCat("SummarizeAdoptions\n", request.SerializeAsString(), "\n",
                      request.has_end_date() ? 0 : today);
}

}  // namespace

absl::Status PreparePractice(const Writing& writing, const Practice* before, Practice& after) {
  if (before != nullptr && writing.kind == WriteKind::kUpdate) {
    if (absl::Status s = CheckPracticeOpen(*before); !s.ok()) return s;
  }
  if (absl::Status s = CheckPractice(after); !s.ok()) return s;
  const bool submitted = before == nullptr || before->pilot_zone() != after.pilot_zone();
  if (!submitted || writing.kind == WriteKind::kLoad) return absl::OkStatus();
  return CheckZone(writing, after.pilot_zone(), after.submission_date(),
                   absl::StrCat("submit ", after.name()));
}

absl::Status PrepareAdoption(const Writing& writing, const Adoption* before, Adoption& after) {
  if (absl::Status s = CheckAdoption(after); !s.ok()) return s;
  if (before != nullptr &&
      api::FirstDay(before->adoption_date()) == api::FirstDay(after.adoption_date())) {
    return absl::OkStatus();
  }
  const std::string parent =
      writing.registry.FindByMessage(*Adoption::descriptor())->type->pattern().Parent(after.name());
  auto practice = writing.registry.Lookup<Practice>(writing.reader, parent);
  if (!practice.ok()) return practice.status();
  if (practice->has_value()) {
    if (absl::Status s = CheckAdoptable(after, **practice); !s.ok()) return s;
  }
  return CheckZone(writing, after.pilot_zone(), after.adoption_date(),
                   absl::StrCat("adopt ", parent));
}

absl::StatusOr<v1::SummarizeAdoptionsResponse> AdoptionsService::SummarizeAdoptions(
    rpc::Call& call, store::Reader& reader, const v1::SummarizeAdoptionsRequest& request) {
  auto periods = AdoptionPeriods(request, call.caller.today);
  if (!periods.ok()) return periods.status();
  resources::Below below{.parent = request.parent()};
  if (!request.pilot_zone().empty()) {
    auto zone = resources::Require<v1::PilotZone>(registry_, reader, request.pilot_zone());
    if (!zone.ok()) return zone.status();
    below.only = {"pilot_zone", request.pilot_zone()};
  }
  const std::string shape = ShapeOf(request, call.caller.today);
  std::string after;
  if (!request.page_token().empty()) {
    auto position = api::DecodePageToken(request.page_token(), shape);
    if (!position.ok()) return position.status();
    after = std::move(position->key);
  }
  const bool by_practice = request.group_by() != v1::SummarizeAdoptionsRequest::PILOT_ZONE;
  if (by_practice) below.after = after;
  const int rows = request.page_size() > 0
                       ? std::min(request.page_size(), resources::kLargestPageSize)
                       : resources::kDefaultPageSize;
  AdoptionCounter counter(request.group_by(), *std::move(periods), std::move(after), rows);
  absl::Status s =
      resources::VisitBelow<Adoption>(registry_, reader, below, [&](const Adoption& adoption) {
        counter.Add(adoption);
        return !counter.full() && !call.cancelled();
      });
  if (!s.ok()) return s;
  v1::SummarizeAdoptionsResponse response;
  for (v1::AdoptionSummary& summary : counter.Summaries()) {
    *response.add_summaries() = std::move(summary);
  }
  if (counter.more()) {
    response.set_next_page_token(
        api::EncodePageToken({.values = {}, .key = counter.last()}, shape));
  }
  return response;
}

}  // namespace caravan::zones
