// The generated clients, and those that know a contract by its descriptors
// alone, against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "caravan/client/contracts.h"
#include "caravan/client/errors.h"
#include "caravan/testing/v1/widgets.client.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::client {
namespace {

using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::v1::ListWidgetsRequest;
using testing::v1::Widget;
using testing::v1::WidgetServiceClient;

class ClientTest : public ::testing::Test {
 protected:
  static std::unique_ptr<testing::TestServer> Serve() {
    return testing::TestServer::Start({.definition = testing::WidgetsDefinition(),
                                       .adjust = [](settings::ServerSettings& settings) {
                                         settings.set_insecure_principal("users/admin");
                                       }});
  }

  static std::shared_ptr<Connection> Open(const std::string& address) {
    ConnectionOptions options;
    options.address = address;
    options.credentials.plaintext = true;
    return *Connection::Open(std::move(options));
  }

  void Create(int count) {
    for (int i = 0; i < count; ++i) {
      Widget widget;
      widget.set_title(absl::StrCat("Widget ", i));
      ASSERT_THAT(widgets_.CreateWidget(widget, absl::StrCat("w", i)), IsOk());
    }
  }

  std::unique_ptr<testing::TestServer> server_ = Serve();
  std::shared_ptr<Connection> connection_ = Open(server_->address());
  WidgetServiceClient widgets_{connection_};
};

TEST_F(ClientTest, CallsEachKindOfMethod) {
  Widget widget;
  widget.set_title("One");
  auto created = widgets_.CreateWidget(widget, "w1");
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->name(), "widgets/w1");
  created->set_title("First");
  google::protobuf::FieldMask mask;
  mask.add_paths("title");
  auto updated = widgets_.UpdateWidget(*created, mask);
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(widgets_.GetWidget("widgets/w1")->title(), "First");
  // The etag of before is stale.
  const auto stale = widgets_.UpdateWidget(*created, mask);
  EXPECT_THAT(stale, Fails(absl::StatusCode::kAborted, "ETAG_MISMATCH"));
  testing::v1::AddToWidgetRequest add;
  add.set_name("widgets/w1");
  add.set_amount(3);
  EXPECT_EQ(widgets_.AddToWidget(add)->count(), 3);
  EXPECT_EQ(widgets_.SumWidgets({})->sum(), 3);
  EXPECT_THAT(widgets_.DeleteWidget("widgets/w1"), IsOk());
  EXPECT_THAT(widgets_.GetWidget("widgets/w1"),
              Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ClientTest, SaysWhichFieldsAreWrong) {
  Widget widget;
  widget.set_size(5000);
  const auto refused = widgets_.CreateWidget(widget, "w1");
  EXPECT_EQ(ReasonOf(refused.status()), "INVALID_FIELDS");
  std::vector<std::string> fields;
  for (const auto& violation : FieldViolationsOf(refused.status())) {
    fields.push_back(violation.subject);
  }
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("widget.title", "widget.size"));
}

TEST_F(ClientTest, ListsAllPages) {
  Create(5);
  ListWidgetsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  for (const auto& widget : widgets_.ListWidgets(request)) {
    ASSERT_THAT(widget, IsOk());
    names.push_back(widget->name());
  }
  EXPECT_THAT(names,
              ElementsAre("widgets/w0", "widgets/w1", "widgets/w2", "widgets/w3", "widgets/w4"));
  // A page alone, with the token of the next.
  const auto page = widgets_.ListWidgetsPage(request);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->widgets(), SizeIs(2));
  EXPECT_FALSE(page->next_page_token().empty());
  // Without a size, pages are large.
  auto all = widgets_.ListWidgets(ListWidgetsRequest());
  EXPECT_EQ((**all.Next()).name(), "widgets/w0");
}

TEST_F(ClientTest, ListsNothing) {
  for (const auto& widget : widgets_.ListWidgets(ListWidgetsRequest())) {
    ADD_FAILURE() << widget.status();
  }
  auto none = widgets_.ListWidgets(ListWidgetsRequest());
  EXPECT_EQ(*none.Next(), std::nullopt);
  EXPECT_EQ(*none.Next(), std::nullopt);
}

TEST_F(ClientTest, AnErrorIsTheLastOfAList) {
  ListWidgetsRequest request;
  request.set_filter("no such (");
  std::vector<absl::Status> seen;
  for (const auto& widget : widgets_.ListWidgets(request)) seen.push_back(widget.status());
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ClientTest, ASessionRemembersWhatItHasSeen) {
  const auto session = std::make_shared<Session>();
  const WidgetServiceClient mine(connection_, {.session = session});
  Widget widget;
  widget.set_title("One");
  EXPECT_EQ(session->RevisionOf("testing"), 0);
  ASSERT_THAT(mine.CreateWidget(widget, "w1"), IsOk());
  EXPECT_EQ(session->RevisionOf("testing"), 1);
  EXPECT_THAT(mine.GetWidget("widgets/w1"), IsOk());
  // Reads that know more than the server wait for it.
  session->Saw("testing", 2);
  session->Saw("testing", 1);
  EXPECT_EQ(mine.GetWidget("widgets/w1", {.timeout = absl::Milliseconds(50)}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(widgets_.GetWidget("widgets/w1"), IsOk());
}

TEST_F(ClientTest, KnowsAContractByItsDescription) {
  const auto description = Describe(*connection_);
  ASSERT_THAT(description, IsOk());
  EXPECT_THAT(description->services, ::testing::Contains("caravan.testing.v1.WidgetService"));
  const auto contracts = *Contracts::Create(*description);
  const auto* create = contracts->FindMethod("caravan.testing.v1.WidgetService.CreateWidget");
  ASSERT_NE(create, nullptr);
  // As another program would send it.
  testing::v1::CreateWidgetRequest typed;
  typed.mutable_widget()->set_title("One");
  typed.set_widget_id("w1");
  const auto request = contracts->Adopt(typed);
  const auto answer = contracts->Call(*connection_, *create, request.get());
  ASSERT_THAT(answer, IsOk());
  Widget widget;
  ASSERT_TRUE(widget.ParseFromString((*answer)->SerializeAsString()));
  EXPECT_EQ(widget.name(), "widgets/w1");
  EXPECT_EQ(contracts->FindMethod("caravan.testing.v1.WidgetService.No"), nullptr);
}

TEST_F(ClientTest, DescriptionsHaveCommentsForThoseWhoAsk) {
  const auto comment = [&](const CallOptions& options) {
    const auto contracts = *Contracts::Create(*Describe(*connection_, options));
    google::protobuf::SourceLocation location;
    const auto* method = contracts->FindMethod("caravan.testing.v1.WidgetService.RetireWidget");
    return method->GetSourceLocation(&location) ? location.leading_comments : "";
  };
  EXPECT_EQ(comment({}), "");
  EXPECT_EQ(comment({.metadata = {{"caravan-comments", "true"}}}), " Retires a widget.\n");
}

TEST_F(ClientTest, DescriptionsThatMakeNoSenseAreRefused) {
  auto description = *Describe(*connection_);
  description.services.push_back("caravan.none.v1.None");
  EXPECT_THAT(Contracts::Create(description).status(),
              Fails(absl::StatusCode::kDataLoss, "BAD_ANSWER"));
}

TEST(RepeatTest, FollowsTheContract) {
  const auto* service = Widget::descriptor()->file()->FindServiceByName("WidgetService");
  const auto repeat = [&](const char* name) { return RepeatOf(*service->FindMethodByName(name)); };
  EXPECT_EQ(repeat("GetWidget"), Repeat::kSafe);
  EXPECT_EQ(repeat("ListWidgets"), Repeat::kSafe);
  EXPECT_EQ(repeat("SumWidgets"), Repeat::kSafe);
  EXPECT_EQ(repeat("CreateWidget"), Repeat::kWithRequestId);
  EXPECT_EQ(repeat("ActivateWidget"), Repeat::kWithRequestId);
  google::protobuf::FileDescriptorProto file;
  file.set_name("odd.proto");
  file.add_message_type()->set_name("Empty");
  auto* odd = file.add_service();
  odd->set_name("Odd");
  auto* method = odd->add_method();
  method->set_name("Explode");
  method->set_input_type("Empty");
  method->set_output_type("Empty");
  google::protobuf::DescriptorPool pool;
  EXPECT_EQ(RepeatOf(*pool.BuildFile(file)->service(0)->method(0)), Repeat::kNever);
}

}  // namespace
}  // namespace caravan::client
