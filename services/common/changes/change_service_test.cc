// The change feed and the audit log, on made-up collections through a real
// server.
#include "services/common/changes/change_service.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "services/common/api/page_token.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/watcher.h"
#include "services/common/testing/widgets.h"

namespace caravan::changes {
namespace {

using absl::StatusCode;
using api::v1::Change;
using api::v1::ListChangesRequest;
using api::v1::ListChangesResponse;
using api::v1::WatchChangesRequest;
using testing::CallOptions;
using ::testing::ElementsAre;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Range;
using testing::Revisions;
using testing::Watcher;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr char kAnn[] = "users/ann";  // reads what firms/ann owns
constexpr char kOne[] = "users/one";  // reads widgets/w1

class ChangeServiceTest : public ::testing::Test {
 protected:
  ChangeServiceTest()
      : clock_(absl::FromUnixSeconds(1'700'000'000)),
        server_(testing::TestServer::Start(
            {.definition = testing::WidgetsDefinition(),
             .access = testing::PolicyOf({{"users/admin", "*"},
                                          {kAnn, "testing.widgets.get", "firms/ann"},
                                          {kOne, "testing.widgets.get", "widgets/w1"}}),
             .clock = clock_.AsFunction()})) {}

  template <class Response, class Request>
  Response Must(std::string_view method, const Request& request) {
    auto response = server_->Call<Response>(method, request);
    EXPECT_THAT(response, IsOk()) << method;
    return response.value_or(Response());
  }

  Widget Create(const std::string& id, const std::string& owner = "") {
    CreateWidgetRequest request;
    request.set_widget_id(id);
    request.mutable_widget()->set_title("A widget");
    request.mutable_widget()->set_owner(owner);
    return Must<Widget>("WidgetService/CreateWidget", request);
  }

  Widget Add(const std::string& id, const std::string& request_id = "") {
    AddToWidgetRequest request;
    request.set_name("widgets/" + id);
    request.set_amount(1);
    request.set_request_id(request_id);
    return Must<Widget>("WidgetService/AddToWidget", request);
  }

  Widget SetOwner(const std::string& id, const std::string& owner) {
    UpdateWidgetRequest request;
    request.mutable_widget()->set_name("widgets/" + id);
    request.mutable_widget()->set_owner(owner);
    request.mutable_update_mask()->add_paths("owner");
    return Must<Widget>("WidgetService/UpdateWidget", request);
  }

  void Delete(const std::string& id) {
    DeleteWidgetRequest request;
    request.set_name("widgets/" + id);
    Must<google::protobuf::Empty>("WidgetService/DeleteWidget", request);
  }

  // A widget and `count` changes in all.
  void Fill(int count) {
    Create("w1");
    for (int i = 1; i < count; ++i) Add("w1");
  }

  absl::StatusOr<ListChangesResponse> List(const ListChangesRequest& request,
                                           const CallOptions& options = {}) {
    return server_->Call<ListChangesResponse>("ChangeService/ListChanges", request, options);
  }

  // All pages of a list.
  std::vector<Change> All(ListChangesRequest request, const CallOptions& options = {}) {
    std::vector<Change> changes;
    while (true) {
      auto page = List(request, options);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return changes;
      for (const Change& change : page->changes()) changes.push_back(change);
      if (page->next_page_token().empty()) return changes;
      request.set_page_token(page->next_page_token());
    }
  }

  absl::Status WatchFails(const WatchChangesRequest& request) {
    return Watcher(server_->caller(), request).Finish();
  }
  absl::Status WatchFails(int64_t start_revision) {
    return Watcher(server_->caller(), start_revision).Finish();
  }

  static WatchChangesRequest Request(int64_t start_revision, const std::string& filter = "",
                                     bool send_progress = false) {
    WatchChangesRequest request;
    request.set_start_revision(start_revision);
    request.set_filter(filter);
    request.set_send_progress(send_progress);
    return request;
  }

  testing::TestClock clock_;
  std::unique_ptr<testing::TestServer> server_;
};

std::string OwnerIn(const google::protobuf::Any& image) {
  Widget widget;
  return image.UnpackTo(&widget) ? widget.owner() : "(no image)";
}

TEST_F(ChangeServiceTest, TheFeedIsCompleteFromTheFirstRevisionOn) {
  const Widget created = Create("w1");
  const Widget added = Add("w1", "request-7");
  BatchCreateWidgetsRequest batch;
  for (const char* id : {"b1", "b2", "b3"}) {
    batch.add_requests()->set_widget_id(id);
    batch.mutable_requests()->rbegin()->mutable_widget()->set_title("One of three");
  }
  Must<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", batch);
  Delete("w1");

  Watcher watcher(server_->caller(), 1);
  const std::vector<Change> changes = watcher.Read(6);
  ASSERT_EQ(Revisions(changes), Range(1, 6));
  const std::vector<int64_t> ends = {1, 2, 5, 5, 5, 6};
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].transaction_end_revision(), ends[i]);
    EXPECT_EQ(changes[i].actor(), "users/admin");
    EXPECT_EQ(changes[i].resource_type(), "caravan.dev/Widget");
    EXPECT_EQ(changes[i].commit_time().seconds(), 1'700'000'000);
  }
  EXPECT_EQ(changes[0].kind(), Change::CREATED);
  EXPECT_FALSE(changes[0].has_before());
  EXPECT_EQ(changes[0].after().value(), created.SerializeAsString());
  EXPECT_EQ(changes[1].kind(), Change::UPDATED);
  EXPECT_EQ(changes[1].method(), "caravan.testing.v1.WidgetService/AddToWidget");
  EXPECT_EQ(changes[1].request_id(), "request-7");
  EXPECT_EQ(changes[1].before().value(), created.SerializeAsString());
  EXPECT_EQ(changes[1].after().value(), added.SerializeAsString());
  EXPECT_EQ(changes[4].resource(), "widgets/b3");
  EXPECT_EQ(changes[5].kind(), Change::DELETED);
  EXPECT_EQ(changes[5].resource(), "widgets/w1");
  EXPECT_EQ(changes[5].before().value(), added.SerializeAsString());
  EXPECT_FALSE(changes[5].has_after());
}

TEST_F(ChangeServiceTest, WhatChangesNothingIsNotInTheFeed) {
  const Widget widget = Create("w1");
  SetOwner("w1", "");
  CreateWidgetRequest checked;
  checked.set_widget_id("w2");
  checked.mutable_widget()->set_title("Checked");
  checked.set_validate_only(true);
  Must<Widget>("WidgetService/CreateWidget", checked);
  Add("w1", "twice");
  Add("w1", "twice");
  EXPECT_EQ(Revisions(All({})), Range(1, 2));
}

TEST_F(ChangeServiceTest, TheFeedGoesOnWithNewChanges) {
  Fill(3);
  Watcher watcher(server_->caller(), 2);
  EXPECT_EQ(Revisions(watcher.Read(2)), Range(2, 3));
  for (int64_t revision = 4; revision < 10; ++revision) {
    Add("w1");
    EXPECT_THAT(Revisions(watcher.Read(1)), ElementsAre(revision));
  }
}

TEST_F(ChangeServiceTest, WithoutAStartTheFeedBeginsWithTheNextChange) {
  Fill(5);
  Watcher watcher(server_->caller(), 0);
  absl::Notification arrived;
  std::vector<Change> first;
  std::thread reader([&] {
    first = watcher.Read(1);
    arrived.Notify();
  });
  while (!arrived.HasBeenNotified()) Add("w1");
  reader.join();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_GT(first[0].revision(), 5);
}

TEST_F(ChangeServiceTest, AFollowerGoesOnAfterARestartFromAnyRevision) {
  Fill(20);
  server_->Restart();
  for (int64_t start = 1; start <= 20; ++start) {
    Watcher watcher(server_->caller(), start);
    EXPECT_EQ(Revisions(watcher.Read(static_cast<int>(21 - start))), Range(start, 20));
  }
  Watcher watcher(server_->caller(), 21);
  Add("w1");
  EXPECT_EQ(Revisions(watcher.Read(1)), Range(21, 21));
}

TEST_F(ChangeServiceTest, MoreThanIsReadAtOnceIsComplete) {
  BatchCreateWidgetsRequest batch;
  for (int i = 0; i < 900; ++i) {
    auto* entry = batch.add_requests();
    entry->set_widget_id(absl::StrCat("w", i));
    entry->mutable_widget()->set_title("One of many");
  }
  Must<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", batch);
  Watcher watcher(server_->caller(), 1);
  EXPECT_EQ(Revisions(watcher.Read(900)), Range(1, 900));
  Watcher last(server_->caller(), Request(1, "resource = \"widgets/w899\""));
  EXPECT_EQ(Revisions(last.Read(1)), Range(900, 900));
}

TEST_F(ChangeServiceTest, AFilterLeavesOut) {
  Create("w1");
  CreatePartRequest part;
  part.set_parent("widgets/w1");
  part.set_part_id("p1");
  part.mutable_part()->set_weight(9);
  Must<Part>("PartService/CreatePart", part);
  Create("w2");
  Delete("w2");
  Watcher parts(server_->caller(), Request(1, "resource_type = \"caravan.dev/Part\""));
  EXPECT_THAT(Revisions(parts.Read(1)), ElementsAre(2));
  Watcher deleted(server_->caller(), Request(1, "kind = DELETED"));
  EXPECT_THAT(Revisions(deleted.Read(1)), ElementsAre(4));
  Watcher two(server_->caller(), Request(1, "resource = \"widgets/w2\""));
  EXPECT_EQ(Revisions(two.Read(2)), Range(3, 4));
  const absl::Status status = WatchFails(Request(1, "colour = RED"));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(api::FieldsOf(status), Fields({"filter"}));
}

TEST_F(ChangeServiceTest, ProgressShowsHowFarTheFeedHasCome) {
  Fill(5);
  Watcher watcher(server_->caller(), Request(1, "kind = DELETED", true));
  std::vector<Change> progress = watcher.Read(1);
  ASSERT_THAT(Revisions(progress), ElementsAre(5));
  EXPECT_EQ(progress[0].kind(), Change::KIND_UNSPECIFIED);
  EXPECT_EQ(progress[0].resource(), "");
  EXPECT_FALSE(progress[0].has_after());
  Add("w1");
  EXPECT_THAT(Revisions(watcher.Read(1)), ElementsAre(6));
  Delete("w1");
  const std::vector<Change> deleted = watcher.Read(1);
  ASSERT_THAT(Revisions(deleted), ElementsAre(7));
  EXPECT_EQ(deleted[0].kind(), Change::DELETED);
}

TEST_F(ChangeServiceTest, EachSeesWhatTheyMayRead) {
  Create("w1", "firms/ann");    // 1
  SetOwner("w1", "firms/bob");  // 2: no longer Ann's
  Add("w1");                    // 3: nothing to her
  SetOwner("w1", "firms/ann");  // 4: hers again
  Create("w2", "firms/bob");    // 5: never hers
  Delete("w1");                 // 6

  const auto check_ann = [](const std::vector<Change>& changes) {
    ASSERT_THAT(Revisions(changes), ElementsAre(1, 2, 4, 6));
    EXPECT_EQ(OwnerIn(changes[0].after()), "firms/ann");
    EXPECT_EQ(OwnerIn(changes[1].before()), "firms/ann");
    EXPECT_FALSE(changes[1].has_after());
    EXPECT_FALSE(changes[2].has_before());
    EXPECT_EQ(OwnerIn(changes[2].after()), "firms/ann");
    EXPECT_EQ(OwnerIn(changes[3].before()), "firms/ann");
  };
  Watcher ann(server_->caller(), 1, {.principal = kAnn});
  check_ann(ann.Read(4));
  check_ann(All({}, {.principal = kAnn}));
  Watcher one(server_->caller(), 1, {.principal = kOne});
  EXPECT_THAT(Revisions(one.Read(5)), ElementsAre(1, 2, 3, 4, 6));
  EXPECT_THAT(Revisions(All({}, {.principal = kOne})), ElementsAre(1, 2, 3, 4, 6));
  EXPECT_THAT(All({}, {.principal = "users/nobody"}), IsEmpty());
  // What is hidden cannot be asked for by a filter either.
  ListChangesRequest asked;
  asked.set_filter("revision = 3");
  EXPECT_THAT(All(asked, {.principal = kAnn}), IsEmpty());
}

TEST_F(ChangeServiceTest, WhatIsNoLongerKeptCannotBeWatched) {
  Create("w1", "firms/ann");
  Add("w1");
  clock_.Advance(absl::Hours(24));
  Add("w1");
  Add("w1");
  ASSERT_THAT(server_->host().store().Expire(absl::InfinitePast(), clock_.Now()), IsOk());
  for (const int64_t start : {1, 2}) {
    const absl::Status status = WatchFails(start);
    EXPECT_THAT(status,
                FailsAt(StatusCode::kOutOfRange, "REVISION_EXPIRED", Fields({"start_revision"})));
    EXPECT_THAT(std::string(status.message()), HasSubstr("the oldest that is kept is 3"));
  }
  Watcher watcher(server_->caller(), 3);
  EXPECT_EQ(Revisions(watcher.Read(2)), Range(3, 4));

  // The audit log lasts longer than the images.
  std::vector<Change> log = All({});
  ASSERT_EQ(Revisions(log), Range(1, 4));
  EXPECT_EQ(log[0].method(), "caravan.testing.v1.WidgetService/CreateWidget");
  EXPECT_FALSE(log[0].has_after());
  EXPECT_TRUE(log[2].has_after());
  EXPECT_EQ(Revisions(All({}, {.principal = kOne})), Range(1, 4));
  // Whose they were can no longer be told.
  EXPECT_EQ(Revisions(All({}, {.principal = kAnn})), Range(3, 4));

  ASSERT_THAT(server_->host().store().Expire(clock_.Now(), clock_.Now()), IsOk());
  EXPECT_EQ(Revisions(All({})), Range(3, 4));
}

// The feed is empty then, and a follower must not take that for the end of it.
TEST_F(ChangeServiceTest, AFeedWhoseEntriesAreAllGoneEndsTheSlowFollower) {
  Fill(3);
  clock_.Advance(absl::Hours(24));
  ASSERT_THAT(server_->host().store().Expire(clock_.Now(), clock_.Now()), IsOk());
  EXPECT_THAT(WatchFails(3), Fails(StatusCode::kOutOfRange, "REVISION_EXPIRED"));
  Watcher watcher(server_->caller(), 4);
  Add("w1");
  EXPECT_EQ(Revisions(watcher.Read(1)), Range(4, 4));
}

TEST_F(ChangeServiceTest, TheFutureCannotBeWatched) {
  Fill(3);
  const absl::Status status = WatchFails(5);
  EXPECT_THAT(status,
              FailsAt(StatusCode::kOutOfRange, "REVISION_IN_FUTURE", Fields({"start_revision"})));
  EXPECT_THAT(std::string(status.message()), HasSubstr("start at 4 at the latest"));
  EXPECT_THAT(WatchFails(-1),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"start_revision"})));
}

TEST_F(ChangeServiceTest, ListsPageInBothDirections) {
  Fill(23);
  ListChangesRequest request;
  request.set_page_size(5);
  EXPECT_EQ(List(request)->changes_size(), 5);
  EXPECT_EQ(Revisions(All(request)), Range(1, 23));
  request.set_order_by("revision desc");
  std::vector<int64_t> descending = Range(1, 23);
  std::reverse(descending.begin(), descending.end());
  EXPECT_EQ(Revisions(All(request)), descending);
  request.set_filter("revision > 4 AND revision <= 9");
  EXPECT_THAT(Revisions(All(request)), ElementsAre(9, 8, 7, 6, 5));
}

TEST_F(ChangeServiceTest, ListsTheChangesOfAResource) {
  Create("w1");
  Create("w2");
  Add("w1");
  Add("w2");
  ListChangesRequest request;
  request.set_filter("resource = \"widgets/w2\"");
  EXPECT_THAT(Revisions(All(request)), ElementsAre(2, 4));
  request.set_page_size(1);
  request.set_order_by("revision desc");
  EXPECT_THAT(Revisions(All(request)), ElementsAre(4, 2));
  request.set_filter("resource = \"widgets/w2\" AND kind = CREATED");
  EXPECT_THAT(Revisions(All(request)), ElementsAre(2));
}

TEST_F(ChangeServiceTest, ListsRefuseWhatMakesNoSense) {
  Fill(3);
  ListChangesRequest request;
  request.set_filter("resource = ");
  const absl::Status filter = List(request).status();
  EXPECT_EQ(filter.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(api::FieldsOf(filter), Fields({"filter"}));
  request.clear_filter();
  for (const char* order : {"resource", "revision, resource"}) {
    request.set_order_by(order);
    EXPECT_THAT(List(request),
                FailsAt(StatusCode::kInvalidArgument, "INVALID_ORDER_BY", Fields({"order_by"})));
  }
  request.clear_order_by();
  request.set_page_size(-1);
  EXPECT_THAT(List(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"page_size"})));
  request.set_page_size(1);
  const std::string token = List(request)->next_page_token();
  request.set_page_token(token);
  request.set_order_by("revision desc");
  // Of another order; damaged; of this shape, but of no such order.
  for (const std::string& wrong : {token, std::string("!"), api::EncodePageToken({{}, "w1"}, "\n1"),
                                   api::EncodePageToken({{std::string("x")}, ""}, "\n1")}) {
    request.set_page_token(wrong);
    EXPECT_THAT(List(request), FailsAt(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN",
                                       Fields({"page_token"})));
  }
}

TEST_F(ChangeServiceTest, AStopOfTheServerEndsTheStreams) {
  Fill(2);
  Watcher watcher(server_->caller(), 1);
  std::vector<Change> seen = watcher.Read(2);
  Watcher idle(server_->caller(), Request(1, "kind = DELETED", true));
  ASSERT_EQ(idle.Read(1).size(), 1u);
  server_->Restart();
  for (Watcher* ended : {&watcher, &idle}) {
    const absl::Status status = ended->Finish();
    EXPECT_THAT(status, Fails(StatusCode::kUnavailable, "DRAINING"));
    google::rpc::RetryInfo retry;
    bool says_when = false;
    const google::rpc::Status rpc = api::ToRpcStatus(status);
    for (const auto& any : rpc.details()) says_when |= any.UnpackTo(&retry);
    EXPECT_TRUE(says_when);
  }
  Add("w1");
  Watcher resumed(server_->caller(), seen.back().revision() + 1);
  EXPECT_EQ(Revisions(resumed.Read(1)), Range(3, 3));
}

TEST_F(ChangeServiceTest, AllFollowersSeeTheSameSequence) {
  constexpr int kFollowers = 50;
  constexpr int kWriters = 4;
  constexpr int kEach = 20;
  constexpr int kChanges = kWriters * (kEach + 1);
  std::vector<std::vector<std::string>> seen(kFollowers);
  std::vector<std::thread> threads;
  for (auto& sequence : seen) {
    threads.emplace_back([this, &sequence] {
      Watcher watcher(server_->caller(), 1);
      for (const Change& change : watcher.Read(kChanges)) {
        sequence.push_back(change.SerializeAsString());
      }
    });
  }
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([this, i] {
      const std::string id = absl::StrCat("w", i);
      Create(id);
      for (int n = 0; n < kEach; ++n) Add(id);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(seen[0].size(), static_cast<size_t>(kChanges));
  for (const auto& sequence : seen) EXPECT_EQ(sequence, seen[0]);
  for (int i = 0; i < kChanges; ++i) {
    Change change;
    ASSERT_TRUE(change.ParseFromString(seen[0][static_cast<size_t>(i)]));
    EXPECT_EQ(change.revision(), i + 1);
  }
}

TEST_F(ChangeServiceTest, ASlowReaderHoldsNobodyUp) {
  // More than the windows of a connection hold: 24 changes of about 400 KB.
  constexpr int kChanges = 24;
  CreateWidgetRequest request;
  request.set_widget_id("w1");
  request.mutable_widget()->set_title("A large widget");
  for (int i = 0; i < 200; ++i) {
    (*request.mutable_widget()->mutable_labels())[absl::StrCat("l", i)] = std::string(1000, 'x');
  }
  Must<Widget>("WidgetService/CreateWidget", request);
  // On a connection of its own, so that what it does not read is its own affair.
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const testing::Caller slow_caller(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), own));
  Watcher slow(slow_caller, 1);
  ASSERT_EQ(slow.Read(1).size(), 1u);
  Watcher quick(server_->caller(), 1);
  for (int i = 1; i < kChanges; ++i) Add("w1");
  EXPECT_EQ(Revisions(quick.Read(kChanges)), Range(1, kChanges));
  EXPECT_EQ(Revisions(slow.Read(kChanges - 1)), Range(2, kChanges));
}

TEST_F(ChangeServiceTest, FollowersThatHaveGoneAreFreed) {
  Fill(1);
  const auto in_flight = [&](int n) {
    return absl::StrCat("grpc_server_in_flight{grpc_method=\"WatchChanges\",",
                        "grpc_service=\"caravan.api.v1.ChangeService\"} ", n, "\n");
  };
  const auto metrics = [&] { return server_->host().server_options().metrics->ToText(); };
  {
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (int i = 0; i < 20; ++i) {
      watchers.push_back(std::make_unique<Watcher>(server_->caller(), 1));
      ASSERT_EQ(watchers.back()->Read(1).size(), 1u);
    }
    EXPECT_THAT(metrics(), HasSubstr(in_flight(20)));
  }
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (metrics().find(in_flight(0)) == std::string::npos && absl::Now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_THAT(metrics(), HasSubstr(in_flight(0)));
}

}  // namespace
}  // namespace caravan::changes
