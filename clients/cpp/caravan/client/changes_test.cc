// Follows the feed of a server whose streams break as a test says, and that of
// a real one that is replaced.
#include "caravan/client/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "caravan/client/errors.h"
#include "caravan/testing/v1/widgets.client.h"
#include "clients/testing/fake_server.h"
#include "services/common/api/errors.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/watcher.h"
#include "services/common/testing/widgets.h"

namespace caravan::client {
namespace {

using ::caravan::clients::FakeServer;
using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::caravan::testing::Range;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "down");

grpc::Status Expired(int64_t oldest) {
  const absl::Status status =
      api::Error(absl::StatusCode::kOutOfRange, "REVISION_EXPIRED", "too old")
          .With("oldest_revision", std::to_string(oldest));
  return {grpc::StatusCode::OUT_OF_RANGE, "too old", api::ToRpcStatus(status).SerializeAsString()};
}

class ChangesTest : public ::testing::Test {
 protected:
  std::shared_ptr<Connection> Open(const std::string& address) {
    ConnectionOptions options;
    options.address = address;
    options.credentials.plaintext = true;
    options.clock.sleep = [this](absl::Duration d) { sleeps_.push_back(d); };
    return *Connection::Open(std::move(options));
  }
  ChangeFollower Follow(FollowOptions options) {
    return ChangeFollower(Open(server_.address()), std::move(options));
  }
  void Put(int count) {
    for (int i = 0; i < count; ++i) server_.Put(FakeServer::Zone("z", i + 1));
  }
  std::vector<int64_t> Asked() {
    std::vector<int64_t> revisions;
    for (const auto& r : server_.Requests<api::v1::WatchChangesRequest>("WatchChanges")) {
      revisions.push_back(r.start_revision());
    }
    return revisions;
  }

  FakeServer server_;
  std::vector<absl::Duration> sleeps_;
};

TEST_F(ChangesTest, BringsEachOnceHoweverOftenTheFeedBreaks) {
  Put(7);
  server_.PlanWatch({{2, kDown},
                     {0, grpc::Status(grpc::StatusCode::INTERNAL, "Received RST_STREAM")},
                     {3, grpc::Status::OK},
                     {2, grpc::Status(grpc::StatusCode::UNKNOWN, "Stream removed")}});
  std::vector<int64_t> resumed;
  auto follower =
      Follow({.start_revision = 1, .on_interrupted = [&](const absl::Status&, int64_t revision) {
                resumed.push_back(revision);
              }});
  std::vector<int64_t> brought;
  auto changes = follower.Changes();
  for (const auto& change : changes) {
    if (!change.ok()) break;
    brought.push_back(change->revision());
  }
  EXPECT_EQ(brought, Range(1, 7));
  EXPECT_THAT(Asked(), ElementsAre(1, 3, 3, 6, 8));
  EXPECT_THAT(resumed, ElementsAre(3, 3, 6, 8));
  EXPECT_EQ(follower.next_revision(), 8);
}

TEST_F(ChangesTest, BeginsBehindWhatThereIs) {
  Put(3);
  auto follower = Follow({.filter = "kind = DELETED"});
  EXPECT_THAT(follower.Begin(), IsOk());
  // What is committed after Begin is brought, though the stream opens later.
  Put(1);
  server_.PlanWatch({{1, kDown}});
  EXPECT_EQ(follower.Next()->revision(), 4);
  EXPECT_THAT(Asked(), ElementsAre(4));
  EXPECT_EQ(server_.Requests<api::v1::WatchChangesRequest>("WatchChanges")[0].filter(),
            "kind = DELETED");
}

TEST_F(ChangesTest, SaysThatItComesTooLate) {
  Put(3);
  server_.PlanWatch({{0, Expired(3)}});
  auto follower = Follow({.start_revision = 1});
  const auto change = follower.Next();
  EXPECT_THAT(change, Fails(absl::StatusCode::kOutOfRange, "REVISION_EXPIRED"));
  EXPECT_TRUE(IsRevisionExpired(change.status()));
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(ChangesTest, BeginsWhereHistoryBeginsForThoseWhoSeeNothingOfIt) {
  server_.PlanWatch({{0, Expired(40)}});
  auto follower = Follow({});
  EXPECT_EQ(follower.Next().status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(Asked(), ElementsAre(1, 40));
}

TEST_F(ChangesTest, GivesUpAtLast) {
  server_.PlanWatch({{0, kDown}, {0, kDown}, {0, kDown}, {0, kDown}});
  auto follower = Follow({.start_revision = 1, .max_failures = 3});
  EXPECT_THAT(follower.Next(), Fails(absl::StatusCode::kUnavailable, ""));
  EXPECT_THAT(sleeps_, SizeIs(3));
}

// A server that has the same address after each start.
std::unique_ptr<testing::TestServer> Serve(const std::string& socket) {
  return testing::TestServer::Start({.definition = testing::WidgetsDefinition(),
                                     .adjust = [socket](settings::ServerSettings& settings) {
                                       settings.set_insecure_principal("users/admin");
                                       settings.clear_listen();
                                       settings.add_listen("unix:" + socket);
                                     }});
}

class RealChangesTest : public ChangesTest {
 protected:
  ~RealChangesTest() override { std::filesystem::remove(socket_); }

  void Create(const std::string& id) {
    const testing::v1::WidgetServiceClient widgets(Open(server_->address()));
    testing::v1::Widget widget;
    widget.set_title("Any");
    EXPECT_THAT(widgets.CreateWidget(widget, id), IsOk());
  }

  const std::string socket_ =
      (std::filesystem::temp_directory_path() / ("caravan-" + NewRequestId())).string();
  std::unique_ptr<testing::TestServer> server_ = Serve(socket_);
};

TEST_F(RealChangesTest, MissesNothingWhileTheServerIsReplaced) {
  Create("before");
  ChangeFollower follower(Open(server_->address()), {.start_revision = 1});
  EXPECT_EQ(follower.Next()->resource(), "widgets/before");
  for (const char round : {'1', '2', '3'}) {
    Create(std::string("old-") + round);
    server_->Restart();
    Create(std::string("new-") + round);
    EXPECT_EQ(follower.Next()->resource(), std::string("widgets/old-") + round);
    EXPECT_EQ(follower.Next()->resource(), std::string("widgets/new-") + round);
  }
  EXPECT_EQ(follower.next_revision(), 8);
}

TEST_F(RealChangesTest, EndsWhenItIsCancelled) {
  ChangeFollower follower(Open(server_->address()), {});
  ASSERT_THAT(follower.Begin(), IsOk());
  absl::StatusOr<api::v1::Change> last;
  std::thread reader([&] { last = follower.Next(); });
  follower.Cancel();
  reader.join();
  EXPECT_EQ(last.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(RealChangesTest, SaysWhatTheServerRefuses) {
  ChangeFollower follower(Open(server_->address()), {.start_revision = 1000});
  EXPECT_THAT(follower.Next(), Fails(absl::StatusCode::kOutOfRange, "REVISION_IN_FUTURE"));
}

}  // namespace
}  // namespace caravan::client
