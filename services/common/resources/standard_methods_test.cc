// The standard methods, on a made-up collection through a real server.
#include "services/common/resources/standard_methods.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "google/protobuf/empty.pb.h"
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

class StandardMethodsTest : public ::testing::Test {
 protected:
  StandardMethodsTest()
      : clock_(absl::FromUnixSeconds(1'700'000'000)),
        server_(testing::TestServer::Start({.definition = testing::WidgetsDefinition(),
                                            .access = {},
                                            .store = "",
                                            .clock = clock_.AsFunction(),
                                            .adjust = nullptr})) {}

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const CallOptions& options = {}) {
    return server_->Call<Response>(method, request, options);
  }

  static CreateWidgetRequest Creation(const std::string& id, int size = 1) {
    CreateWidgetRequest request;
    request.set_widget_id(id);
    request.mutable_widget()->set_title("A widget");
    request.mutable_widget()->set_size(size);
    return request;
  }

  Widget Create(const std::string& id, int size = 1) {
    auto widget = Call<Widget>("WidgetService/CreateWidget", Creation(id, size));
    EXPECT_THAT(widget, IsOk());
    return widget.value_or(Widget());
  }

  absl::StatusOr<Widget> Get(const std::string& name) {
    GetWidgetRequest request;
    request.set_name(name);
    return Call<Widget>("WidgetService/GetWidget", request);
  }

  absl::StatusOr<Widget> Update(const Widget& widget, std::vector<std::string> paths) {
    UpdateWidgetRequest request;
    *request.mutable_widget() = widget;
    for (auto& path : paths) request.mutable_update_mask()->add_paths(path);
    return Call<Widget>("WidgetService/UpdateWidget", request);
  }

  absl::Status Delete(const std::string& name, const std::string& etag = "") {
    DeleteWidgetRequest request;
    request.set_name(name);
    request.set_etag(etag);
    return Call<google::protobuf::Empty>("WidgetService/DeleteWidget", request).status();
  }

  testing::TestClock clock_;
  std::unique_ptr<testing::TestServer> server_;
};

TEST_F(StandardMethodsTest, CreatesWithWhatTheSystemSets) {
  CreateWidgetRequest request = Creation("w1", 7);
  // Ignored on input.
  request.mutable_widget()->set_name("widgets/other");
  request.mutable_widget()->set_state(Widget::RETIRED);
  request.mutable_widget()->mutable_make()->set_country("DE");
  request.mutable_widget()->mutable_make()->set_stamp("mine");
  auto widget = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(widget, IsOk());
  EXPECT_EQ(widget->name(), "widgets/w1");
  EXPECT_EQ(widget->size(), 7);
  EXPECT_EQ(widget->state(), Widget::DRAFT);
  EXPECT_EQ(widget->make().country(), "DE");
  EXPECT_EQ(widget->make().stamp(), "");
  EXPECT_EQ(widget->create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(widget->update_time().seconds(), 1'700'000'000);
  EXPECT_FALSE(widget->etag().empty());
  auto read = Get("widgets/w1");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->SerializeAsString(), widget->SerializeAsString());
}

TEST_F(StandardMethodsTest, GeneratesIdsWhereNobodyChoseOne) {
  auto one = Call<Widget>("WidgetService/CreateWidget", Creation(""));
  auto two = Call<Widget>("WidgetService/CreateWidget", Creation(""));
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_NE(one->name(), two->name());
}

TEST_F(StandardMethodsTest, RefusesATakenId) {
  Create("w1");
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", Creation("w1")),
              FailsAt(StatusCode::kAlreadyExists, "RESOURCE_EXISTS", Fields({"widget_id"})));
}

TEST_F(StandardMethodsTest, RefusesMalformedIdsAndNames) {
  for (const char* id : {"W1", "-w", "w-", "a/b", "ü", "a b"}) {
    EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", Creation(id)),
                FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"widget_id"})))
        << id;
  }
  for (const char* name : {"widget/w1", "widgets/", "widgets/w1/", "w1", "widgets/W1"}) {
    EXPECT_THAT(Get(name),
                FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"name"})))
        << name;
  }
  EXPECT_THAT(Get(""), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"name"})));
}

TEST_F(StandardMethodsTest, ReportsAllViolationsTogether) {
  CreateWidgetRequest request = Creation("w1", 1001);
  Widget& widget = *request.mutable_widget();
  widget.set_title("much too long a title, with a comma");
  widget.mutable_make()->set_country("XX");
  for (const char* tag : {"a", "b", "a"}) widget.add_tags(tag);
  widget.set_color(static_cast<Widget::Color>(77));
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"widget.title", "widget.size", "widget.color", "widget.make.country",
                              "widget.tags[2]"})));
  EXPECT_THAT(Get("widgets/w1"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(StandardMethodsTest, MissingRequiredFields) {
  CreateWidgetRequest request;
  request.set_widget_id("w1");
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"widget"})));
  request.mutable_widget()->mutable_make();
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"widget.title", "widget.make.country"})));
}

TEST_F(StandardMethodsTest, UpdatesByMask) {
  Widget widget = Create("w1", 5);
  widget.set_title("New");
  widget.set_size(6);
  clock_.Advance(absl::Seconds(10));
  auto updated = Update(widget, {"title"});
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->title(), "New");
  EXPECT_EQ(updated->size(), 5);
  EXPECT_EQ(updated->create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(updated->update_time().seconds(), 1'700'000'010);
  EXPECT_NE(updated->etag(), widget.etag());
}

TEST_F(StandardMethodsTest, AnAbsentMaskMeansTheFieldsThatAreSet) {
  Create("w1", 5);
  Widget change;
  change.set_name("widgets/w1");
  change.set_title("New");
  auto updated = Update(change, {});
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->title(), "New");
  EXPECT_EQ(updated->size(), 5);
}

TEST_F(StandardMethodsTest, AStarReplacesAll) {
  Create("w1", 5);
  Widget change;
  change.set_name("widgets/w1");
  change.set_title("New");
  auto updated = Update(change, {"*"});
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->size(), 0);
  EXPECT_EQ(updated->state(), Widget::DRAFT);
}

TEST_F(StandardMethodsTest, AnUpdateThatChangesNothingWritesNothing) {
  Widget widget = Create("w1", 5);
  clock_.Advance(absl::Seconds(10));
  auto updated = Update(widget, {"title", "size"});
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->SerializeAsString(), widget.SerializeAsString());
}

TEST_F(StandardMethodsTest, RefusesUnknownMaskPaths) {
  Widget widget = Create("w1");
  EXPECT_THAT(Update(widget, {"title", "weight"}),
              Fails(StatusCode::kInvalidArgument, "INVALID_UPDATE_MASK"));
}

TEST_F(StandardMethodsTest, AnUpdateMustLeaveACompleteResource) {
  Widget widget = Create("w1");
  widget.clear_title();
  EXPECT_THAT(Update(widget, {"title"}),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"widget.title"})));
}

TEST_F(StandardMethodsTest, ImmutableFieldsStay) {
  CreateWidgetRequest request = Creation("w1");
  request.mutable_widget()->set_serial("s1");
  auto widget = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(widget, IsOk());
  widget->set_serial("s2");
  EXPECT_THAT(Update(*widget, {"serial"}),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"widget.serial"})));
}

TEST_F(StandardMethodsTest, AStaleEtagIsRefused) {
  const Widget first = Create("w1");
  Widget second = first;
  second.set_size(2);
  ASSERT_THAT(Update(second, {"size"}), IsOk());
  Widget late = first;
  late.set_size(3);
  EXPECT_THAT(Update(late, {"size"}),
              FailsAt(StatusCode::kAborted, "ETAG_MISMATCH", Fields({"widget.etag"})));
  EXPECT_THAT(Delete("widgets/w1", first.etag()),
              FailsAt(StatusCode::kAborted, "ETAG_MISMATCH", Fields({"etag"})));
  EXPECT_EQ(Get("widgets/w1")->size(), 2);
}

TEST_F(StandardMethodsTest, AllowMissingCreates) {
  UpdateWidgetRequest request;
  request.mutable_widget()->set_name("widgets/w9");
  request.mutable_widget()->set_title("Nine");
  EXPECT_THAT(Call<Widget>("WidgetService/UpdateWidget", request),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.set_allow_missing(true);
  auto created = Call<Widget>("WidgetService/UpdateWidget", request);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->state(), Widget::DRAFT);
  EXPECT_THAT(Get("widgets/w9"), IsOk());
}

TEST_F(StandardMethodsTest, Deletes) {
  Create("w1");
  EXPECT_THAT(Delete("widgets/w1"), IsOk());
  EXPECT_THAT(Get("widgets/w1"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Delete("widgets/w1"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  DeleteWidgetRequest request;
  request.set_name("widgets/w1");
  request.set_allow_missing(true);
  EXPECT_THAT(Call<google::protobuf::Empty>("WidgetService/DeleteWidget", request), IsOk());
}

TEST_F(StandardMethodsTest, ReferencesAreCheckedAndGuarded) {
  CreateWidgetRequest request = Creation("w2");
  request.mutable_widget()->set_base("widgets/w1");
  EXPECT_THAT(
      Call<Widget>("WidgetService/CreateWidget", request),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"widget.base"})));
  Create("w1");
  auto widget = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(widget, IsOk());
  absl::Status refused = Delete("widgets/w1");
  EXPECT_THAT(refused, Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
  EXPECT_THAT(refused.message(), ::testing::HasSubstr("widgets/w2"));
  widget->clear_base();
  ASSERT_THAT(Update(*widget, {"base"}), IsOk());
  EXPECT_THAT(Delete("widgets/w1"), IsOk());
}

TEST_F(StandardMethodsTest, AResourceMayReferToItselfAndBeDeleted) {
  Create("w1");
  Widget widget = *Get("widgets/w1");
  widget.set_base("widgets/w1");
  ASSERT_THAT(Update(widget, {"base"}), IsOk());
  EXPECT_THAT(Delete("widgets/w1"), IsOk());
}

TEST_F(StandardMethodsTest, NestedCollectionsHaveParents) {
  CreatePartRequest request;
  request.set_parent("widgets/w1");
  request.set_part_id("p1");
  request.mutable_part()->set_weight(3);
  EXPECT_THAT(Call<Part>("PartService/CreatePart", request),
              Fails(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND"));
  Create("w1");
  auto part = Call<Part>("PartService/CreatePart", request);
  ASSERT_THAT(part, IsOk());
  EXPECT_EQ(part->name(), "widgets/w1/parts/p1");
  EXPECT_THAT(Delete("widgets/w1"), Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
  Create("w2");
  request.set_parent("widgets/w2");
  ASSERT_THAT(Call<Part>("PartService/CreatePart", request), IsOk());

  ListPartsRequest list;
  list.set_parent("widgets/w1");
  auto some = Call<ListPartsResponse>("PartService/ListParts", list);
  ASSERT_THAT(some, IsOk());
  EXPECT_EQ(some->parts_size(), 1);
  list.set_parent("widgets/-");
  auto all = Call<ListPartsResponse>("PartService/ListParts", list);
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(all->parts_size(), 2);
  list.set_parent("gadgets/g");
  EXPECT_THAT(Call<ListPartsResponse>("PartService/ListParts", list),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"parent"})));
}

TEST_F(StandardMethodsTest, ValidateOnlyChangesNothing) {
  CreateWidgetRequest request = Creation("w1");
  request.set_validate_only(true);
  auto widget = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(widget, IsOk());
  EXPECT_EQ(widget->name(), "widgets/w1");
  EXPECT_THAT(Get("widgets/w1"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.mutable_widget()->set_size(-1);
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"widget.size"})));
}

TEST_F(StandardMethodsTest, ARequestIdGivesTheFirstAnswer) {
  CreateWidgetRequest request = Creation("w1");
  request.set_request_id("r1");
  auto first = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(first, IsOk());
  Widget change = *first;
  change.set_size(9);
  ASSERT_THAT(Update(change, {"size"}), IsOk());
  server_->Restart();
  auto second = Call<Widget>("WidgetService/CreateWidget", request);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
  // Another body, another principal, another day.
  request.mutable_widget()->set_size(3);
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              FailsAt(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED", Fields({"request_id"})));
  clock_.Advance(absl::Hours(25));
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              Fails(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
}

TEST_F(StandardMethodsTest, ARequestIdOfAnUpdateThatChangedNothing) {
  Widget widget = Create("w1");
  UpdateWidgetRequest request;
  *request.mutable_widget() = widget;
  request.mutable_widget()->clear_etag();
  request.set_request_id("r1");
  auto first = Call<Widget>("WidgetService/UpdateWidget", request);
  ASSERT_THAT(first, IsOk());
  widget.set_size(8);
  ASSERT_THAT(Update(widget, {"size"}), IsOk());
  auto second = Call<Widget>("WidgetService/UpdateWidget", request);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
}

TEST_F(StandardMethodsTest, FailuresAreNotKept) {
  CreateWidgetRequest request = Creation("w1", 5000);
  request.set_request_id("r1");
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request),
              Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  request.mutable_widget()->set_size(5);
  EXPECT_THAT(Call<Widget>("WidgetService/CreateWidget", request), IsOk());
}

TEST_F(StandardMethodsTest, BatchesAreAllOrNothing) {
  BatchCreateWidgetsRequest request;
  request.set_request_id("batch");
  for (int i = 0; i < 3; ++i) *request.add_requests() = Creation(absl::StrCat("w", i), i + 1);
  request.mutable_requests(1)->mutable_widget()->set_size(2000);
  request.mutable_requests(2)->mutable_widget()->clear_title();
  EXPECT_THAT(Call<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"requests[1].widget.size", "requests[2].widget.title"})));
  EXPECT_THAT(Get("widgets/w0"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.mutable_requests(1)->mutable_widget()->set_size(2);
  request.mutable_requests(2)->mutable_widget()->set_title("Two");
  auto created = Call<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", request);
  ASSERT_THAT(created, IsOk());
  ASSERT_EQ(created->widgets_size(), 3);
  EXPECT_EQ(created->widgets(2).name(), "widgets/w2");
  auto again = Call<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->SerializeAsString(), created->SerializeAsString());

  BatchGetWidgetsRequest get;
  get.add_names("widgets/w2");
  get.add_names("widgets/w0");
  auto got = Call<BatchGetWidgetsResponse>("WidgetService/BatchGetWidgets", get);
  ASSERT_THAT(got, IsOk());
  ASSERT_EQ(got->widgets_size(), 2);
  EXPECT_EQ(got->widgets(0).name(), "widgets/w2");
  get.add_names("widgets/none");
  EXPECT_THAT(Call<BatchGetWidgetsResponse>("WidgetService/BatchGetWidgets", get),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  BatchUpdateWidgetsRequest update;
  auto* entry = update.add_requests();
  entry->mutable_widget()->set_name("widgets/w0");
  entry->mutable_widget()->set_size(99);
  entry->set_request_id("mine");
  EXPECT_THAT(
      Call<BatchUpdateWidgetsResponse>("WidgetService/BatchUpdateWidgets", update),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"requests[0].request_id"})));
  entry->clear_request_id();
  auto updated = Call<BatchUpdateWidgetsResponse>("WidgetService/BatchUpdateWidgets", update);
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->widgets(0).size(), 99);
}

TEST_F(StandardMethodsTest, ABatchMayHaveAThousandEntries) {
  BatchGetWidgetsRequest get;
  for (int i = 0; i < 1001; ++i) get.add_names(absl::StrCat("widgets/w", i));
  EXPECT_THAT(Call<BatchGetWidgetsResponse>("WidgetService/BatchGetWidgets", get),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"names"})));
}

TEST_F(StandardMethodsTest, LoadingARegisterSetsStatesAndDates) {
  LoadWidgetsRequest request;
  auto* widget = request.add_widgets();
  widget->set_name("widgets/w1");
  widget->set_title("Loaded");
  widget->set_state(Widget::RETIRED);
  widget->mutable_start_date()->set_year(2020);
  auto loaded = Call<LoadWidgetsResponse>("WidgetService/LoadWidgets", request);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->widgets(0).state(), Widget::RETIRED);
  EXPECT_EQ(loaded->widgets(0).start_date().year(), 2020);
  // Loading again replaces.
  widget->clear_start_date();
  widget->clear_state();
  loaded = Call<LoadWidgetsResponse>("WidgetService/LoadWidgets", request);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->widgets(0).state(), Widget::DRAFT);
  EXPECT_FALSE(loaded->widgets(0).has_start_date());
  widget->set_name("widgets/UPPER");
  EXPECT_THAT(Call<LoadWidgetsResponse>("WidgetService/LoadWidgets", request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"widgets[0].name"})));
}

}  // namespace
}  // namespace caravan::resources
