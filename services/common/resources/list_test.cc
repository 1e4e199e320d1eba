// Lists, on a made-up collection through a real server.
#include "services/common/resources/list.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::resources {
namespace {

using absl::StatusCode;
using testing::CallOptions;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using testing::IsOk;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

class ListTest : public ::testing::Test {
 protected:
  static constexpr int kWidgets = 137;

  static void SetUpTestSuite() {
    server_ = testing::TestServer::Start(
                  {.definition = testing::WidgetsDefinition(),
                   .access = testing::PolicyOf({{"users/admin", "*"},
                                                {"users/ann", "testing.widgets.list", "firms/ann"},
                                                {"users/one", "testing.widgets.*", "widgets/w7"},
                                                {"users/get", "testing.widgets.get", "*"}}),
                   .store = "",
                   .adjust = nullptr})
                  .release();
    LoadWidgetsRequest request;
    for (int i = 0; i < kWidgets; ++i) {
      auto* widget = request.add_widgets();
      widget->set_name(absl::StrCat("widgets/w", i));
      widget->set_title(absl::StrCat("Widget ", i));
      widget->set_size(i % 10);
      widget->set_color(i % 2 == 0 ? Widget::RED : Widget::GREEN);
      widget->set_owner(i % 5 == 0 ? "firms/ann" : "firms/bob");
      if (i % 3 == 0) widget->mutable_make()->set_country(i % 2 == 0 ? "CN" : "DE");
      widget->set_state(Widget::ACTIVE);
      // In force from the month i of 2020 on, for a year.
      auto* start = widget->mutable_start_date();
      start->set_year(2020 + i / 12);
      start->set_month(1 + i % 12);
      auto* end = widget->mutable_end_date();
      end->set_year(2021 + i / 12);
      end->set_month(1 + i % 12);
      if (i % 2 == 0) (*widget->mutable_labels())["even"] = "yes";
    }
    ASSERT_THAT(server_->Call<LoadWidgetsResponse>("WidgetService/LoadWidgets", request), IsOk());
  }
  static void TearDownTestSuite() { delete server_; }

  static absl::StatusOr<ListWidgetsResponse> Page(const ListWidgetsRequest& request,
                                                  const CallOptions& options = {}) {
    return server_->Call<ListWidgetsResponse>("WidgetService/ListWidgets", request, options);
  }

  // All pages; expects that no name comes twice.
  static std::vector<Widget> All(ListWidgetsRequest request, const CallOptions& options = {}) {
    std::vector<Widget> widgets;
    std::set<std::string> names;
    while (true) {
      auto page = Page(request, options);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return widgets;
      for (Widget& widget : *page->mutable_widgets()) {
        EXPECT_TRUE(names.insert(widget.name()).second) << widget.name();
        widgets.push_back(std::move(widget));
      }
      if (page->next_page_token().empty()) return widgets;
      request.set_page_token(page->next_page_token());
    }
  }

  static testing::TestServer* server_;
};

testing::TestServer* ListTest::server_ = nullptr;

TEST_F(ListTest, PagesHaveFiftyUnlessAskedOtherwise) {
  ListWidgetsRequest request;
  EXPECT_EQ(Page(request)->widgets_size(), 50);
  request.set_page_size(7);
  EXPECT_EQ(Page(request)->widgets_size(), 7);
  request.set_page_size(100'000);
  EXPECT_EQ(Page(request)->widgets_size(), kWidgets);
  EXPECT_EQ(Page(request)->next_page_token(), "");
  request.set_page_size(-1);
  EXPECT_THAT(Page(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"page_size"})));
}

TEST_F(ListTest, ByNameUnlessOrderedOtherwise) {
  ListWidgetsRequest request;
  request.set_page_size(10);
  std::vector<Widget> widgets = All(request);
  ASSERT_EQ(widgets.size(), kWidgets);
  EXPECT_TRUE(std::is_sorted(widgets.begin(), widgets.end(),
                             [](const auto& a, const auto& b) { return a.name() < b.name(); }));
  request.set_order_by("name desc");
  widgets = All(request);
  ASSERT_EQ(widgets.size(), kWidgets);
  EXPECT_EQ(widgets.front().name(), "widgets/w99");
}

TEST_F(ListTest, OrdersByIndexedFields) {
  for (const char* order : {"size", "size desc", "color desc, size", "make.country, size desc",
                            "start_date desc, name"}) {
    ListWidgetsRequest request;
    request.set_page_size(10);
    request.set_order_by(order);
    EXPECT_EQ(All(request).size(), kWidgets) << order;
  }
  ListWidgetsRequest request;
  request.set_order_by("size desc, start_date");
  std::vector<Widget> widgets = All(request);
  for (size_t i = 1; i < widgets.size(); ++i) {
    EXPECT_GE(widgets[i - 1].size(), widgets[i].size());
  }
  request.set_order_by("title");
  EXPECT_THAT(Page(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_ORDER_BY", Fields({"order_by"})));
  request.set_order_by("weight");
  EXPECT_THAT(Page(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_ORDER_BY", Fields({"order_by"})));
}

TEST_F(ListTest, FiltersAgreeWithCounting) {
  const auto count = [](const std::string& filter) {
    ListWidgetsRequest request;
    request.set_page_size(9);
    request.set_filter(filter);
    return All(request).size();
  };
  EXPECT_EQ(count("size = 3"), 14u);
  EXPECT_EQ(count("size >= 3 AND size < 5"), 28u);
  EXPECT_EQ(count("color = RED"), 69u);
  EXPECT_EQ(count("NOT color = RED"), 68u);
  EXPECT_EQ(count("make.country = \"CN\""), 23u);
  EXPECT_EQ(count("make:*"), 46u);
  EXPECT_EQ(count("labels.even = yes"), 69u);
  EXPECT_EQ(count("title = \"Widget 1*\""), 48u);
  EXPECT_EQ(count("start_date < 2021-01"), 12u);
  EXPECT_EQ(count("name = \"widgets/w7\""), 1u);
  EXPECT_EQ(count("size = 77"), 0u);
  EXPECT_EQ(count("(size = 1 OR size = 2) color = GREEN"), 14u);
}

TEST_F(ListTest, BrokenFiltersAreRefused) {
  for (const char* filter : {"size =", "size = x", "wheight = 1", "(size = 1", "color = BLUE",
                             "f(x)", "size = 1 AND", "\"open"}) {
    ListWidgetsRequest request;
    request.set_filter(filter);
    EXPECT_THAT(Page(request),
                FailsAt(StatusCode::kInvalidArgument, "INVALID_FILTER", Fields({"filter"})))
        << filter;
  }
}

TEST_F(ListTest, OnADay) {
  ListWidgetsRequest request;
  request.mutable_effective_date()->set_year(2021);
  request.mutable_effective_date()->set_month(3);
  request.mutable_effective_date()->set_day(31);
  // From 2020-04 (w3) to 2021-03 (w14).
  EXPECT_EQ(All(request).size(), 12u);
  request.mutable_effective_date()->set_year(2019);
  EXPECT_EQ(All(request).size(), 0u);
  request.mutable_effective_date()->set_month(13);
  EXPECT_THAT(Page(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"effective_date"})));
}

TEST_F(ListTest, ForeignPageTokensAreRefused) {
  ListWidgetsRequest request;
  const std::string token = Page(request)->next_page_token();
  ASSERT_FALSE(token.empty());
  request.set_page_token(token);
  request.set_filter("size = 1");
  EXPECT_THAT(Page(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN", Fields({"page_token"})));
  request.clear_filter();
  request.set_order_by("size");
  EXPECT_THAT(Page(request), Fails(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
  request.clear_order_by();
  request.set_page_token("garbage");
  EXPECT_THAT(Page(request), Fails(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
  request.set_page_token(token);
  request.set_page_size(3);
  EXPECT_THAT(Page(request), IsOk());
}

TEST_F(ListTest, OnlyWhatTheCallerMayRead) {
  ListWidgetsRequest request;
  request.set_page_size(4);
  std::vector<Widget> widgets = All(request, {.principal = "users/ann"});
  EXPECT_EQ(widgets.size(), 28u);
  for (const Widget& widget : widgets) EXPECT_EQ(widget.owner(), "firms/ann");
  widgets = All(request, {.principal = "users/one"});
  ASSERT_EQ(widgets.size(), 1u);
  EXPECT_EQ(widgets[0].name(), "widgets/w7");
  EXPECT_THAT(Page(request, {.principal = "users/get"}),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

}  // namespace
}  // namespace caravan::resources
