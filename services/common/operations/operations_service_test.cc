#include "services/common/operations/operations_service.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "services/common/identity/access.h"
#include "services/common/identity/principal.h"
#include "services/common/operations/fake_clock.h"
#include "services/common/operations/operation_record.h"
#include "services/common/operations/testing.h"
#include "services/common/resources/registry.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/run_server.h"
#include "services/common/rpc/runtime.h"
#include "services/common/settings/settings.h"
#include "services/common/store/testing.h"
#include "services/common/telemetry/metrics.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"

namespace caravan::operations {
namespace {

using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using google::longrunning::CancelOperationRequest;
using google::longrunning::DeleteOperationRequest;
using google::longrunning::GetOperationRequest;
using google::longrunning::ListOperationsRequest;
using google::longrunning::ListOperationsResponse;
using google::longrunning::Operation;
using google::longrunning::WaitOperationRequest;
using google::protobuf::Empty;
using google::protobuf::StringValue;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr char kUnknown[] = "operations/01976f0c-0000-7000-8000-000000000000";

// The service in a real server. The work of an operation ends at once, but that
// of "gate", which waits for the test.
class OperationsServiceTest : public ::testing::Test {
 protected:
  OperationsServiceTest() {
    OperationsOptions options;
    options.store = store_.get();
    options.replica = "a";
    options.access = access_.get();
    options.time_zone = absl::UTCTimeZone();
    options.clock = &clock_;
    operations_ = std::make_unique<Operations>(std::move(options));
    operations_->Register<StringValue, StringValue>(
        "Echo",
        [this](OperationContext& context, const StringValue& text) -> absl::StatusOr<StringValue> {
          if (text.value() == "gate") gate_.Pass();
          if (context.cancelled()) return context.CancelledStatus();
          return text;
        });
    service_ = std::make_unique<OperationsService>(*operations_, "fairs");

    rpc::RuntimeOptions runtime;
    runtime.registry = &registry_;
    runtime.store = store_.get();
    runtime.access = access_.get();
    runtime.authenticator = &authenticator_;
    runtime.metrics = &metrics_;
    runtime.executor = &executor_;
    runtime.clock = [this] { return clock_.Now(); };
    runtime.time_zone = absl::UTCTimeZone();
    runtime.longest_deadline = absl::Hours(24 * 365);
    runtime_ = *rpc::Runtime::Create(runtime, {service_.get()});
    rpc::ServerOptions server;
    server.settings = settings::Defaults<settings::ServerSettings>();
    server.settings.set_insecure(true);
    server.settings.clear_listen();
    server.settings.add_listen("127.0.0.1:0");
    server.services = runtime_->hosted();
    server.metrics = &metrics_;
    server_ = *rpc::Server::Start(std::move(server));
    caller_.emplace(server_->InProcessChannel());
    operations_->Run();
  }

  ~OperationsServiceTest() override {
    operations_->Drain();
    caller_.reset();
    server_->Stop(absl::ZeroDuration(), absl::Seconds(5));
    operations_->Stop();
  }

  std::string Start(const std::string& actor, const std::string& text = "text",
                    const std::string& resource = "fairs/canton-136") {
    resources::Caller caller;
    caller.principal.name = actor;
    caller.access = access_.get();
    caller.method = "test";
    caller.now = clock_.Now();
    StringValue parameters;
    parameters.set_value(text);
    std::string name;
    auto committed = store_->WriteAndWait([&](store::Transaction& tx) {
      auto operation = operations_->Start(caller, tx, "Echo", parameters, resource);
      if (operation.ok()) name = operation->name();
      return operation.status();
    });
    EXPECT_THAT(committed, IsOk());
    return name;
  }

  // One that is done.
  std::string StartDone(const std::string& actor, const std::string& text = "text",
                        const std::string& resource = "fairs/canton-136") {
    const std::string name = Start(actor, text, resource);
    EXPECT_THAT(AwaitDone(*operations_, name), IsOk());
    clock_.Advance(absl::Milliseconds(1));
    return name;
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(const std::string& method, const std::string& principal,
                                const Request& request) {
    return caller_->Call<Response>(absl::StrCat("Operations/", method), request,
                                   {.principal = principal});
  }

  template <class Response, class Request>
  absl::StatusOr<Response> CallNamed(const std::string& method, const std::string& principal,
                                     const std::string& name) {
    Request request;
    request.set_name(name);
    return Call<Response>(method, principal, request);
  }
  absl::StatusOr<Operation> Get(const std::string& principal, const std::string& name) {
    return CallNamed<Operation, GetOperationRequest>("GetOperation", principal, name);
  }
  absl::StatusOr<Empty> Cancel(const std::string& principal, const std::string& name) {
    return CallNamed<Empty, CancelOperationRequest>("CancelOperation", principal, name);
  }
  absl::StatusOr<Empty> Delete(const std::string& principal, const std::string& name) {
    return CallNamed<Empty, DeleteOperationRequest>("DeleteOperation", principal, name);
  }

  absl::StatusOr<ListOperationsResponse> List(const std::string& principal,
                                              const std::string& filter, int page_size = 0,
                                              const std::string& page_token = "") {
    ListOperationsRequest request;
    request.set_name("operations");
    request.set_filter(filter);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    return Call<ListOperationsResponse>("ListOperations", principal, request);
  }

  static std::vector<std::string> NamesOf(const absl::StatusOr<ListOperationsResponse>& response) {
    std::vector<std::string> names;
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return names;
    for (const Operation& operation : response->operations()) names.push_back(operation.name());
    return names;
  }

  // The time of the machine, since deadlines on the wire are of that.
  FakeClock clock_{absl::Now()};
  resources::Registry registry_;
  std::unique_ptr<store::Store> store_ =
      store::OpenTemporaryStore(registry_.Tables(OperationsTable()));
  std::unique_ptr<identity::AccessControl> access_ =
      *identity::AccessControl::Create(caravan::testing::PolicyOf({
          {"users/admin", "*"},
          {"users/auditor", "*.*.get"},
          {"users/auditor", "*.*.list"},
          {"users/organiser", "fairs.operations.*", "fairs/canton-136"},
      }));
  identity::Authenticator authenticator_ = *identity::Authenticator::Insecure("");
  telemetry::Metrics metrics_;
  rpc::Executor executor_{2, 100};
  Gate gate_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<OperationsService> service_;
  std::unique_ptr<rpc::Runtime> runtime_;
  std::unique_ptr<rpc::Server> server_;
  std::optional<caravan::testing::Caller> caller_;
};

TEST_F(OperationsServiceTest, GetsAnOperation) {
  const std::string name = StartDone("users/li.wei", "hello");
  auto operation = Get("users/li.wei", name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(operation->name(), name);
  EXPECT_TRUE(operation->done());
  StringValue text;
  ASSERT_TRUE(operation->response().UnpackTo(&text));
  EXPECT_EQ(text.value(), "hello");
  EXPECT_EQ(MetadataOf(*operation).actor(), "users/li.wei");
}

TEST_F(OperationsServiceTest, RefusesNamesOfAnotherForm) {
  for (const std::string name :
       {"", "operations", "operations/", "operations/x", "fairs/canton-136",
        "operations/01976F0C-0000-7000-8000-000000000000",
        "operations/01976f0c-0000-7000-8000-000000000000/x"}) {
    EXPECT_THAT(Get("users/admin", name),
                FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"name"})))
        << name;
  }
}

TEST_F(OperationsServiceTest, ShowsAnOperationToItsActorAndWhoMayReadIt) {
  const std::string name = StartDone("users/li.wei");
  for (const std::string who :
       {"users/li.wei", "users/admin", "users/auditor", "users/organiser"}) {
    EXPECT_THAT(Get(who, name), IsOk()) << who;
  }
  EXPECT_THAT(Get("users/other", name),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  const std::string elsewhere = StartDone("users/li.wei", "text", "fairs/canton-137");
  EXPECT_THAT(Get("users/organiser", elsewhere),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_F(OperationsServiceTest, TellsWhatDoesNotExistOnlyToWhoMayReadAll) {
  EXPECT_THAT(Get("users/admin", kUnknown),
              Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Cancel("users/admin", kUnknown),
              Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  for (const std::string who : {"users/li.wei", "users/organiser"}) {
    EXPECT_THAT(Get(who, kUnknown),
                Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT(Cancel(who, kUnknown),
                Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT(Delete(who, kUnknown),
                Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    EXPECT_THAT((CallNamed<Operation, WaitOperationRequest>("WaitOperation", who, kUnknown)),
                Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  }
}

TEST_F(OperationsServiceTest, WhoMayReadMayNotCancelOrDelete) {
  const std::string name = StartDone("users/li.wei");
  EXPECT_THAT(Cancel("users/auditor", name),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Delete("users/auditor", name),
              Fails(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Cancel("users/organiser", name), IsOk());
  EXPECT_THAT(Delete("users/organiser", name), IsOk());
  EXPECT_THAT(Get("users/admin", name), Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(OperationsServiceTest, CancelsAndDeletes) {
  const std::string name = Start("users/li.wei", "gate");
  gate_.AwaitArrival();
  EXPECT_THAT(Delete("users/li.wei", name),
              Fails(absl::StatusCode::kFailedPrecondition, "OPERATION_RUNNING"));
  EXPECT_THAT(Cancel("users/li.wei", name), IsOk());
  EXPECT_THAT(Cancel("users/li.wei", name), IsOk());
  ASSERT_THAT(LookAt(*operations_, name), IsOk());
  gate_.Open();
  auto operation = AwaitDone(*operations_, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(operation->error().code(), static_cast<int>(absl::StatusCode::kCancelled));
  EXPECT_THAT(Cancel("users/li.wei", name), IsOk());
  EXPECT_THAT(Delete("users/li.wei", name), IsOk());
  EXPECT_THAT(Get("users/admin", name), Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(OperationsServiceTest, ListsTheNewestFirstInPages) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.insert(names.begin(), StartDone("users/li.wei"));
  EXPECT_EQ(NamesOf(List("users/admin", "")), names);

  std::vector<std::string> paged;
  std::string token;
  int pages = 0;
  do {
    auto page = List("users/admin", "", 2, token);
    for (std::string& name : NamesOf(page)) paged.push_back(std::move(name));
    ASSERT_THAT(page, IsOk());
    token = page->next_page_token();
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(paged, names);
}

TEST_F(OperationsServiceTest, ListsWhatTheCallerMayRead) {
  const std::string mine = StartDone("users/li.wei");
  const std::string other = StartDone("users/zhang", "text", "fairs/canton-137");
  EXPECT_THAT(NamesOf(List("users/li.wei", "")), ElementsAre(mine));
  EXPECT_THAT(NamesOf(List("users/organiser", "")), ElementsAre(mine));
  EXPECT_THAT(NamesOf(List("users/auditor", "")), ElementsAre(other, mine));
  EXPECT_THAT(NamesOf(List("users/nobody", "")), IsEmpty());
}

TEST_F(OperationsServiceTest, FiltersByStateAndMetadata) {
  const std::string done = StartDone("users/li.wei");
  const std::string running = Start("users/zhang", "gate", "fairs/canton-137");
  gate_.AwaitArrival();
  EXPECT_THAT(NamesOf(List("users/admin", "done = true")), ElementsAre(done));
  EXPECT_THAT(NamesOf(List("users/admin", "done = false")), ElementsAre(running));
  EXPECT_THAT(NamesOf(List("users/admin", "NOT done = true")), ElementsAre(running));
  EXPECT_THAT(NamesOf(List("users/admin", "metadata.actor = \"users/li.wei\"")), ElementsAre(done));
  EXPECT_THAT(NamesOf(List("users/admin", "metadata.resource = \"fairs/*\" AND done = false")),
              ElementsAre(running));
  EXPECT_THAT(NamesOf(List("users/admin", absl::StrCat("name = \"", done, "\""))),
              ElementsAre(done));
  EXPECT_THAT(List("users/admin", "color = red"),
              FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_FILTER", Fields({"filter"})));
  gate_.Open();
}

TEST_F(OperationsServiceTest, RefusesListsThatMakeNoSense) {
  ListOperationsRequest request;
  request.set_name("fairs/canton-136/operations");
  request.set_page_size(-1);
  request.set_return_partial_success(true);
  EXPECT_THAT(Call<ListOperationsResponse>("ListOperations", "users/admin", request),
              FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"name", "page_size", "return_partial_success"})));
  StartDone("users/li.wei");
  StartDone("users/li.wei");
  auto page = List("users/admin", "done = true", 1);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(
      List("users/admin", "done = false", 1, page->next_page_token()),
      FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN", Fields({"page_token"})));
  EXPECT_THAT(
      List("users/admin", "", 1, "nonsense"),
      FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN", Fields({"page_token"})));
}

TEST_F(OperationsServiceTest, WaitsUntilItIsDone) {
  const std::string name = Start("users/li.wei", "gate");
  gate_.AwaitArrival();
  absl::StatusOr<Operation> answer;
  std::thread waiter([&] {
    answer = CallNamed<Operation, WaitOperationRequest>("WaitOperation", "users/li.wei", name);
  });
  gate_.Open();
  waiter.join();
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(answer->done());
  // Of what is done, at once.
  answer = CallNamed<Operation, WaitOperationRequest>("WaitOperation", "users/li.wei", name);
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(answer->done());
}

TEST_F(OperationsServiceTest, WaitsNoLongerThanTheTimeout) {
  const std::string name = Start("users/li.wei", "gate");
  gate_.AwaitArrival();
  WaitOperationRequest request;
  request.set_name(name);
  request.mutable_timeout();
  auto answer = Call<Operation>("WaitOperation", "users/li.wei", request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_FALSE(answer->done());
  request.mutable_timeout()->set_seconds(-1);
  EXPECT_THAT(Call<Operation>("WaitOperation", "users/li.wei", request),
              FailsAt(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"timeout"})));
  gate_.Open();
}

TEST_F(OperationsServiceTest, ACallerThatGivesUpIsForgotten) {
  const std::string name = Start("users/li.wei", "gate");
  gate_.AwaitArrival();
  grpc::ClientContext context;
  // Its deadline is far: what ends the wait is that the caller has gone.
  caravan::testing::Prepare(context,
                            {.principal = "users/li.wei", .timeout = absl::Hours(24 * 300)});
  grpc::Status status;
  std::thread waiter([&] {
    WaitOperationRequest request;
    request.set_name(name);
    const std::string path =
        caravan::testing::MethodPath(*request.GetDescriptor(), "Operations/WaitOperation");
    Operation operation;
    status = grpc::internal::BlockingUnaryCall(
        caller_->channel().get(),
        grpc::internal::RpcMethod(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC), &context,
        request, &operation);
  });
  while (operations_->waiting() == 0) std::this_thread::yield();
  context.TryCancel();
  waiter.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  // The server lets go of it though the operation goes on.
  while (operations_->waiting() > 0) {
    clock_.Advance(absl::Seconds(1));
    std::this_thread::yield();
  }
  server_->Stop(absl::ZeroDuration(), absl::InfiniteDuration());
  auto operation = LookAt(*operations_, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_FALSE(operation->done());
  gate_.Open();
}

TEST_F(OperationsServiceTest, DeniesUnknownPrincipals) {
  EXPECT_THAT(Get("", kUnknown), Fails(absl::StatusCode::kUnauthenticated, "NO_PRINCIPAL"));
}

}  // namespace
}  // namespace caravan::operations
