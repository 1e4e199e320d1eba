#include "services/gateway/router.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::gateway {
namespace {

using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::testing::HasSubstr;

class RouterTest : public ::testing::Test {
 protected:
  std::unique_ptr<Upstream> Make(const std::string& name) {
    UpstreamOptions options;
    options.service = name;
    return std::make_unique<Upstream>(loop_, options, nullptr, upstream_metrics_);
  }
  // The name of the service, or the error.
  static absl::StatusOr<std::string> Find(const Router& router, std::string_view path,
                                          std::string_view named = "") {
    const auto parsed = ParsePath(path);
    if (!parsed.ok()) return parsed.status();
    const auto found = router.Find(*parsed, named);
    if (!found.ok()) return found.status();
    return (*found)->service();
  }

  Loop loop_;
  telemetry::Metrics metrics_;
  UpstreamMetrics upstream_metrics_{metrics_, "test"};
  std::unique_ptr<Upstream> zones_ = Make("zones");
  std::unique_ptr<Upstream> fairs_ = Make("fairs");
};

constexpr char kGetZone[] = "/caravan.zones.v1.PilotZoneService/GetPilotZone";
constexpr char kChanges[] = "/caravan.api.v1.ChangeService/ListChanges";
constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

TEST_F(RouterTest, FindsServicesByPackage) {
  Router router("");
  router.Add(*zones_);
  router.Add(*fairs_);
  EXPECT_EQ(*Find(router, kGetZone), "zones");
  EXPECT_EQ(*Find(router, "/caravan.fairs.v2beta.FairService/GetFair"), "fairs");
  // The package decides, whatever is named.
  EXPECT_EQ(*Find(router, kGetZone, "fairs"), "zones");
}

TEST_F(RouterTest, FindsSharedPackagesByMetadata) {
  Router router("");
  router.Add(*zones_);
  router.Add(*fairs_);
  EXPECT_EQ(*Find(router, kChanges, "fairs"), "fairs");
  EXPECT_EQ(*Find(router, "/google.longrunning.Operations/GetOperation", "zones"), "zones");
  EXPECT_EQ(*Find(router, kReflection, "fairs"), "fairs");
  const auto unknown = Find(router, kChanges, "logistics");
  EXPECT_THAT(unknown, Fails(absl::StatusCode::kInvalidArgument, "UNKNOWN_SERVICE"));
  EXPECT_THAT(unknown.status().message(), HasSubstr("fairs, zones"));
  EXPECT_THAT(Find(router, kChanges),
              Fails(absl::StatusCode::kInvalidArgument, "SERVICE_NOT_NAMED"));
}

TEST_F(RouterTest, HasADefaultForSharedPackages) {
  Router one("");
  one.Add(*fairs_);
  EXPECT_EQ(*Find(one, kReflection), "fairs");
  Router two("zones");
  two.Add(*zones_);
  two.Add(*fairs_);
  EXPECT_EQ(*Find(two, kReflection), "zones");
}

TEST_F(RouterTest, RefusesUnknownPackages) {
  Router router("zones");
  router.Add(*zones_);
  for (const char* path : {"/caravan.fairs.v1.FairService/GetFair", "/caravan.zonesx.v1.A/B",
                           "/caravan/zones", "/zones.v1.A/B", "/grpc.reflection.v2.A/B", "/A/B"}) {
    EXPECT_THAT(Find(router, path), Fails(absl::StatusCode::kUnimplemented, "UNKNOWN_PACKAGE"))
        << path;
  }
}

TEST_F(RouterTest, RefusesMalformedPaths) {
  for (const char* path : {"", "/", "//", "/a", "/a/", "//b", "a/b", "/a/b/c", "*"}) {
    EXPECT_THAT(ParsePath(path), Fails(absl::StatusCode::kUnimplemented, "MALFORMED_PATH")) << path;
  }
  const auto parsed = ParsePath(kGetZone);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->package, "caravan.zones.v1");
  EXPECT_EQ(parsed->service, "caravan.zones.v1.PilotZoneService");
  EXPECT_EQ(parsed->method, "GetPilotZone");
}

}  // namespace
}  // namespace caravan::gateway
