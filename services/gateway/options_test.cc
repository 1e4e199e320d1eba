#include "services/gateway/options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/settings/settings.h"

namespace caravan::gateway {
namespace {

using ::testing::HasSubstr;

GatewaySettings Settings() {
  auto settings = settings::Defaults<GatewaySettings>();
  settings.set_insecure(true);
  settings.set_upstream_insecure(true);
  return settings;
}

std::string ErrorOf(const GatewaySettings& settings) {
  return std::string(ReadOptions(settings).status().message());
}

TEST(OptionsTest, ReadsUpstreams) {
  GatewaySettings settings = Settings();
  settings.add_upstream("zones=127.0.0.1:7001");
  settings.add_upstream("fairs=unix:/run/fairs.sock");
  settings.add_upstream("zones=[::1]:7002");
  settings.set_default_service("fairs");
  const auto options = ReadOptions(settings);
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->upstreams.size(), 2);
  EXPECT_EQ(options->upstreams[0].service, "zones");
  ASSERT_EQ(options->upstreams[0].targets.size(), 2);
  EXPECT_EQ(options->upstreams[0].targets[1].host, "::1");
  EXPECT_EQ(options->upstreams[0].targets[1].port, "7002");
  EXPECT_EQ(options->upstreams[1].targets[0].path, "/run/fairs.sock");
}

TEST(OptionsTest, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(Settings()), HasSubstr("no upstream"));
  for (const char* bad : {"zones", "=127.0.0.1:1", "Zones=127.0.0.1:1", "zones=127.0.0.1",
                          "zones=127.0.0.1:70000", "zones=unix:"}) {
    GatewaySettings settings = Settings();
    settings.add_upstream(bad);
    EXPECT_NE(ErrorOf(settings), "") << bad;
  }
  GatewaySettings settings = Settings();
  settings.add_upstream("zones=127.0.0.1:1");
  settings.set_default_service("fairs");
  EXPECT_THAT(ErrorOf(settings), HasSubstr("fairs"));
}

TEST(OptionsTest, IsInsecureOnlyAtHome) {
  GatewaySettings settings = Settings();
  settings.add_upstream("zones=127.0.0.1:1");
  ASSERT_TRUE(ReadOptions(settings).ok());
  settings.set_listen(0, "0.0.0.0:1");
  EXPECT_THAT(ErrorOf(settings), HasSubstr("loopback"));
  settings = Settings();
  settings.add_upstream("zones=zones.example.com:1");
  EXPECT_THAT(ErrorOf(settings), HasSubstr("upstream_insecure"));
}

TEST(OptionsTest, NeedsCertificatesOtherwise) {
  GatewaySettings settings = Settings();
  settings.add_upstream("zones=127.0.0.1:1");
  settings.set_insecure(false);
  EXPECT_THAT(ErrorOf(settings), HasSubstr("tls_certificate"));
  settings.set_insecure(true);
  settings.set_upstream_insecure(false);
  EXPECT_THAT(ErrorOf(settings), HasSubstr("upstream_certificate"));
  settings.set_tls_key("key.pem");
  EXPECT_THAT(ErrorOf(settings), HasSubstr("exclude"));
}

}  // namespace
}  // namespace caravan::gateway
