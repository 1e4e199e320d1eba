// Two replicas of the service on one PostgreSQL are one service.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/testing/temporary_folder.h"
#include "tests/fault/client.h"
#include "tests/fault/history.h"
#include "tests/fault/postgres_server.h"
#include "tests/fault/service_process.h"
#include "tests/fault/workload.h"
#include "tests/load/enterprises.h"

namespace caravan::fault {
namespace {

using zones::v1::Enterprise;

class ReplicasTest : public ::testing::Test {
 protected:
  ReplicasTest()
      : first_process_({.folder = folder_.path(), .name = "first", .store = postgres_.url()}),
        second_process_({.folder = folder_.path(), .name = "second", .store = postgres_.url()}) {
    // At the same time, on an empty database.
    first_process_.Start();
    second_process_.Start();
    first_ = first_process_.Connect();
    second_ = second_process_.Connect();
    LoadZones(first_);
  }

  static zones::v1::CreateEnterpriseRequest CreateRequest(int number) {
    zones::v1::CreateEnterpriseRequest request;
    *request.mutable_enterprise() = load::MakeEnterprise(number);
    const std::string& name = request.enterprise().name();
    request.set_enterprise_id(name.substr(name.find('/') + 1));
    return request;
  }

  static absl::Status Create(const std::shared_ptr<grpc::Channel>& channel,
                             const zones::v1::CreateEnterpriseRequest& request,
                             Enterprise* created) {
    return Call(channel, absl::StrCat(kEnterprises, "CreateEnterprise"), request, created);
  }

  static absl::Status Get(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
                          Enterprise* found, const CallOptions& options = {}) {
    zones::v1::GetEnterpriseRequest request;
    request.set_name(name);
    return Call(channel, absl::StrCat(kEnterprises, "GetEnterprise"), request, found, options);
  }

  // Sets the display name; with `etag`, unless that is empty.
  static absl::Status Rename(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
                             const std::string& display_name, const std::string& etag,
                             int64_t* revision = nullptr) {
    zones::v1::UpdateEnterpriseRequest request;
    request.mutable_enterprise()->set_name(name);
    request.mutable_enterprise()->set_display_name(display_name);
    request.mutable_enterprise()->set_etag(etag);
    request.mutable_update_mask()->add_paths("display_name");
    Enterprise updated;
    return Call(channel, absl::StrCat(kEnterprises, "UpdateEnterprise"), request, &updated,
                {.revision = revision});
  }

  // Runs two functions at the same time.
  template <class A, class B>
  static void Together(A a, B b) {
    std::thread other(b);
    a();
    other.join();
  }

  const testing::TemporaryFolder folder_;
  PostgresServer postgres_;
  ServiceProcess first_process_;
  ServiceProcess second_process_;
  std::shared_ptr<grpc::Channel> first_;
  std::shared_ptr<grpc::Channel> second_;
};

TEST_F(ReplicasTest, OneOfTwoCreatesTheSameId) {
  for (int number = 0; number < 50; ++number) {
    const auto request = CreateRequest(number);
    absl::Status first, second;
    Enterprise by_first, by_second;
    Together([&] { first = Create(first_, request, &by_first); },
             [&] { second = Create(second_, request, &by_second); });
    EXPECT_NE(first.ok(), second.ok()) << first << second;
    const absl::Status& loser = first.ok() ? second : first;
    EXPECT_TRUE(absl::IsAlreadyExists(loser)) << loser;
  }
  ExpectConsistent(ListAllChanges(second_));
}

TEST_F(ReplicasTest, NoUpdateIsLost) {
  constexpr int kThreads = 8;
  constexpr int kIncrements = 25;
  auto request = CreateRequest(0);
  request.mutable_enterprise()->set_display_name("0");
  Enterprise created;
  ASSERT_TRUE(Create(first_, request, &created).ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, channel = i % 2 == 0 ? first_ : second_] {
      for (int done = 0; done < kIncrements;) {
        Enterprise found;
        absl::Status status = Get(channel, created.name(), &found);
        ASSERT_TRUE(status.ok()) << status;
        int count = 0;
        ASSERT_TRUE(absl::SimpleAtoi(found.display_name(), &count));
        status = Rename(channel, created.name(), absl::StrCat(count + 1), found.etag());
        if (status.ok()) ++done;
        ASSERT_TRUE(status.ok() || api::ReasonOf(status) == "ETAG_MISMATCH") << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Enterprise found;
  ASSERT_TRUE(Get(second_, created.name(), &found).ok());
  EXPECT_EQ(found.display_name(), absl::StrCat(threads.size() * kIncrements));
}

TEST_F(ReplicasTest, BothTellTheSameChanges) {
  Follower first(first_process_.Connect()), second(second_process_.Connect());
  Crowd crowd({first_, second_}, 8);
  crowd.Start();
  crowd.AwaitAnswers(500);
  crowd.Finish();
  const auto changes = ListAllChanges(second_);
  ExpectConsistent(changes);
  ExpectKept(second_, crowd.known(), changes);
  const auto revision = static_cast<int64_t>(changes.size());
  ExpectSame(first.Await(revision), changes);
  ExpectSame(second.Await(revision), changes);
}

TEST_F(ReplicasTest, ARepeatThroughTheOtherGetsTheFirstAnswer) {
  for (int number = 0; number < 50; ++number) {
    auto request = CreateRequest(number);
    request.set_request_id(absl::StrCat("request-", number));
    Enterprise by_first, by_second, later;
    absl::Status first, second;
    Together([&] { first = Create(first_, request, &by_first); },
             [&] { second = Create(second_, request, &by_second); });
    EXPECT_TRUE(first.ok()) << first;
    EXPECT_TRUE(second.ok()) << second;
    EXPECT_EQ(Canonical(by_first), Canonical(by_second));
    // Later, and though it has changed since.
    ASSERT_TRUE(Rename(first_, by_first.name(), "Another name", by_first.etag()).ok());
    EXPECT_TRUE(Create(second_, request, &later).ok());
    EXPECT_EQ(Canonical(later), Canonical(by_first));
  }
  ExpectConsistent(ListAllChanges(first_));
}

TEST_F(ReplicasTest, ReadsWaitForTheRevisionThatTheyAskFor) {
  Enterprise created;
  ASSERT_TRUE(Create(first_, CreateRequest(0), &created).ok());
  for (int i = 0; i < 100; ++i) {
    const auto& writer = i % 2 == 0 ? first_ : second_;
    const auto& reader = i % 2 == 0 ? second_ : first_;
    const std::string display_name = absl::StrCat("Name ", i);
    int64_t revision = 0;
    const absl::Status written = Rename(writer, created.name(), display_name, "", &revision);
    ASSERT_TRUE(written.ok()) << written;
    ASSERT_GT(revision, 0);
    Enterprise found;
    const absl::Status read = Get(reader, created.name(), &found, {.min_revision = revision});
    ASSERT_TRUE(read.ok()) << read;
    EXPECT_EQ(found.display_name(), display_name);
  }
}

TEST_F(ReplicasTest, OneGoesOnWhereTheOtherDies) {
  Crowd crowd({second_}, 4);
  crowd.Start();
  crowd.AwaitAnswers(50);
  first_process_.Kill();
  crowd.AwaitAnswers(200);
  crowd.Finish();
  const auto changes = ListAllChanges(second_);
  ExpectConsistent(changes);
  ExpectKept(second_, crowd.known(), changes);
}

}  // namespace
}  // namespace caravan::fault
