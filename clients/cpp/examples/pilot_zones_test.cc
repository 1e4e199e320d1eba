// The example is true: it is built, run, and says what it should.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/testing/test_server.h"
#include "services/zones/zones.h"

namespace caravan {
namespace {

TEST(PilotZonesExampleTest, Runs) {
  const auto server = testing::TestServer::Start(
      {.definition = zones::ZonesDefinition(), .adjust = [](settings::ServerSettings& settings) {
         settings.set_insecure_principal("users/admin");
       }});
  const std::string command = absl::StrCat(CARAVAN_EXAMPLE, " ", server->address(), " 2>&1");
  FILE* const program = popen(command.c_str(), "r");
  ASSERT_NE(program, nullptr);
  std::string out;
  std::array<char, 4096> part;
  while (const size_t size = fread(part.data(), 1, part.size(), program)) {
    out.append(part.data(), size);
  }
  EXPECT_EQ(pclose(program), 0) << out;
  EXPECT_THAT(out, ::testing::StartsWith("error: "));
  EXPECT_THAT(out, ::testing::HasSubstr("[INVALID_FIELDS]\n"));
  EXPECT_THAT(out, ::testing::HasSubstr("  pilot_zone.batch: "));
  EXPECT_THAT(out, ::testing::EndsWith("created pilotZones/example\n"
                                       "listed pilotZones/example: Example 2\n"
                                       "followed CREATED\n"
                                       "followed UPDATED\n"
                                       "followed DELETED\n"));
}

}  // namespace
}  // namespace caravan
