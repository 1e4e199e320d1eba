#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "clients/cli/test_support.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "eyJhbGciOiJub25lIn0.e30.c2VjcmV0";

class LoginTest : public ::testing::Test {
 protected:
  Outcome Run(const std::vector<std::string>& words, const std::string& input = "") {
    const Outcome outcome =
        RunCli(words, {.input = input, .variables = {{"CARAVANCTL_CONFIG", config_}}});
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr("secret")));
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(kToken)));
    return outcome;
  }
  Outcome Login(const std::string& input) {
    return Run({"login", "fair", "--token-stdin", "--address", server_.address(), "--insecure"},
               input);
  }

  FakeServer server_;
  TemporaryFolder folder_;
  const std::string config_ = folder_.Path("config.yaml");
};

TEST_F(LoginTest, KeepsATokenForThisUserAlone) {
  const Outcome outcome = Login(absl::StrCat(kToken, "\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(folder_.Read("tokens/fair"), absl::StrCat(kToken, "\n"));
  struct stat state;
  ASSERT_EQ(stat(folder_.Path("tokens/fair").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600);
  ASSERT_EQ(stat(folder_.Path("tokens").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0700);
  EXPECT_THAT(folder_.Read("config.yaml"), Not(HasSubstr(kToken)));
  // The first context is current, and calls show the token.
  EXPECT_EQ(Run({"get", "pilotZones", "-o", "name"}).code, 0);
  EXPECT_THAT(server_.Metadata("ListPilotZones", "authorization"),
              ElementsAre(absl::StrCat("Bearer ", kToken)));
}

TEST_F(LoginTest, UsesAFileThatSomebodyElseRenews) {
  const std::string file = folder_.Write("token", "first");
  EXPECT_EQ(
      Run({"login", "fair", "--token-file", file, "--address", server_.address(), "--insecure"})
          .code,
      0);
  Run({"get", "pilotZones"});
  folder_.Write("token", "the-second");
  Run({"get", "pilotZones"});
  EXPECT_THAT(server_.Metadata("ListPilotZones", "authorization"),
              ElementsAre("Bearer first", "Bearer the-second"));
  EXPECT_THAT(Run({"config", "get-contexts"}).out, HasSubstr(file));
  // The file is the user's own.
  EXPECT_EQ(Run({"logout", "fair"}).code, 0);
  EXPECT_EQ(folder_.Read("token"), "the-second");
  Run({"get", "pilotZones"});
  EXPECT_EQ(server_.Metadata("ListPilotZones", "authorization").back(), "");
}

TEST_F(LoginTest, LogoutForgetsWhatLoginKept) {
  Login(kToken);
  EXPECT_EQ(Run({"logout"}).code, 0);
  EXPECT_EQ(folder_.Read("tokens/fair"), "");
  EXPECT_EQ(Run({"logout"}).code, 2);
  EXPECT_EQ(Run({"logout", "none"}).code, 2);
}

TEST_F(LoginTest, RefusesWhatIsNoToken) {
  EXPECT_EQ(Login("").code, 2);
  EXPECT_EQ(Login("a secret of two lines\nand more\n").code, 2);
  EXPECT_EQ(Login(std::string(100'000, 'x')).code, 2);
  EXPECT_EQ(Run({"login", "fair"}).code, 2);
  EXPECT_EQ(Run({"login", "../fair", "--token-stdin", "--address", "x:1"}, kToken).code, 2);
  EXPECT_EQ(Run({"login", "--token-stdin", "--address", "x:1"}, kToken).code, 2);
  EXPECT_EQ(Run({"login", "fair", "--token-stdin"}, kToken).code, 2);
  EXPECT_EQ(folder_.Read("config.yaml"), "");
}

TEST_F(LoginTest, AsksTheServerFirst) {
  const Outcome down =
      Run({"login", "fair", "--token-stdin", "--address", "127.0.0.1:1", "--insecure"}, kToken);
  EXPECT_EQ(down.code, 5);
  EXPECT_EQ(folder_.Read("tokens/fair"), "");
  EXPECT_EQ(folder_.Read("config.yaml"), "");
  EXPECT_EQ(Run({"login", "fair", "--token-stdin", "--address", "127.0.0.1:1", "--insecure",
                 "--no-check"},
                kToken)
                .code,
            0);
}

TEST_F(LoginTest, SendsNoTokenInPlaintextToOthers) {
  const Outcome outcome =
      Run({"login", "fair", "--token-stdin", "--address", "x.example:1", "--insecure"}, kToken);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("loopback"));
  // Nor over a socket, unless asked to.
  const std::string file = folder_.Write("token", kToken);
  EXPECT_NE(Run({"get", "x", "--address", "unix:" + folder_.Path("none"), "--token-file", file,
                 "--timeout", "1s"})
                .code,
            0);
}

}  // namespace
}  // namespace caravan::cli
