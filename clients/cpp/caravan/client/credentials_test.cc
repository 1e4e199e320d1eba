#include "caravan/client/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "services/common/testing/status_matchers.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::client {
namespace {

using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class CredentialsTest : public ::testing::Test {
 protected:
  // Replaces the file, as whoever renews a token does.
  std::string Write(const std::string& text) {
    const std::string file = folder_.Path("token");
    std::ofstream(file + ".new") << text;
    std::filesystem::rename(file + ".new", file);
    return file;
  }

  const caravan::testing::TemporaryFolder folder_;
};

TEST_F(CredentialsTest, KnowsWhatIsLocal) {
  for (const char* local : {"unix:/run/x.sock", "localhost:80", "127.0.0.1:80", "127.8.9.1:80",
                            "[::1]:80", "dns:///localhost:80", "ipv4:127.0.0.1:80"}) {
    EXPECT_TRUE(IsLocal(local)) << local;
  }
  for (const char* remote :
       {"caravan.example:80", "10.0.0.1:80", "127.example.org:80", "localhost.example.org:80",
        "[2001:db8::1]:80", "", "127.0.0.1.example.org:80", "ipv4:10.0.0.1:80"}) {
    EXPECT_FALSE(IsLocal(remote)) << remote;
  }
}

TEST_F(CredentialsTest, SendsNothingInPlaintextToOthers) {
  EXPECT_THAT(MakeChannelCredentials({.plaintext = true}, "127.0.0.1:80"), IsOk());
  const auto refused = MakeChannelCredentials({.token = "secret", .plaintext = true}, "x.org:80");
  EXPECT_THAT(refused, Fails(kInvalid, "PLAINTEXT_REFUSED"));
  EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("secret")));
  EXPECT_THAT(MakeChannelCredentials({.ca_file = "ca.pem", .plaintext = true}, "[::1]:80"),
              Fails(kInvalid, "BAD_CREDENTIALS"));
}

TEST_F(CredentialsTest, TellsWhatIsMissing) {
  const auto half = MakeChannelCredentials({.certificate_file = "c.pem"}, "x.org:80");
  EXPECT_THAT(half, Fails(kInvalid, "BAD_CREDENTIALS"));
  const auto unreadable = MakeChannelCredentials({.ca_file = "/none/ca.pem"}, "x.org:80");
  EXPECT_THAT(unreadable, Fails(kInvalid, "BAD_CREDENTIALS"));
  EXPECT_THAT(std::string(unreadable.status().message()),
              HasSubstr("cannot read the certificate authority from /none/ca.pem"));
  EXPECT_THAT(MakeChannelCredentials({}, "x.org:80"), IsOk());
  EXPECT_THAT(MakeTokenSource({.token = "a", .token_file = "b"}).status(),
              Fails(kInvalid, "BAD_CREDENTIALS"));
}

TEST_F(CredentialsTest, ReadsTokens) {
  EXPECT_EQ(*ParseToken(" eyJh.eyJz.c2ln\n", "x"), "eyJh.eyJz.c2ln");
  for (const std::string& bad : {std::string("\n"), std::string("a b"), std::string("a\nb"),
                                 std::string("Bearer abc"), std::string(20'000, 'x')}) {
    EXPECT_THAT(ParseToken(bad, "the file"), Fails(kInvalid, "BAD_TOKEN"));
  }
  EXPECT_EQ(*MakeTokenSource({}), nullptr);
  EXPECT_EQ(*(*MakeTokenSource({.token = "abc"}))->Get(), "abc");
  EXPECT_THAT(MakeTokenSource({.token = "a b"}).status(), Fails(kInvalid, "BAD_TOKEN"));
}

TEST_F(CredentialsTest, ReadsTheFileAgainWhenItChanges) {
  const std::string file = Write("first\n");
  const auto source = *MakeTokenSource({.token_file = file});
  EXPECT_EQ(*source->Get(), "first");
  Write("second\n");
  EXPECT_EQ(*source->Get(), "second");
  // What cannot be used is an error rather than the token of before.
  Write("\n");
  EXPECT_THAT(source->Get(), Fails(absl::StatusCode::kUnauthenticated, "BAD_TOKEN"));
  std::filesystem::remove(file);
  EXPECT_THAT(source->Get(), Fails(absl::StatusCode::kUnauthenticated, "BAD_TOKEN"));
  Write("third");
  EXPECT_EQ(*source->Get(), "third");
}

}  // namespace
}  // namespace caravan::client
