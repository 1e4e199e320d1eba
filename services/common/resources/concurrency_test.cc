// Many callers at once, through real servers on both engines, and through two
// replicas on one database.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gtest/gtest.h"
#include "services/common/rpc/runtime.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/watcher.h"
#include "services/common/testing/widgets.h"

namespace caravan::resources {
namespace {

using testing::CallOptions;
using testing::IsOk;
using testing::Range;
using testing::Revisions;
using testing::TestServer;
using testing::Watcher;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr int kThreads = 8;
constexpr int kEach = 25;

class ConcurrencyTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  ConcurrencyTest() : database_(GetParam().Create()) {}

  std::unique_ptr<TestServer> Serve(const std::string& replica) const {
    return TestServer::Start(
        {.definition = testing::WidgetsDefinition(),
         .store = database_->url(),
         .adjust = [replica](settings::ServerSettings& s) { s.set_replica_id(replica); }});
  }

  static void Create(const TestServer& server) {
    CreateWidgetRequest request;
    request.set_widget_id("w1");
    request.mutable_widget()->set_title("A counter");
    ASSERT_THAT(server.Call<Widget>("WidgetService/CreateWidget", request), IsOk());
  }

  static absl::StatusOr<Widget> Add(const TestServer& server, const std::string& request_id) {
    AddToWidgetRequest request;
    request.set_name("widgets/w1");
    request.set_amount(1);
    request.set_request_id(request_id);
    return server.Call<Widget>("WidgetService/AddToWidget", request, {.timeout = absl::Minutes(1)});
  }

  static absl::StatusOr<Widget> Get(const TestServer& server, const CallOptions& options = {}) {
    GetWidgetRequest request;
    request.set_name("widgets/w1");
    return server.Call<Widget>("WidgetService/GetWidget", request, options);
  }

  // Each thread adds with request ids of its own, each twice: first through one
  // of the servers, then through the next.
  static void AddFromManyThreads(const std::vector<const TestServer*>& servers) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&servers, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string id = absl::StrCat("request-", t, "-", i);
          const size_t at = static_cast<size_t>(t + i);
          auto first = Add(*servers[at % servers.size()], id);
          auto again = Add(*servers[(at + 1) % servers.size()], id);
          ASSERT_THAT(first, IsOk());
          ASSERT_THAT(again, IsOk());
          EXPECT_EQ(first->SerializeAsString(), again->SerializeAsString());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // The log has each addition once, each upon the one before.
  static void CheckLog(const TestServer& server) {
    constexpr int kChanges = 1 + kThreads * kEach;
    Watcher watcher(server.caller(), 1);
    const auto changes = watcher.Read(kChanges);
    ASSERT_EQ(Revisions(changes), Range(1, kChanges));
    for (int64_t i = 0; i < kChanges; ++i) {
      Widget after;
      ASSERT_TRUE(changes[static_cast<size_t>(i)].after().UnpackTo(&after));
      EXPECT_EQ(after.count(), i);
    }
    EXPECT_EQ(Get(server)->count(), kThreads * kEach);
  }

  const std::unique_ptr<store::TestDatabase> database_;
};

TEST_P(ConcurrencyTest, NoAdditionIsLostOrMadeTwice) {
  auto server = Serve("one");
  Create(*server);
  AddFromManyThreads({server.get()});
  CheckLog(*server);
  server->Restart();
  CheckLog(*server);
}

TEST_P(ConcurrencyTest, TheSameRequestAtTheSameTimeIsMadeOnce) {
  auto server = Serve("one");
  Create(*server);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        auto added = Add(*server, absl::StrCat("request-", i));
        ASSERT_THAT(added, IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get(*server)->count(), kEach);
  EXPECT_EQ(server->host().store().revision(), 1 + kEach);
}

INSTANTIATE_TEST_SUITE_P(Engines, ConcurrencyTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

class ReplicasTest : public ConcurrencyTest {};

TEST_P(ReplicasTest, NoAdditionIsLostOrMadeTwice) {
  auto one = Serve("one");
  auto two = Serve("two");
  Create(*one);
  AddFromManyThreads({one.get(), two.get()});
  CheckLog(*one);
  CheckLog(*two);
}

TEST_P(ReplicasTest, ReadsYourWritesThroughTheOther) {
  auto one = Serve("one");
  auto two = Serve("two");
  Create(*one);
  Watcher watcher(two->caller(), 1);
  EXPECT_EQ(watcher.Read(1).size(), 1u);
  for (int i = 1; i <= 10; ++i) {
    testing::Reply reply;
    AddToWidgetRequest request;
    request.set_name("widgets/w1");
    request.set_amount(1);
    ASSERT_THAT(one->Call<Widget>("WidgetService/AddToWidget", request, {.reply = &reply}), IsOk());
    const std::string revision = reply.trailers.find(rpc::kRevisionMetadata)->second;
    auto read = Get(*two, {.metadata = {{rpc::kMinRevisionMetadata, revision}}});
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->count(), i);
    EXPECT_EQ(Revisions(watcher.Read(1)), Range(i + 1, i + 1));
  }
}

// The other may not know yet how far the first has come.
TEST_P(ReplicasTest, AFollowerOfOneGoesOnWithTheOther) {
  auto one = Serve("one");
  auto two = Serve("two");
  Create(*one);
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(Add(*one, absl::StrCat("before-", i)), IsOk());
    const int64_t next = one->host().store().revision() + 1;
    Watcher watcher(two->caller(), next);
    ASSERT_THAT(Add(*one, absl::StrCat("after-", i)), IsOk());
    EXPECT_EQ(Revisions(watcher.Read(1)), Range(next, next));
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReplicasTest);
INSTANTIATE_TEST_SUITE_P(SharedEngines, ReplicasTest,
                         ::testing::ValuesIn(store::SharedTestStores()), store::TestStoreName);

}  // namespace
}  // namespace caravan::resources
