#include "services/zones/platform.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"

namespace caravan::zones {

using v1::Platform;
using PlatformsResponse = v1::SummarizePlatformsResponse;

namespace {

constexpr size_t kMostPeriods = 1000;

Platform::Kind KindOf(Platform::GoodsClass goods_class) {
  return goods_class == Platform::CONSUMER_GOODS ? Platform::B2C : Platform::B2B;
}

// Checks what categories and functions have in common.
template <class Item>
void CheckOffers(const google::protobuf::RepeatedPtrField<Item>& items, std::string_view field,
                 api::Violations& violations) {
  absl::flat_hash_set<std::string_view> ids;
  for (int i = 0; i < items.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "].");
    if (!items[i].id().empty() && !ids.insert(items[i].id()).second) {
      violations.Add(at + "id", absl::StrCat(items[i].id(), " is there twice"));
    }
    CheckEndsAfter(items[i].start_date(), items[i].end_date(), at + "end_date", violations);
  }
}

void Count(Platform::Kind kind, PlatformsResponse::ByKind& counts) {
  if (kind == Platform::B2C) counts.set_b2c_count(counts.b2c_count() + 1);
  if (kind == Platform::B2B) counts.set_b2b_count(counts.b2b_count() + 1);
}

void SetShare(PlatformsResponse::ByKind& counts) {
  const int all = counts.b2c_count() + counts.b2b_count();
  if (all > 0) counts.set_b2b_share(static_cast<double>(counts.b2b_count()) / all);
}

// The first day of the next month, quarter or year.
absl::CivilDay NextOf(absl::CivilDay day, v1::SummarizePlatformsRequest::Interval interval) {
  const absl::CivilMonth month(day);
  switch (interval) {
    case v1::SummarizePlatformsRequest::MONTH:
      return absl::CivilDay(month + 1);
    case v1::SummarizePlatformsRequest::QUARTER:
      return absl::CivilDay(month + (3 - (month.month() - 1) % 3));
    default:
      return absl::CivilDay(absl::CivilYear(day) + 1);
  }
}

}  // namespace

absl::Status CheckPlatform(const Platform& platform) {
  api::Violations violations;
  CheckOffers(platform.categories(), "categories", violations);
  CheckOffers(platform.service_functions(), "service_functions", violations);
  for (int i = 0; i < platform.categories_size(); ++i) {
    const Platform::GoodsClass goods_class = platform.categories(i).goods_class();
    if (goods_class == Platform::GOODS_CLASS_UNSPECIFIED ||
        platform.kind() == Platform::KIND_UNSPECIFIED || KindOf(goods_class) == platform.kind()) {
      continue;
    }
    violations.Add(absl::StrCat("categories[", i, "].goods_class"),
                   absl::StrCat(Platform::GoodsClass_Name(goods_class), " is not for a ",
                                Platform::Kind_Name(platform.kind()), " platform"));
  }
  CheckEnd({.field = "close_date",
            .date = platform.close_date(),
            .ended = platform.state() == Platform::CLOSED,
            .ended_state = "CLOSED",
            .state = Platform::State_Name(platform.state()),
            .begin_field = "registration_date",
            .begin = platform.registration_date()},
           violations);
  return violations.ToStatus();
}

absl::Status CheckOperator(const Platform& platform, const v1::Enterprise& enterprise) {
  if (enterprise.state() == v1::Enterprise::CLOSED) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "ENTERPRISE_CLOSED",
                      absl::StrCat(enterprise.name(), " cannot operate ", platform.name(),
                                   ": it ended on ", api::FormatDate(enterprise.close_date())))
        .With("resource", enterprise.name());
  }
  const auto& roles = enterprise.roles();
  if (std::find(roles.begin(), roles.end(), v1::Enterprise::PLATFORM_OPERATOR) != roles.end()) {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "NOT_A_PLATFORM_OPERATOR",
                    absl::StrCat(enterprise.name(), " cannot operate ", platform.name(),
                                 ": PLATFORM_OPERATOR is none of its roles"))
      .With("resource", enterprise.name());
}

absl::StatusOr<std::vector<Period>> PeriodsOf(const v1::SummarizePlatformsRequest& request) {
  api::Violations violations;
  CheckEndsAfter(request.start_date(), request.end_date(), "end_date", violations);
  if (!violations.empty()) return violations.ToStatus();
  const Period whole{api::FirstDay(request.start_date()), api::FirstDay(request.end_date())};
  if (request.interval() == v1::SummarizePlatformsRequest::INTERVAL_UNSPECIFIED) {
    return std::vector<Period>{whole};
  }
  std::vector<Period> periods;
  for (int64_t day = whole.begin; day < whole.end;) {
    if (periods.size() == kMostPeriods) {
      violations.Add("interval", absl::StrCat("makes more than ", kMostPeriods,
                                              " periods; choose a longer one, or fewer days"));
      return violations.ToStatus();
    }
    const int64_t next = std::min(whole.end, NumberOf(NextOf(CivilDayOf(day), request.interval())));
    periods.push_back({day, next});
    day = next;
  }
  return periods;
}

PlatformSummary::PlatformSummary(std::vector<Period> periods) : periods_(std::move(periods)) {
  for (const Period& period : periods_) {
    PlatformsResponse::Period* counts = response_.add_periods();
    *counts->mutable_start_date() = api::DateOfDay(period.begin);
    *counts->mutable_end_date() = api::DateOfDay(period.end);
    counts->mutable_platforms();
    counts->mutable_category_additions();
    counts->mutable_function_additions();
  }
}

PlatformsResponse::Period* PlatformSummary::At(int64_t day) {
  const auto behind =
      std::upper_bound(periods_.begin(), periods_.end(), day,
                       [](int64_t wanted, const Period& period) { return wanted < period.begin; });
  if (behind == periods_.begin() || !std::prev(behind)->Contains(day)) return nullptr;
  return response_.mutable_periods(static_cast<int>(behind - periods_.begin()) - 1);
}

void PlatformSummary::Add(const Platform& platform) {
  for (size_t i = 0; i < periods_.size(); ++i) {
    const int64_t last = NumberOf(CivilDayOf(periods_[i].end) - 1);
    if (api::InForce(platform.registration_date(), platform.close_date(), last)) {
      Count(platform.kind(), *response_.mutable_periods(static_cast<int>(i))->mutable_platforms());
    }
  }
  for (const auto& category : platform.categories()) {
    if (auto* counts = At(api::FirstDay(category.start_date()))) {
      Count(platform.kind(), *counts->mutable_category_additions());
    }
  }
  for (const auto& function : platform.service_functions()) {
    if (auto* counts = At(api::FirstDay(function.start_date()))) {
      Count(platform.kind(), *counts->mutable_function_additions());
    }
  }
}

PlatformsResponse PlatformSummary::Response() const {
  PlatformsResponse response = response_;
  for (auto& period : *response.mutable_periods()) {
    SetShare(*period.mutable_platforms());
    SetShare(*period.mutable_category_additions());
    SetShare(*period.mutable_function_additions());
  }
  return response;
}

}  // namespace caravan::zones
