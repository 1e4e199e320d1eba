// Pending actions, on a made-up collection through a real server.
#include "services/common/pending/pending_action_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/api/v1/pending_actions.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/resources/list.h"
#include "services/common/testing/made_up_contract.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::pending {
namespace {

using absl::StatusCode;
using api::v1::ListPendingActionsRequest;
using api::v1::ListPendingActionsResponse;
using api::v1::PendingAction;
using testing::CallOptions;
using ::testing::ElementsAre;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr char kMaker[] = "users/maker";      // activates what the firm owns
constexpr char kCounter[] = "users/counter";  // counts everything
constexpr char kKeeper[] = "users/keeper";    // activates and retires everything
constexpr char kOne[] = "users/one";          // does everything with z1 and what is below
constexpr char kNobody[] = "users/nobody";

class PendingActionsTest : public ::testing::Test {
 protected:
  PendingActionsTest()
      : clock_(absl::FromCivil(absl::CivilSecond(2026, 3, 10, 4), absl::UTCTimeZone())),
        server_(testing::TestServer::Start(
            {.definition = testing::WidgetsDefinition(),
             .access = testing::PolicyOf({{"users/admin", "*"},
                                          {kMaker, "testing.widgets.activate", "firms/a"},
                                          {kCounter, "testing.widgets.add"},
                                          {kKeeper, "testing.widgets.activate"},
                                          {kKeeper, "testing.widgets.retire"},
                                          {kOne, "testing.widgets.*", "widgets/z1"}}),
             .store = "",
             .clock = clock_.AsFunction(),
             .adjust = nullptr})) {}

  // Adds a widget to those that Load sends; `due` is a day of 2026, yyyymmdd less
  // the year, 0 for none.
  void Add(const std::string& id, const std::string& owner, Widget::State state, int due = 0,
           const std::string& maker = "") {
    auto* widget = load_.add_widgets();
    widget->set_name(absl::StrCat("widgets/", id));
    widget->set_title(id);
    widget->set_owner(owner);
    widget->set_state(state);
    widget->set_maker(maker);
    if (due == 0) return;
    widget->mutable_due_date()->set_year(2026);
    widget->mutable_due_date()->set_month(due / 100);
    widget->mutable_due_date()->set_day(due % 100);
  }

  void Load() {
    ASSERT_THAT(server_->Call<LoadWidgetsResponse>("WidgetService/LoadWidgets", load_), IsOk());
    load_.Clear();
  }

  absl::StatusOr<ListPendingActionsResponse> List(const std::string& principal,
                                                  const std::string& filter = "", int page_size = 0,
                                                  const std::string& token = "") {
    ListPendingActionsRequest request;
    request.set_filter(filter);
    request.set_page_size(page_size);
    request.set_page_token(token);
    return server_->Call<ListPendingActionsResponse>("PendingActionService/ListPendingActions",
                                                     request, {.principal = principal});
  }

  // The ids of the resources on all pages.
  std::vector<std::string> Ids(const std::string& principal, const std::string& filter = "",
                               int page_size = 0) {
    std::vector<std::string> ids;
    std::string token;
    do {
      auto page = List(principal, filter, page_size, token);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      EXPECT_LE(page->pending_actions_size(),
                page_size > 0 ? page_size : resources::kDefaultPageSize);
      for (const PendingAction& action : page->pending_actions()) {
        ids.push_back(action.resource().substr(action.resource().find('/') + 1));
      }
      token = page->next_page_token();
    } while (!token.empty());
    return ids;
  }

  testing::TestClock clock_;
  std::unique_ptr<testing::TestServer> server_;
  LoadWidgetsRequest load_;
};

TEST_F(PendingActionsTest, AreTheCallersOwnByDueDateThenName) {
  Add("w1", "firms/a", Widget::DRAFT);
  Add("w2", "firms/a", Widget::DRAFT, 501);
  Add("w3", "firms/a", Widget::DRAFT, 301);
  Add("w4", "firms/a", Widget::ACTIVE, 201);  // waits for others
  Add("w5", "firms/b", Widget::DRAFT, 101);   // another firm's
  Add("w6", "firms/a", Widget::RETIRED, 101);
  Add("w0", "firms/a", Widget::DRAFT, 501);
  Load();
  EXPECT_THAT(Ids(kMaker), ElementsAre("w3", "w0", "w2", "w1"));
  EXPECT_THAT(Ids(kCounter), ElementsAre("w4"));
  EXPECT_THAT(Ids(kKeeper), ElementsAre("w5", "w3", "w0", "w2", "w1"));
  EXPECT_THAT(Ids(kNobody), IsEmpty());
  EXPECT_THAT(Ids("users/admin"), ElementsAre("w5", "w3", "w0", "w2", "w1", "w4"));
}

TEST_F(PendingActionsTest, SayWhatIsToBeDoneUntilWhen) {
  Add("w1", "firms/a", Widget::DRAFT, 309);
  Add("w2", "firms/a", Widget::DRAFT, 310);
  Add("w3", "firms/a", Widget::ACTIVE);
  Load();
  auto own = List(kMaker);
  ASSERT_THAT(own, IsOk());
  ASSERT_EQ(own->pending_actions_size(), 2);
  const PendingAction& first = own->pending_actions(0);
  EXPECT_EQ(first.resource(), "widgets/w1");
  EXPECT_EQ(first.resource_type(), "caravan.dev/Widget");
  EXPECT_EQ(first.state(), "DRAFT");
  EXPECT_THAT(first.methods(), ElementsAre("caravan.testing.v1.WidgetService/ActivateWidget"));
  EXPECT_EQ(first.due_date().year(), 2026);
  EXPECT_EQ(first.due_date().month(), 3);
  EXPECT_EQ(first.due_date().day(), 9);
  EXPECT_TRUE(first.overdue());
  EXPECT_FALSE(own->pending_actions(1).overdue());  // it is the tenth
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(List(kMaker)->pending_actions(1).overdue());

  auto counted = List(kCounter);
  ASSERT_THAT(counted, IsOk());
  ASSERT_EQ(counted->pending_actions_size(), 1);
  EXPECT_FALSE(counted->pending_actions(0).has_due_date());
  EXPECT_FALSE(counted->pending_actions(0).overdue());
  EXPECT_THAT(List(kKeeper)->pending_actions(0).methods(),
              ElementsAre("caravan.testing.v1.WidgetService/ActivateWidget",
                          "caravan.testing.v1.WidgetService/RetireWidget"));
}

TEST_F(PendingActionsTest, GoWhenTheyAreDone) {
  Add("w1", "firms/a", Widget::DRAFT);
  Load();
  ASSERT_THAT(Ids(kMaker), ElementsAre("w1"));
  ActivateWidgetRequest activate;
  activate.set_name("widgets/w1");
  activate.mutable_start_date()->set_year(2026);
  ASSERT_THAT(
      server_->Call<Widget>("WidgetService/ActivateWidget", activate, {.principal = kMaker}),
      IsOk());
  EXPECT_THAT(Ids(kMaker), IsEmpty());
  EXPECT_THAT(Ids(kCounter), ElementsAre("w1"));
}

TEST_F(PendingActionsTest, LeaveOutWhomFourEyesExclude) {
  Add("w1", "firms/a", Widget::DRAFT, 0, kKeeper);
  Add("w2", "firms/a", Widget::DRAFT, 0, "users/other");
  Load();
  auto actions = List(kKeeper);
  ASSERT_THAT(actions, IsOk());
  ASSERT_EQ(actions->pending_actions_size(), 2);
  EXPECT_THAT(actions->pending_actions(0).methods(),
              ElementsAre("caravan.testing.v1.WidgetService/ActivateWidget"));
  EXPECT_EQ(actions->pending_actions(1).methods_size(), 2);
}

TEST_F(PendingActionsTest, PagesNeitherSkipNorRepeat) {
  for (int i = 0; i < 23; ++i) {
    Add(absl::StrCat("w", 10 + i), i % 2 == 0 ? "firms/a" : "firms/b",
        i % 3 == 0 ? Widget::ACTIVE : Widget::DRAFT, i % 4 == 0 ? 0 : 101 + i % 5);
  }
  Load();
  const std::vector<std::string> all = Ids("users/admin");
  ASSERT_EQ(all.size(), 23u);
  for (int page_size : {1, 2, 3, 7, 22, 23, 24}) {
    EXPECT_EQ(Ids("users/admin", "", page_size), all) << page_size;
  }
}

TEST_F(PendingActionsTest, AFilterChooses) {
  Add("w1", "firms/a", Widget::DRAFT, 101);
  Add("w2", "firms/a", Widget::DRAFT, 1201);
  Add("w3", "firms/a", Widget::ACTIVE);
  Load();
  EXPECT_THAT(Ids("users/admin", "overdue = true"), ElementsAre("w1"));
  EXPECT_THAT(Ids("users/admin", "due_date < 2026-12-31", 1), ElementsAre("w1", "w2"));
  EXPECT_THAT(Ids("users/admin", "state = \"ACTIVE\""), ElementsAre("w3"));
  EXPECT_THAT(List("users/admin", "nothing = 1"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FILTER", Fields({"filter"})));
}

TEST_F(PendingActionsTest, ATokenIsBoundToItsRequest) {
  Add("w1", "firms/a", Widget::DRAFT);
  Add("w2", "firms/a", Widget::DRAFT);
  Load();
  const auto refused = [] {
    return FailsAt(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN", Fields({"page_token"}));
  };
  auto page = List(kMaker, "", 1);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(List(kMaker, "", 1, page->next_page_token()), IsOk());
  EXPECT_THAT(List(kMaker, "overdue = true", 1, page->next_page_token()), refused());
  EXPECT_THAT(List(kMaker, "", 1, "nonsense"), refused());
  EXPECT_THAT(List(kMaker, "", -1),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"page_size"})));
}

// The caller may act on one of very many, and no index says on which.
TEST_F(PendingActionsTest, APageComesShortRatherThanLate) {
  for (int64_t i = 0; i < resources::kScanBudget / 2 + 1000; ++i) {
    Add(absl::StrCat("w", i), "firms/b", Widget::ACTIVE);
    if (load_.widgets_size() == 1000) Load();
  }
  Add("z1", "firms/b", Widget::ACTIVE);
  Add("z2", "firms/b", Widget::ACTIVE);
  Load();
  auto page = List(kOne);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->pending_actions(), IsEmpty());
  EXPECT_NE(page->next_page_token(), "");
  EXPECT_THAT(Ids(kOne), ElementsAre("z1"));
}

struct Refused {
  const char* why;
  const char* request;
  std::vector<std::string> states;
  const char* due;
};

class RefusedPendingTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedPendingTest, IsRefusedAtStart) {
  const Refused& refused = GetParam();
  testing::MadeUpContract contract("RefusedPending");
  auto* first = contract.Add("FirstWidget", "RetireWidgetRequest", "Widget")
                    .mutable_options()
                    ->MutableExtension(api::v1::pending);
  first->add_states("ACTIVE");
  auto* pending = contract.Add("AwaitWidget", refused.request, "Widget")
                      .mutable_options()
                      ->MutableExtension(api::v1::pending);
  for (const std::string& state : refused.states) pending->add_states(state);
  pending->set_due(refused.due);
  resources::Registry registry;
  registry.Add<Widget>().Add<Part>();
  const auto queues = QueuesOf(registry, {&contract.Build()});
  EXPECT_EQ(queues.status().code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(queues.status().message()), HasSubstr("RefusedPending.AwaitWidget"));
  EXPECT_THAT(std::string(queues.status().message()), HasSubstr(refused.why));
}

INSTANTIATE_TEST_SUITE_P(
    Contracts, RefusedPendingTest,
    ::testing::Values(
        Refused{"cannot wait in a state GONE", "RetireWidgetRequest", {"GONE"}, ""},
        Refused{"wait in no state", "RetireWidgetRequest", {}, ""},
        Refused{"names no resource", "SumWidgetsRequest", {"DRAFT"}, ""},
        Refused{"names no resource that has a state", "GetPartRequest", {"DRAFT"}, ""},
        Refused{"needs an index on end_date", "RetireWidgetRequest", {"DRAFT"}, "end_date"},
        Refused{"is no google.type.Date", "RetireWidgetRequest", {"DRAFT"}, "size"},
        Refused{"due otherwise", "RetireWidgetRequest", {"DRAFT", "ACTIVE"}, "due_date"}));

TEST(PendingContractTest, ATransitionIsAwaitedWhereItMayBeCalled) {
  testing::MadeUpContract contract("PendingTransition");
  auto& method = contract.Add("AwaitWidget", "RetireWidgetRequest", "Widget");
  auto* transition = method.mutable_options()->MutableExtension(api::v1::transition);
  transition->add_from("DRAFT");
  transition->set_to("RETIRED");
  method.mutable_options()->MutableExtension(api::v1::pending)->add_states("ACTIVE");
  resources::Registry registry;
  registry.Add<Widget>();
  const auto queues = QueuesOf(registry, {&contract.Build()});
  EXPECT_THAT(std::string(queues.status().message()), HasSubstr("not be called from ACTIVE"));
}

}  // namespace
}  // namespace caravan::pending
