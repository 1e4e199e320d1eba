// A zones server with a few zones, firms and documents, for tests of its
// collections on both engines.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "caravan/zones/v1/documents.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/zones/testing/messages.h"
#include "services/zones/zones.h"

namespace caravan::zones::testing {

// Firms whose home is Hangzhou and Ningbo.
inline constexpr char kHangzhouFirm[] = "enterprises/91330108madem0001a";
inline constexpr char kNingboFirm[] = "enterprises/91330200madem0002y";

// `users/admin` may do everything, `users/hangzhou` and `users/ningbo` everything
// on what their zones own, `users/auditor` may read. It is noon of 2026-11-23.
//
// Zones: hangzhou, ningbo (Zhejiang), zhengzhou (Henan), and haikou, which ended
// in April 2025. Documents: d1, d2.
class ZonesServer : public ::testing::TestWithParam<store::TestStore> {
 protected:
  // `more` are permissions beside those.
  explicit ZonesServer(const std::vector<caravan::testing::Permission>& more = {})
      : clock_(absl::FromCivil(absl::CivilSecond(2026, 11, 23, 4), absl::UTCTimeZone())),
        database_(GetParam().Create()),
        server_(caravan::testing::TestServer::Start({.definition = ZonesDefinition(),
                                                     .access = Access(more),
                                                     .store = database_->url(),
                                                     .clock = clock_.AsFunction(),
                                                     .adjust = nullptr})) {
    using caravan::testing::IsOk;
    EXPECT_THAT((Call<v1::LoadPilotZonesResponse, v1::LoadPilotZonesRequest>(
                    "PilotZoneService/LoadPilotZones",
                    "pilot_zones { name: 'pilotZones/hangzhou' display_name: 'Hangzhou' batch: 1 "
                    "  approval_date { year: 2015 month: 3 day: 7 } province: 'CN-ZJ' "
                    "  state: OPERATING } "
                    "pilot_zones { name: 'pilotZones/ningbo' display_name: 'Ningbo' batch: 2 "
                    "  approval_date { year: 2016 } province: 'CN-ZJ' state: OPERATING } "
                    "pilot_zones { name: 'pilotZones/zhengzhou' display_name: 'Zhengzhou' batch: 2 "
                    "  approval_date { year: 2016 } province: 'CN-HA' state: OPERATING } "
                    "pilot_zones { name: 'pilotZones/haikou' display_name: 'Haikou' batch: 3 "
                    "  approval_date { year: 2018 month: 7 } province: 'CN-HI' state: EXITED "
                    "  end_date { year: 2025 month: 4 } }")),
                IsOk());
    for (const auto& [firm, zone] :
         {std::pair{kHangzhouFirm, "hangzhou"}, std::pair{kNingboFirm, "ningbo"}}) {
      EXPECT_THAT((Call<v1::Enterprise, v1::CreateEnterpriseRequest>(
                      "EnterpriseService/CreateEnterprise",
                      "enterprise_id: '" + std::string(firm).substr(12) +
                          "' enterprise { display_name: 'Demo' country: 'CN' province: 'CN-ZJ' "
                          "roles: SELLER pilot_zone: 'pilotZones/" +
                          zone + "' }")),
                  IsOk());
    }
    for (const char* id : {"d1", "d2"}) {
      EXPECT_THAT((Call<v1::Document, v1::CreateDocumentRequest>(
                      "DocumentService/CreateDocument",
                      std::string("document_id: '") + id +
                          "' document { title: 'D' issuer: 'I' number: 'N' "
                          "issue_date { year: 2020 } }")),
                  IsOk());
    }
  }

  static caravan::api::v1::AccessPolicy Access(
      const std::vector<caravan::testing::Permission>& more) {
    std::vector<caravan::testing::Permission> all = {{"users/admin", "*"},
                                                     {"users/hangzhou", "*", "pilotZones/hangzhou"},
                                                     {"users/ningbo", "*", "pilotZones/ningbo"},
                                                     {"users/auditor", "*.*.get"},
                                                     {"users/auditor", "*.*.list"}};
    all.insert(all.end(), more.begin(), more.end());
    return caravan::testing::PolicyOf(all);
  }

  // Calls a method with a request in protobuf's text format.
  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const std::string& request,
                                const std::string& principal = "users/admin") {
    return server_->Call<Response>(method, Parse<Request>(request), {.principal = principal});
  }

  caravan::testing::TestClock clock_;
  std::unique_ptr<store::TestDatabase> database_;
  std::unique_ptr<caravan::testing::TestServer> server_;
};

}  // namespace caravan::zones::testing
