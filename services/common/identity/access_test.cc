#include "services/common/identity/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>

#include "services/common/api/errors.h"
#include "services/common/settings/yaml.h"
#include "services/common/telemetry/log.h"

namespace caravan::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPolicy[] = R"(
roles:
- name: auditor
  permissions: ['*.*.get', '*.*.list']
- name: office
  permissions: [zones.enterprises.update, 'zones.pilotZones.*']
- name: administrator
  permissions: ['*']
bindings:
- {principal: users/audit, role: auditor, resource: '*'}
- {principal: users/li.wei, role: office, resource: pilotZones/hangzhou}
- {principal: users/li.wei, role: office, resource: pilotZones/ningbo}
- {principal: users/li.wei, role: office, resource: pilotZones/ningbo/projects/a}
- {principal: users/root, role: administrator, resource: '*'}
- {principal: 'users/*', role: auditor, resource: documents}
- {principal: services/gateway, role: auditor, resource: '*'}
)";

caravan::api::v1::AccessPolicy Parse(std::string_view text) {
  caravan::api::v1::AccessPolicy policy;
  const absl::Status status = settings::ParseYaml(text, "policy.yaml", &policy);
  EXPECT_TRUE(status.ok()) << status;
  return policy;
}

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() : access_(*AccessControl::Create(Parse(kPolicy))) {}

  Grant Check(const std::string& principal, std::string_view permission,
              std::string_view resource) {
    return access_->Check({principal}, permission, resource);
  }
  bool OwnerGrants(const std::string& principal, std::string_view permission,
                   const std::vector<std::string_view>& owners) {
    return access_->OwnerGrants({principal}, permission, owners);
  }

  std::unique_ptr<AccessControl> access_;
};

TEST_F(AccessTest, APrefixCoversWhatIsBelowIt) {
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.update", "pilotZones/hangzhou"),
            Grant::kGranted);
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.update", "pilotZones/hangzhou/offices/1"),
            Grant::kGranted);
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.update", "pilotZones/hangzhou2"),
            Grant::kIfOwner);
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.update", "pilotZones"), Grant::kIfOwner);
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.update", ""), Grant::kIfOwner);
  EXPECT_EQ(Check("users/li.wei", "zones.enterprises.delete", "pilotZones/hangzhou"),
            Grant::kDenied);
}

TEST_F(AccessTest, PatternsStandForParts) {
  EXPECT_EQ(Check("users/audit", "fairs.halls.get", "fairs/a"), Grant::kGranted);
  EXPECT_EQ(Check("users/audit", "fairs.halls.getAll", "fairs/a"), Grant::kDenied);
  EXPECT_EQ(Check("users/audit", "fairs.halls.update", "fairs/a"), Grant::kDenied);
  EXPECT_EQ(Check("users/li.wei", "zones.pilotZones.rectify", "pilotZones/ningbo"),
            Grant::kGranted);
  EXPECT_EQ(Check("users/root", "any.thing.atAll", "x/y"), Grant::kGranted);
  EXPECT_EQ(Check("users/root", "any.thing.atAll", ""), Grant::kGranted);
}

TEST_F(AccessTest, ABindingOfEverybodyOfAKindHoldsForEachOfThem) {
  EXPECT_EQ(Check("users/stranger", "zones.documents.get", "documents/1"), Grant::kGranted);
  EXPECT_EQ(Check("users/li.wei", "zones.documents.get", "documents/1"), Grant::kGranted);
  EXPECT_EQ(Check("services/stranger", "zones.documents.get", "documents/1"), Grant::kDenied);
  EXPECT_EQ(Check("", "zones.documents.get", "documents/1"), Grant::kDenied);
}

TEST_F(AccessTest, AnOwnerSuffices) {
  EXPECT_TRUE(OwnerGrants("users/li.wei", "zones.enterprises.update",
                          {"associations/x", "pilotZones/hangzhou"}));
  EXPECT_FALSE(OwnerGrants("users/li.wei", "zones.enterprises.update", {"pilotZones/suzhou"}));
  EXPECT_FALSE(OwnerGrants("users/li.wei", "zones.enterprises.update", {"", "pilotZones"}));
  EXPECT_FALSE(OwnerGrants("users/li.wei", "zones.enterprises.update", {}));
  EXPECT_FALSE(OwnerGrants("users/li.wei", "zones.enterprises.close", {"pilotZones/hangzhou"}));
}

TEST_F(AccessTest, TellsWhereAPermissionIsHeld) {
  EXPECT_TRUE(access_->Everywhere({"users/audit"}, "zones.pilotZones.get"));
  EXPECT_FALSE(access_->Everywhere({"users/li.wei"}, "zones.pilotZones.get"));
  EXPECT_THAT(access_->Prefixes({"users/audit"}, "zones.pilotZones.get"), ElementsAre("*"));
  EXPECT_THAT(access_->Prefixes({"users/li.wei"}, "zones.pilotZones.get"),
              ElementsAre("documents", "pilotZones/hangzhou", "pilotZones/ningbo"));
  EXPECT_THAT(access_->Prefixes({"services/x"}, "zones.pilotZones.get"), IsEmpty());
}

TEST(AccessPolicyTest, RefusesWhatIsWrongAndNamesIt) {
  const std::string role = "roles: [{name: r, permissions: ['a.b.c']}]\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {role + "bindings: [{principal: users/a, role: s, resource: '*'}]", "role 's'"},
      {role + "bindings: [{principal: users/a, role: r}]", "resource ''"},
      {role + "bindings: [{principal: users/a, role: r, resource: a//b}]", "resource 'a//b'"},
      {role + "bindings: [{principal: users/a, role: r, resource: 'a/*'}]", "resource 'a/*'"},
      {role + "bindings: [{principal: '*', role: r, resource: '*'}]", "principal '*'"},
      {"roles: [{name: r}, {name: r}]", "role r is there twice"},
      {"roles: [{permissions: ['*']}]", "no name"},
      {"roles: [{name: r, permissions: [a.b]}]", "permission 'a.b'"},
      {"roles: [{name: r, permissions: [a.b.c.d]}]", "permission 'a.b.c.d'"},
      {"roles: [{name: r, permissions: ['a.b*.c']}]", "permission 'a.b*.c'"},
      {"roles: [{name: r, permissions: ['']}]", "permission ''"},
  };
  for (const auto& [text, message] : cases) {
    const absl::Status status = AccessControl::Create(Parse(text)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(api::ReasonOf(status), "MALFORMED_POLICY") << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST(AccessPolicyTest, AnEmptyPolicyPermitsNothing) {
  const auto access = AccessControl::Create({});
  ASSERT_TRUE(access.ok());
  EXPECT_EQ((*access)->Check({"users/root"}, "a.b.c", "x"), Grant::kDenied);
}

// Waits for lines of the log.
class LogWaiter {
 public:
  LogWaiter() {
    telemetry::SetLogSink([this](std::string_view line) {
      std::lock_guard lock(mutex_);
      text_.append(line);
      changed_.notify_all();
    });
  }
  ~LogWaiter() { telemetry::SetLogSink(nullptr); }

  bool WaitFor(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return text_.find(text) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

class WatchTest : public ::testing::Test {
 protected:
  ~WatchTest() override { std::remove(file_.c_str()); }

  void Write(const std::string& content) {
    const std::string next = file_ + ".next";
    std::ofstream(next) << content;
    std::rename(next.c_str(), file_.c_str());
  }

  LogWaiter log_;
  const std::string file_ = ::testing::TempDir() + "access_test.yaml";
};

TEST_F(WatchTest, LoadsAChangedFileAndKeepsTheOldPolicyWhereItIsWrong) {
  Write(kPolicy);
  const auto access = AccessControl::Watch(file_, absl::Milliseconds(1));
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ((*access)->Check({"users/root"}, "a.b.c", ""), Grant::kGranted);

  Write("roles: [{nam: x}]");
  ASSERT_TRUE(log_.WaitFor(file_ + ":1:10: unknown key `nam`. Did you mean `name`?"));
  EXPECT_EQ((*access)->Check({"users/root"}, "a.b.c", ""), Grant::kGranted);

  Write("roles: []");
  ASSERT_TRUE(log_.WaitFor("was loaded again"));
  EXPECT_EQ((*access)->Check({"users/root"}, "a.b.c", ""), Grant::kDenied);
}

TEST_F(WatchTest, ChecksGoOnWhilePoliciesChange) {
  Write(kPolicy);
  const auto access = AccessControl::Watch(file_, absl::Milliseconds(1));
  ASSERT_TRUE(access.ok()) << access.status();
  std::atomic<bool> done = false;
  std::thread checker([&] {
    while (!done) {
      EXPECT_EQ((*access)->Check({"users/audit"}, "a.b.get", ""), Grant::kGranted);
    }
  });
  Write(std::string(kPolicy) + "# changed\n");
  EXPECT_TRUE(log_.WaitFor("was loaded again"));
  done = true;
  checker.join();
}

TEST_F(WatchTest, RefusesToStartWithoutAPolicy) {
  const absl::Status status = AccessControl::Watch("/nonexistent/policy.yaml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/policy.yaml"));
}

}  // namespace
}  // namespace caravan::identity
