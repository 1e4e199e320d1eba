#include "services/common/identity/principal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/api/errors.h"

namespace caravan::identity {
namespace {

using ::testing::HasSubstr;

TEST(ParsePrincipalTest, AcceptsUsersAndServices) {
  EXPECT_EQ(ParsePrincipal("users/li.wei")->name, "users/li.wei");
  EXPECT_EQ(ParsePrincipal("services/zones-2")->name, "services/zones-2");
  for (const std::string& wrong :
       {std::string(), std::string("li.wei"), std::string("users/"), std::string("users/*"),
        std::string("users/a/b"), std::string("users/.."), std::string("groups/a"),
        std::string("users/a b"), std::string("users/a\0b", 9), "users/" + std::string(129, 'a')}) {
    EXPECT_FALSE(ParsePrincipal(wrong).has_value()) << wrong;
  }
}

TEST(PrincipalOfSpiffeIdTest, ComparesTheTrustDomainWhole) {
  EXPECT_EQ(PrincipalOfSpiffeId("spiffe://caravan/users/li.wei", "caravan")->name, "users/li.wei");
  for (const char* wrong :
       {"spiffe://caravan.evil/users/a", "spiffe://carava/users/a", "https://caravan/users/a",
        "spiffe://caravan/users/a/b", "spiffe://caravan", "spiffe://caravan//users/a", ""}) {
    EXPECT_FALSE(PrincipalOfSpiffeId(wrong, "caravan").has_value()) << wrong;
  }
  EXPECT_FALSE(PrincipalOfSpiffeId("spiffe:///users/a", "").has_value());
}

TEST(AuthenticatorTest, WithTlsOnlyTheCertificateCounts) {
  const Authenticator authenticator = Authenticator::ForTrustDomain("caravan");
  const auto principal = authenticator.Authenticate(
      {.spiffe_id = "spiffe://caravan/services/zones", .claimed_principal = "users/admin"});
  ASSERT_TRUE(principal.ok());
  EXPECT_EQ(principal->name, "services/zones");

  for (const char* spiffe_id : {"", "spiffe://elsewhere/users/admin"}) {
    const auto refused =
        authenticator.Authenticate({.spiffe_id = spiffe_id, .claimed_principal = "users/admin"});
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(api::ReasonOf(refused.status()), "NO_PRINCIPAL");
  }
}

TEST(AuthenticatorTest, InsecureBelievesTheClaim) {
  const auto authenticator = Authenticator::Insecure("");
  ASSERT_TRUE(authenticator.ok());
  EXPECT_EQ(authenticator->Authenticate({.claimed_principal = "users/a"})->name, "users/a");
  EXPECT_THAT(std::string(authenticator->Authenticate({}).status().message()),
              HasSubstr("caravan-principal"));
  EXPECT_EQ(authenticator->Authenticate({.claimed_principal = "root"}).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST(AuthenticatorTest, InsecureMayHaveADefault) {
  const auto authenticator = Authenticator::Insecure("users/admin");
  ASSERT_TRUE(authenticator.ok());
  EXPECT_EQ(authenticator->Authenticate({})->name, "users/admin");
  EXPECT_EQ(authenticator->Authenticate({.claimed_principal = "users/a"})->name, "users/a");
  EXPECT_EQ(Authenticator::Insecure("admin").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace caravan::identity
