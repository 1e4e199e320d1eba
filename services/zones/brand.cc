#include "services/zones/brand.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/milestones.h"

namespace caravan::zones {

using v1::Brand;

namespace {

constexpr char kHome[] = "CN";
constexpr int kMostYears = 100;

void CheckTrademarks(const Brand& brand, api::Violations& violations) {
  std::set<std::pair<std::string, std::string>> seen;
  for (int i = 0; i < brand.trademarks_size(); ++i) {
    const Brand::Trademark& mark = brand.trademarks(i);
    const std::string at = absl::StrCat("trademarks[", i, "].");
    if (!seen.emplace(mark.market(), mark.registration_number()).second) {
      violations.Add(at + "registration_number",
                     absl::StrCat(mark.registration_number(), " is there twice for ", mark.market(),
                                  "; list its classes in one trademark"));
    }
    if (mark.has_expiry_date() &&
        api::FirstDay(mark.expiry_date()) <= api::FirstDay(mark.registration_date())) {
      violations.Add(at + "expiry_date", absl::StrCat(api::FormatDate(mark.expiry_date()),
                                                      " is not after the registration on ",
                                                      api::FormatDate(mark.registration_date())));
    }
  }
}

}  // namespace

absl::Status CheckBrand(const Brand& brand) {
  api::Violations violations;
  CheckTrademarks(brand, violations);
  CheckMilestones({{"nomination_date", brand.nomination_date(), Brand::CANDIDATE},
                   {"cultivation_date", brand.cultivation_date(), Brand::CULTIVATED},
                   {"establishment_date", brand.establishment_date(), Brand::ESTABLISHED},
                   {"lapse_date", brand.lapse_date(), Brand::LAPSED}},
                  brand.state(), Brand::State_Name(brand.state()), violations);
  return violations.ToStatus();
}

absl::Status CheckEstablished(const Brand& brand) {
  const int64_t day = api::FirstDay(brand.establishment_date());
  if (std::any_of(brand.trademarks().begin(), brand.trademarks().end(),
                  [&](const Brand::Trademark& mark) {
                    return api::InForce(mark.registration_date(), mark.expiry_date(), day);
                  })) {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "BRAND_HAS_NO_TRADEMARK",
                    absl::StrCat(brand.name(), " has no trademark that is registered on ",
                                 api::FormatDate(brand.establishment_date()),
                                 "; add one before the brand is established"))
      .With("resource", brand.name())
      .Precondition("TRADEMARKS", brand.name(), "has none that is registered");
}

absl::Status SettleZone(const v1::Enterprise& owner, Brand& brand) {
  if (brand.pilot_zone().empty()) brand.set_pilot_zone(owner.pilot_zone());
  if (brand.pilot_zone() == owner.pilot_zone()) return absl::OkStatus();
  // Says no more of the firm than who asks has to know.
  api::Violations violations;
  violations.Add("pilot_zone",
                 absl::StrCat("is ", brand.pilot_zone(), ", which is not the home of ",
                              owner.name(), "; name its home zone, or none"));
  return violations.ToStatus();
}

absl::Status CheckTrademarkRequest(const v1::SummarizeTrademarksRequest& request) {
  api::Violations violations;
  const int years = request.end_year() - request.start_year() + 1;
  if (years < 1) {
    violations.Add("end_year", absl::StrCat(request.end_year(), " is before start_year, ",
                                            request.start_year()));
  } else if (years > kMostYears) {
    violations.Add("end_year",
                   absl::StrCat("would make ", years, " years; at most ", kMostYears, " may be"));
  }
  if (request.market() == kHome) {
    violations.Add("market", "is CN; overseas are the other markets");
  }
  return violations.ToStatus();
}

TrademarkCounter::TrademarkCounter(const v1::SummarizeTrademarksRequest& request)
    : request_(request),
      years_(static_cast<size_t>(request.end_year() - request.start_year() + 1)) {}

void TrademarkCounter::Add(const Brand& brand) {
  std::set<size_t> counted;  // years in which the brand has a new trademark
  for (const Brand::Trademark& mark : brand.trademarks()) {
    const int64_t year = api::FirstDay(mark.registration_date()) / 10000;
    const auto& classes = mark.nice_classes();
    if (mark.market() == kHome || year < request_.start_year() || year > request_.end_year()) {
      continue;
    }
    if (!request_.market().empty() && mark.market() != request_.market()) continue;
    if (request_.nice_class() != 0 &&
        std::find(classes.begin(), classes.end(), request_.nice_class()) == classes.end()) {
      continue;
    }
    const auto i = static_cast<size_t>(year - request_.start_year());
    Year& counts = years_[i];
    ++counts.trademarks;
    ++counts.markets[mark.market()];
    for (const int32_t nice_class : classes) ++counts.classes[nice_class];
    if (counted.insert(i).second) ++counts.brands;
  }
}

v1::SummarizeTrademarksResponse TrademarkCounter::Response() const {
  v1::SummarizeTrademarksResponse response;
  int32_t number = request_.start_year();
  for (const Year& counts : years_) {
    v1::TrademarkYear& year = *response.add_years();
    year.set_year(number++);
    year.set_trademark_count(counts.trademarks);
    year.set_brand_count(counts.brands);
    for (const auto& [market, count] : counts.markets) {
      auto* by_market = year.add_markets();
      by_market->set_market(market);
      by_market->set_trademark_count(count);
    }
    for (const auto& [nice_class, count] : counts.classes) {
      auto* by_class = year.add_classes();
      by_class->set_nice_class(nice_class);
      by_class->set_trademark_count(count);
    }
  }
  return response;
}

}  // namespace caravan::zones
