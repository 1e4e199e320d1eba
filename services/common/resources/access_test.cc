// Who may do what, on made-up collections through a real server.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "caravan/api/v1/changes.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::resources {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using testing::Fails;
using testing::IsOk;
using testing::PolicyOf;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr char kAdmin[] = "users/admin";
constexpr char kNobody[] = "users/nobody";
constexpr char kAnn[] = "users/ann";          // everything, on what firms/ann owns
constexpr char kPrefix[] = "users/prefix";    // everything, on widgets/w1
constexpr char kAuditor[] = "users/auditor";  // reads everything
constexpr char kLoader[] = "users/loader";    // loads, and nothing else
constexpr char kEditor[] = "users/editor";    // all but loading

class ResourceAccessTest : public ::testing::Test {
 protected:
  ResourceAccessTest()
      : server_(testing::TestServer::Start(
            {.definition = testing::WidgetsDefinition(),
             .access = PolicyOf({{kAdmin, "*"},
                                 {kAnn, "testing.*", "firms/ann"},
                                 {kPrefix, "testing.*", "widgets/w1"},
                                 {kAuditor, "*.*.get"},
                                 {kAuditor, "*.*.list"},
                                 {kLoader, "testing.widgets.load"},
                                 {kEditor, "testing.widgets.get"},
                                 {kEditor, "testing.widgets.create"},
                                 {kEditor, "testing.widgets.update"}})})) {
    EXPECT_THAT(Create(kAdmin, "w1"), IsOk());
    EXPECT_THAT(Create(kAdmin, "w10"), IsOk());
    EXPECT_THAT(Create(kAdmin, "anns", "firms/ann"), IsOk());
  }

  template <class Response, class Request>
  absl::StatusOr<Response> As(const char* principal, std::string_view method,
                              const Request& request) {
    return server_->Call<Response>(method, request, {.principal = principal});
  }

  absl::StatusOr<Widget> Create(const char* principal, const std::string& id,
                                const std::string& owner = "") {
    CreateWidgetRequest request;
    request.set_widget_id(id);
    request.mutable_widget()->set_title("A widget");
    request.mutable_widget()->set_owner(owner);
    return As<Widget>(principal, "WidgetService/CreateWidget", request);
  }

  template <class Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }

  absl::StatusOr<Widget> Get(const char* principal, const std::string& name) {
    return As<Widget>(principal, "WidgetService/GetWidget", Named<GetWidgetRequest>(name));
  }

  absl::StatusOr<Widget> SetOwner(const char* principal, const std::string& name,
                                  const std::string& owner) {
    UpdateWidgetRequest request;
    request.mutable_widget()->set_name(name);
    request.mutable_widget()->set_owner(owner);
    request.mutable_update_mask()->add_paths("owner");
    return As<Widget>(principal, "WidgetService/UpdateWidget", request);
  }

  absl::StatusOr<Widget> Activate(const char* principal, const std::string& name) {
    auto request = Named<ActivateWidgetRequest>(name);
    request.mutable_start_date()->set_year(2024);
    return As<Widget>(principal, "WidgetService/ActivateWidget", request);
  }

  absl::StatusOr<Widget> Add(const char* principal, const std::string& name) {
    auto request = Named<AddToWidgetRequest>(name);
    request.set_amount(1);
    return As<Widget>(principal, "WidgetService/AddToWidget", request);
  }

  absl::Status Delete(const char* principal, const std::string& name, bool allow_missing = false) {
    auto request = Named<DeleteWidgetRequest>(name);
    request.set_allow_missing(allow_missing);
    return As<google::protobuf::Empty>(principal, "WidgetService/DeleteWidget", request).status();
  }

  absl::StatusOr<std::vector<std::string>> List(const char* principal) {
    auto page =
        As<ListWidgetsResponse>(principal, "WidgetService/ListWidgets", ListWidgetsRequest());
    if (!page.ok()) return page.status();
    std::vector<std::string> names;
    for (const Widget& widget : page->widgets()) names.push_back(widget.name());
    return names;
  }

  absl::StatusOr<LoadWidgetsResponse> Load(const char* principal, const std::string& name,
                                           const std::string& owner = "") {
    LoadWidgetsRequest request;
    auto* widget = request.add_widgets();
    widget->set_name(name);
    widget->set_title("Loaded");
    widget->set_owner(owner);
    return As<LoadWidgetsResponse>(principal, "WidgetService/LoadWidgets", request);
  }

  std::unique_ptr<testing::TestServer> server_;
};

const auto Denied = [] { return Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"); };

TEST_F(ResourceAccessTest, NothingIsPermittedUnlessARoleSaysSo) {
  EXPECT_THAT(Get(kNobody, "widgets/w1"), Denied());
  EXPECT_THAT(List(kNobody), Denied());
  EXPECT_THAT(Create(kNobody, "mine"), Denied());
  EXPECT_THAT(SetOwner(kNobody, "widgets/w1", "firms/x"), Denied());
  EXPECT_THAT(Delete(kNobody, "widgets/w1"), Denied());
  EXPECT_THAT(Activate(kNobody, "widgets/w1"), Denied());
  EXPECT_THAT(Add(kNobody, "widgets/w1"), Denied());
  EXPECT_THAT(Load(kNobody, "widgets/w1"), Denied());
  EXPECT_THAT(As<SumWidgetsResponse>(kNobody, "WidgetService/SumWidgets", SumWidgetsRequest()),
              Denied());
  auto changes = As<api::v1::ListChangesResponse>(kNobody, "ChangeService/ListChanges",
                                                  api::v1::ListChangesRequest());
  ASSERT_THAT(changes, IsOk());
  EXPECT_EQ(changes->changes_size(), 0);
  EXPECT_EQ(server_->host().store().revision(), 3);
}

TEST_F(ResourceAccessTest, ADenialSaysThePermissionAndTheResource) {
  const absl::Status status = Get(kNobody, "widgets/w1").status();
  google::rpc::ErrorInfo info;
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  ASSERT_TRUE(rpc.details_size() > 0 && rpc.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("permission"), "testing.widgets.get");
  EXPECT_EQ(info.metadata().at("resource"), "widgets/w1");
  EXPECT_EQ(info.metadata().at("principal"), kNobody);
}

TEST_F(ResourceAccessTest, ARoleOnAResourceCoversWhatIsBelowIt) {
  EXPECT_THAT(Get(kPrefix, "widgets/w1"), IsOk());
  EXPECT_THAT(Get(kPrefix, "widgets/w10"), Denied());
  EXPECT_THAT(Get(kPrefix, "widgets/anns"), Denied());
  EXPECT_THAT(*List(kPrefix), ElementsAre("widgets/w1"));
  CreatePartRequest part;
  part.set_parent("widgets/w1");
  part.set_part_id("p1");
  part.mutable_part()->set_weight(9);
  EXPECT_THAT(As<Part>(kPrefix, "PartService/CreatePart", part), IsOk());
  EXPECT_THAT(
      As<Part>(kPrefix, "PartService/GetPart", Named<GetPartRequest>("widgets/w1/parts/p1")),
      IsOk());
  part.set_parent("widgets/w10");
  EXPECT_THAT(As<Part>(kPrefix, "PartService/CreatePart", part), Denied());
  BatchGetWidgetsRequest batch;
  batch.add_names("widgets/w1");
  EXPECT_THAT(As<BatchGetWidgetsResponse>(kPrefix, "WidgetService/BatchGetWidgets", batch), IsOk());
  batch.add_names("widgets/w10");
  EXPECT_THAT(As<BatchGetWidgetsResponse>(kPrefix, "WidgetService/BatchGetWidgets", batch),
              Denied());
  // Whoever asks for everything needs a role on everything.
  EXPECT_THAT(As<SumWidgetsResponse>(kPrefix, "WidgetService/SumWidgets", SumWidgetsRequest()),
              Denied());
}

TEST_F(ResourceAccessTest, ARoleOnTheOwnerIsHeldOnWhatItOwns) {
  EXPECT_THAT(Get(kAnn, "widgets/anns"), IsOk());
  EXPECT_THAT(*List(kAnn), ElementsAre("widgets/anns"));
  EXPECT_THAT(Add(kAnn, "widgets/anns"), IsOk());
  EXPECT_THAT(Activate(kAnn, "widgets/anns"), IsOk());
  EXPECT_THAT(Create(kAnn, "more", "firms/ann"), IsOk());
  EXPECT_THAT(Delete(kAnn, "widgets/more"), IsOk());
  const int64_t revision = server_->host().store().revision();
  EXPECT_THAT(Get(kAnn, "widgets/w1"), Denied());
  EXPECT_THAT(Add(kAnn, "widgets/w1"), Denied());
  EXPECT_THAT(Activate(kAnn, "widgets/w1"), Denied());
  EXPECT_THAT(Delete(kAnn, "widgets/w1"), Denied());
  EXPECT_THAT(Create(kAnn, "stray"), Denied());
  EXPECT_THAT(Create(kAnn, "bobs", "firms/bob"), Denied());
  EXPECT_EQ(server_->host().store().revision(), revision);
}

TEST_F(ResourceAccessTest, ARoleOnACollectionIsHeldOnAllOfIt) {
  server_->SetAccess(PolicyOf({{kAdmin, "testing.widgets.*", "widgets"},
                               {kAnn, "testing.widgets.*", "firms"},
                               {kPrefix, "testing.widgets.*", "firms/ann"},
                               {kPrefix, "testing.widgets.*", "widgets/w10"}}));
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (!Get(kPrefix, "widgets/w10").ok() && absl::Now() < patience) {
  }
  EXPECT_THAT(*List(kAdmin), ElementsAre("widgets/anns", "widgets/w1", "widgets/w10"));
  EXPECT_THAT(*List(kAnn), ElementsAre("widgets/anns"));
  EXPECT_THAT(*List(kPrefix), ElementsAre("widgets/anns", "widgets/w10"));
}

TEST_F(ResourceAccessTest, AChangeOfOwnerIsCheckedBeforeAndAfter) {
  EXPECT_THAT(SetOwner(kAnn, "widgets/w1", "firms/ann"), Denied()) << "not hers before";
  EXPECT_THAT(SetOwner(kAnn, "widgets/anns", "firms/bob"), Denied()) << "not hers after";
  EXPECT_THAT(Load(kAnn, "widgets/w1", "firms/ann"), Denied());
  EXPECT_THAT(Load(kAnn, "widgets/anns", "firms/bob"), Denied());
  UpdateWidgetRequest request;
  request.set_allow_missing(true);
  request.mutable_widget()->set_name("widgets/w1");
  request.mutable_widget()->set_title("Mine");
  request.mutable_widget()->set_owner("firms/ann");
  EXPECT_THAT(As<Widget>(kAnn, "WidgetService/UpdateWidget", request), Denied());
  EXPECT_EQ(Get(kAdmin, "widgets/w1")->owner(), "");
  EXPECT_EQ(Get(kAdmin, "widgets/anns")->owner(), "firms/ann");
  EXPECT_THAT(SetOwner(kAdmin, "widgets/anns", "firms/bob"), IsOk());
  EXPECT_THAT(Get(kAnn, "widgets/anns"), Denied());
}

// Whoever may not touch a resource gets the same answer whether it is there.
TEST_F(ResourceAccessTest, ExistenceIsNotLeaked) {
  const auto same = [](const absl::Status& present, const absl::Status& missing) {
    EXPECT_THAT(present, Denied());
    EXPECT_EQ(
        missing.ToString(absl::StatusToStringMode::kWithNoExtraData),
        absl::StrReplaceAll(present.ToString(absl::StatusToStringMode::kWithNoExtraData),
                            {{"widgets/w1 ", "widgets/no "}, {"widgets/w1;", "widgets/no;"}}));
  };
  for (const char* principal : {kNobody, kAnn}) {
    SCOPED_TRACE(principal);
    same(Get(principal, "widgets/w1").status(), Get(principal, "widgets/no").status());
    same(SetOwner(principal, "widgets/w1", "firms/ann").status(),
         SetOwner(principal, "widgets/no", "firms/ann").status());
    same(Activate(principal, "widgets/w1").status(), Activate(principal, "widgets/no").status());
    same(Add(principal, "widgets/w1").status(), Add(principal, "widgets/no").status());
    for (const bool allow_missing : {false, true}) {
      same(Delete(principal, "widgets/w1", allow_missing),
           Delete(principal, "widgets/no", allow_missing));
    }
    same(Create(principal, "w1").status(), Create(principal, "no").status());
    same(Load(principal, "widgets/w1").status(), Load(principal, "widgets/no").status());
    UpdateWidgetRequest update;  // lacks a title, which it would be told of
    update.set_allow_missing(true);
    update.mutable_widget()->set_name("widgets/w1");
    const auto present = As<Widget>(principal, "WidgetService/UpdateWidget", update);
    update.mutable_widget()->set_name("widgets/no");
    same(present.status(), As<Widget>(principal, "WidgetService/UpdateWidget", update).status());
  }
}

TEST_F(ResourceAccessTest, LoadingHasAPermissionOfItsOwn) {
  EXPECT_THAT(Load(kLoader, "widgets/loaded"), IsOk());
  EXPECT_THAT(Create(kLoader, "created"), Denied());
  EXPECT_THAT(Get(kLoader, "widgets/loaded"), Denied());
  EXPECT_THAT(Create(kEditor, "created"), IsOk());
  EXPECT_THAT(SetOwner(kEditor, "widgets/created", "firms/x"), IsOk());
  EXPECT_THAT(Load(kEditor, "widgets/created"), Denied());
}

TEST_F(ResourceAccessTest, AnAuditorReadsEverythingAndWritesNothing) {
  EXPECT_THAT(Get(kAuditor, "widgets/anns"), IsOk());
  EXPECT_THAT(*List(kAuditor), ElementsAre("widgets/anns", "widgets/w1", "widgets/w10"));
  auto changes = As<api::v1::ListChangesResponse>(kAuditor, "ChangeService/ListChanges",
                                                  api::v1::ListChangesRequest());
  ASSERT_THAT(changes, IsOk());
  EXPECT_EQ(changes->changes_size(), 3);
  EXPECT_THAT(Create(kAuditor, "mine"), Denied());
  EXPECT_THAT(SetOwner(kAuditor, "widgets/w1", "firms/x"), Denied());
  EXPECT_THAT(Delete(kAuditor, "widgets/w1"), Denied());
  EXPECT_THAT(Activate(kAuditor, "widgets/w1"), Denied());
  EXPECT_THAT(Add(kAuditor, "widgets/w1"), Denied());
  EXPECT_THAT(Load(kAuditor, "widgets/w1"), Denied());
  EXPECT_EQ(server_->host().store().revision(), 3);
}

TEST_F(ResourceAccessTest, AnotherPolicyTakesEffectWithoutARestart) {
  ASSERT_THAT(Get(kNobody, "widgets/w1"), Denied());
  server_->SetAccess(PolicyOf({{kNobody, "testing.widgets.get"}}));
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (!Get(kNobody, "widgets/w1").ok() && absl::Now() < patience) {
  }
  EXPECT_THAT(Get(kNobody, "widgets/w1"), IsOk());
  EXPECT_THAT(Get(kAdmin, "widgets/w1"), Denied());
}

}  // namespace
}  // namespace caravan::resources
