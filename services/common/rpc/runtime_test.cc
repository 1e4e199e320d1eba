// The way of a call through the runtime, on a made-up service through a real
// server.
#include "services/common/rpc/runtime.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "caravan/api/v1/annotations.pb.h"
#include "caravan/api/v1/changes.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "services/common/testing/made_up_contract.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::rpc {
namespace {

using absl::StatusCode;
using testing::CallOptions;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MadeUpContract;
using ::testing::Not;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kProbe[] = "/caravan.testing.v1.ProbeService/Probe";

// The detail of a status, which must be there.
template <class Detail>
Detail DetailOf(const google::rpc::Status& status) {
  Detail found;
  for (const auto& any : status.details()) {
    if (any.UnpackTo(&found)) return found;
  }
  ADD_FAILURE() << "no " << Detail::descriptor()->full_name() << " in " << status.DebugString();
  return found;
}

class RuntimeTest : public ::testing::Test {
 protected:
  // What the method Probe does; the usual answer is the widget's name.
  using Behaviour = std::function<absl::Status(Call& call, const AddToWidgetRequest& request)>;

  RuntimeTest() : contract_("ProbeService") {
    contract_.Add("Probe", "AddToWidgetRequest", "Widget", "testing.probe.call", "name");
    Start(nullptr);
  }

  void Start(std::function<void(settings::ServerSettings& settings)> adjust) {
    host::ServiceDefinition definition = testing::WidgetsDefinition();
    definition.services = [this,
                           widgets = definition.services](const host::Dependencies& dependencies) {
      auto services = *widgets(dependencies);
      auto probe = std::make_unique<Service>(&contract_.Build());
      probe->method("Probe").read = [this](Call& call, store::Reader&,
                                           const google::protobuf::Message& request) {
        return Probed(call, static_cast<const AddToWidgetRequest&>(request));
      };
      services.push_back(std::move(probe));
      return services;
    };
    server_.reset();
    server_ = testing::TestServer::Start({.definition = definition,
                                          .access = testing::PolicyOf({{"users/admin", "*"}}),
                                          .store = "",
                                          .adjust = std::move(adjust)});
  }

  absl::StatusOr<std::string> Probed(Call& call, const AddToWidgetRequest& request) {
    ++probed_;
    if (behaviour_) {
      if (absl::Status s = behaviour_(call, request); !s.ok()) return s;
    }
    Widget widget;
    widget.set_name(request.name());
    return widget.SerializeAsString();
  }

  absl::StatusOr<Widget> Probe(const CallOptions& options = {}, int64_t amount = 0) {
    AddToWidgetRequest request;
    request.set_name("widgets/w1");
    request.set_amount(amount);
    return server_->caller().CallPath<Widget>(kProbe, request, options);
  }

  // Sends bytes, and keeps the status as it came.
  absl::Status CallBytes(const std::string& path, const std::string& bytes,
                         const CallOptions& options = {}) {
    grpc::ClientContext context;
    testing::Prepare(context, options);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    raw_ = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
        server_->caller().channel().get(), rpc, &context, request, &response);
    return testing::FromGrpc(raw_);
  }

  absl::StatusOr<Widget> Create(const std::string& id, const CallOptions& options = {}) {
    CreateWidgetRequest request;
    request.set_widget_id(id);
    request.mutable_widget()->set_title("A widget");
    return server_->Call<Widget>("WidgetService/CreateWidget", request, options);
  }

  absl::StatusOr<Widget> Get(const std::string& name, const CallOptions& options) {
    GetWidgetRequest request;
    request.set_name(name);
    return server_->Call<Widget>("WidgetService/GetWidget", request, options);
  }

  std::string Metrics() { return server_->host().server_options().metrics->ToText(); }

  MadeUpContract contract_;
  Behaviour behaviour_;
  std::atomic<int> probed_ = 0;
  grpc::Status raw_;
  std::unique_ptr<testing::TestServer> server_;
};

const CallOptions kNobody = {.principal = "users/nobody", .metadata = {}};

// A request that is wrong in every way is told of the first step; with that put
// right, of the next.
TEST_F(RuntimeTest, StepsHaveAnOrder) {
  static_assert(kSteps == std::array{Step::kIdentity, Step::kDeadline, Step::kParsing,
                                     Step::kPermission, Step::kValidation});
  const std::string malformed("\x0a\x7f", 2);
  AddToWidgetRequest invalid;
  invalid.set_name("widgets/w1");
  invalid.set_amount(5000);
  CallOptions options = {.principal = "", .metadata = {{kMinRevisionMetadata, "soon"}}};
  behaviour_ = [](Call&, const AddToWidgetRequest&) { return absl::AbortedError("handled"); };

  EXPECT_THAT(CallBytes(kProbe, malformed, options),
              Fails(StatusCode::kUnauthenticated, "NO_PRINCIPAL"));
  options.principal = "users/nobody";
  EXPECT_THAT(CallBytes(kProbe, malformed, options),
              Fails(StatusCode::kInvalidArgument, "INVALID_METADATA"));
  options.metadata.clear();
  EXPECT_THAT(CallBytes(kProbe, malformed, options),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_REQUEST"));
  EXPECT_THAT(CallBytes(kProbe, invalid.SerializeAsString(), options),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  options.principal = "users/admin";
  EXPECT_THAT(CallBytes(kProbe, invalid.SerializeAsString(), options),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"amount"})));
  EXPECT_EQ(probed_, 0);
  invalid.set_amount(5);
  EXPECT_THAT(CallBytes(kProbe, invalid.SerializeAsString(), options),
              Fails(StatusCode::kAborted, "ABORTED"));
  EXPECT_EQ(probed_, 1);
}

// What is asked before a handler comes after all that needs no asking.
TEST_F(RuntimeTest, WhatComesBeforeAHandlerIsTheLastStep) {
  std::vector<std::string> steps;
  absl::Status before;
  host::ServiceDefinition definition = testing::WidgetsDefinition();
  definition.services = [&, widgets = definition.services](const host::Dependencies& all) {
    auto services = *widgets(all);
    Method& add = services[0]->method("AddToWidget");
    add.before = [&](Call& call, const google::protobuf::Message&) {
      steps.push_back("before");
      call.caller.facts = std::string("facts");
      return before;
    };
    add.write = [&](Call& call, store::Transaction&, const google::protobuf::Message&) {
      steps.push_back("body");
      EXPECT_EQ(*call.caller.Facts<std::string>(), "facts");
      EXPECT_EQ(call.caller.Facts<int>(), nullptr);
      return absl::StatusOr<std::string>("");
    };
    Method& sum = services[0]->method("SumWidgets");
    sum.before = add.before;
    sum.read = [&](Call& call, store::Reader&, const google::protobuf::Message&) {
      steps.push_back("read " + *call.caller.Facts<std::string>());
      return absl::StatusOr<std::string>("");
    };
    return services;
  };
  server_.reset();
  server_ = testing::TestServer::Start({.definition = definition});
  const auto add = [&](const CallOptions& options, int64_t amount, const std::string& id = "") {
    AddToWidgetRequest request;
    request.set_name("widgets/w1");
    request.set_amount(amount);
    request.set_request_id(id);
    return server_->Call<Widget>("WidgetService/AddToWidget", request, options);
  };
  EXPECT_THAT(add(kNobody, 1), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(add({}, 5000), Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  EXPECT_THAT(steps, ::testing::IsEmpty());
  before = api::Error(StatusCode::kFailedPrecondition, "NOT_YET", "not yet");
  EXPECT_THAT(add({}, 1, "a"), Fails(StatusCode::kFailedPrecondition, "NOT_YET"));
  EXPECT_THAT(steps, ::testing::ElementsAre("before"));
  before = absl::OkStatus();
  EXPECT_THAT(add({}, 1, "a"), IsOk());
  EXPECT_THAT(steps, ::testing::ElementsAre("before", "before", "body"));
  // The answer is there: nobody is asked again.
  EXPECT_THAT(add({}, 1, "a"), IsOk());
  EXPECT_THAT(steps, ::testing::SizeIs(3));
  EXPECT_THAT(server_->Call<SumWidgetsResponse>("WidgetService/SumWidgets", SumWidgetsRequest()),
              IsOk());
  EXPECT_THAT(steps, ::testing::ElementsAre("before", "before", "body", "before", "read facts"));
}

TEST_F(RuntimeTest, MalformedRequestsAreTheCallersFault) {
  for (const std::string& bytes :
       {std::string("\x0a\x7f", 2),                    // a length beyond the end
        std::string("\x0a\x04w\xff\xfe!", 6),          // not UTF-8
        std::string("\x0b"), std::string("\xff\xff"),  // no end of a group, of a tag
        std::string("\x00\x00", 2),                    // field number 0
        std::string("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12)}) {
    for (const char* path : {kProbe, "/caravan.testing.v1.WidgetService/AddToWidget",
                             "/caravan.testing.v1.WidgetService/GetWidget"}) {
      EXPECT_THAT(CallBytes(path, bytes), Fails(StatusCode::kInvalidArgument, "MALFORMED_REQUEST"));
    }
  }
  const std::string watch = "/caravan.api.v1.ChangeService/WatchChanges";
  EXPECT_THAT(CallBytes(watch, "\x0b"), Fails(StatusCode::kInvalidArgument, "MALFORMED_REQUEST"));
  EXPECT_EQ(probed_, 0);
}

TEST_F(RuntimeTest, WhatIsTooLargeIsRefused) {
  Start([](settings::ServerSettings& settings) {
    settings.set_max_message_bytes(10'000);
    settings.set_max_metadata_bytes(2'000);
  });
  EXPECT_EQ(CallBytes(kProbe, std::string(10'001, '\x0a')).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Probe({.metadata = {{"x-large", std::string(4'000, 'x')}}}).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(probed_, 0);
  // gRPC may end the connection with the caller; others go on.
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const testing::Caller other(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), own));
  AddToWidgetRequest request;
  request.set_name("widgets/w1");
  EXPECT_THAT(other.CallPath<Widget>(kProbe, request), IsOk());
}

TEST_F(RuntimeTest, AnExpiredCallIsNotWorkedFor) {
  EXPECT_EQ(Probe({.metadata = {}, .timeout = absl::Seconds(-1)}).status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_EQ(probed_, 0);
}

// The caller would wait for longer: it is the server that ends the call.
TEST_F(RuntimeTest, TheServerBoundsDeadlines) {
  Start([](settings::ServerSettings& settings) {
    for (auto* deadline : {settings.mutable_default_deadline(), settings.mutable_max_deadline()}) {
      deadline->set_seconds(0);
      deadline->set_nanos(40'000'000);
    }
  });
  for (const absl::Duration timeout : {absl::Seconds(20), absl::InfiniteDuration()}) {
    EXPECT_THAT(Probe({.metadata = {{kMinRevisionMetadata, "1000"}}, .timeout = timeout}),
                Fails(StatusCode::kDeadlineExceeded, "REVISION_NOT_REACHED"));
  }
  absl::Time deadline;
  behaviour_ = [&](Call& call, const AddToWidgetRequest&) {
    deadline = call.deadline;
    return absl::OkStatus();
  };
  EXPECT_THAT(Probe(), IsOk());
  EXPECT_LE(deadline, absl::Now() + absl::Milliseconds(40));
}

TEST_F(RuntimeTest, UnknownMethodsAreUnimplemented) {
  for (const char* path :
       {"/caravan.testing.v1.ProbeService/Nothing", "/caravan.testing.v1.Nothing/Probe"}) {
    EXPECT_EQ(CallBytes(path, "").code(), StatusCode::kUnimplemented) << path;
  }
}

TEST_F(RuntimeTest, ErrorsCarryTheirDetails) {
  AddToWidgetRequest request;
  request.set_amount(5000);
  EXPECT_THAT(CallBytes(kProbe, request.SerializeAsString()),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"name", "amount"})));
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(raw_.error_details()));
  EXPECT_EQ(status.code(), static_cast<int>(raw_.error_code()));
  EXPECT_EQ(status.message(), raw_.error_message());
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).domain(), "caravan");
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad.field_violations_size(), 2);
  EXPECT_EQ(bad.field_violations(1).description(), "is 5000; must be at most 1000");
}

TEST_F(RuntimeTest, WhatMayBeTriedAgainSaysWhen) {
  AddToWidgetRequest request;
  request.set_name("widgets/w1");
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kResourceExhausted}) {
    behaviour_ = [&](Call&, const AddToWidgetRequest&) { return absl::Status(code, "not now"); };
    EXPECT_EQ(CallBytes(kProbe, request.SerializeAsString()).code(), code);
    google::rpc::Status status;
    ASSERT_TRUE(status.ParseFromString(raw_.error_details()));
    EXPECT_GT(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(), 0);
    EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).domain(), "caravan");
  }
}

TEST_F(RuntimeTest, ErrorsOfOursTellNothing) {
  for (const absl::Status& secret :
       {absl::InternalError("SELECT * FROM secrets"), absl::DataLossError("/secret/file"),
        absl::UnknownError("10.0.0.1 is secret")}) {
    behaviour_ = [&](Call&, const AddToWidgetRequest&) { return secret; };
    const absl::Status told = Probe({.metadata = {{"traceparent", kTraceparent}}}).status();
    EXPECT_THAT(told, Fails(StatusCode::kInternal, "INTERNAL"));
    EXPECT_THAT(told.ToString(), Not(HasSubstr("secret")));
    EXPECT_THAT(std::string(told.message()), HasSubstr(kTraceId));
  }
}

// Clients refuse large trailers, and the caller would not learn what is wrong.
TEST_F(RuntimeTest, ErrorsFitIntoTrailers) {
  BatchCreateWidgetsRequest batch;
  for (int i = 0; i < 1000; ++i) {
    auto* entry = batch.add_requests();
    entry->set_widget_id(absl::StrCat("w", i));
    entry->mutable_widget()->set_size(-1);
  }
  const absl::Status status =
      server_->Call<BatchCreateWidgetsResponse>("WidgetService/BatchCreateWidgets", batch).status();
  EXPECT_THAT(status, Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("(and 1999 more violations)"));
  const std::vector<std::string> fields = api::FieldsOf(status);
  ASSERT_GT(fields.size(), 20u);
  EXPECT_EQ(fields[0], "requests[0].widget.title");

  std::string text;
  for (int i = 0; i < 3000; ++i) text += "\xe4\xb8\xad";
  behaviour_ = [&](Call&, const AddToWidgetRequest&) -> absl::Status {
    return api::Error(StatusCode::kFailedPrecondition, "LONG", text)
        .With("value", text)
        .Precondition("TYPE", text, text);
  };
  EXPECT_THAT(Probe(), Fails(StatusCode::kFailedPrecondition, "LONG"));
}

TEST_F(RuntimeTest, TracesArePassedOn) {
  std::string traceparent;
  behaviour_ = [&](Call& call, const AddToWidgetRequest&) {
    traceparent = call.trace.ToTraceparent();
    return absl::OkStatus();
  };
  const CallOptions traced = {.metadata = {{"traceparent", kTraceparent}}};
  ASSERT_THAT(Probe(traced), IsOk());
  EXPECT_EQ(traceparent.substr(3, 32), kTraceId);
  EXPECT_NE(traceparent, kTraceparent) << "a span of its own";

  ASSERT_THAT(Create("w1", traced), IsOk());
  ASSERT_THAT(Create("w2", {.metadata = {{"traceparent", "nonsense"}}}), IsOk());
  auto changes = server_->Call<api::v1::ListChangesResponse>("ChangeService/ListChanges",
                                                             api::v1::ListChangesRequest());
  ASSERT_THAT(changes, IsOk());
  ASSERT_EQ(changes->changes_size(), 2);
  EXPECT_EQ(changes->changes(0).trace_id(), kTraceId);
  EXPECT_EQ(changes->changes(1).trace_id().size(), 32u);
}

TEST_F(RuntimeTest, AnswersSayTheirRevision) {
  testing::Reply reply;
  const auto revision = [&] {
    const auto found = reply.trailers.find(kRevisionMetadata);
    const std::string value = found == reply.trailers.end() ? "" : found->second;
    reply.trailers.clear();
    return value;
  };
  ASSERT_THAT(Create("w1", {.metadata = {}, .reply = &reply}), IsOk());
  EXPECT_EQ(revision(), "1");
  ASSERT_THAT(Create("w2", {.metadata = {}, .reply = &reply}), IsOk());
  EXPECT_EQ(revision(), "2");
  ASSERT_THAT(Get("widgets/w1", {.metadata = {}, .reply = &reply}), IsOk());
  EXPECT_EQ(revision(), "2");
  EXPECT_FALSE(Get("widgets/none", {.metadata = {}, .reply = &reply}).ok());
  EXPECT_EQ(revision(), "");
}

TEST_F(RuntimeTest, AReadWaitsForTheRevisionThatItsCallerKnows) {
  absl::StatusOr<Widget> read;
  std::thread reader([&] {
    read = Get("widgets/w2", {.metadata = {{kMinRevisionMetadata, "2"}}});
  });
  ASSERT_THAT(Create("w1"), IsOk());
  ASSERT_THAT(Create("w2"), IsOk());
  reader.join();
  EXPECT_THAT(read, IsOk());
  // So does a write.
  EXPECT_THAT(Create("w3", {.metadata = {{kMinRevisionMetadata, "2"}}}), IsOk());
}

TEST_F(RuntimeTest, ARevisionThatNeverComesEndsWithTheDeadline) {
  EXPECT_EQ(Probe({.metadata = {{kMinRevisionMetadata, "1"}}, .timeout = absl::Milliseconds(50)})
                .status()
                .code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_EQ(probed_, 0);
  for (const char* wrong : {"soon", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(
        Probe({.metadata = {{kMinRevisionMetadata, wrong}}}),
        FailsAt(StatusCode::kInvalidArgument, "INVALID_METADATA", Fields({kMinRevisionMetadata})));
  }
}

// Else a stop of the server would wait for as long as the caller once wanted to.
TEST_F(RuntimeTest, ACallerThatHasGoneWaitsForNoRevision) {
  EXPECT_EQ(Probe({.metadata = {{kMinRevisionMetadata, "1000"}}, .timeout = absl::Milliseconds(20)})
                .status()
                .code(),
            StatusCode::kDeadlineExceeded);
  const std::string none = absl::StrCat("grpc_server_in_flight{grpc_method=\"Probe\",",
                                        "grpc_service=\"caravan.testing.v1.ProbeService\"} 0\n");
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (Metrics().find(none) == std::string::npos && absl::Now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Metrics(), HasSubstr(none));
}

TEST_F(RuntimeTest, HandlersLearnThatTheirCallerHasGone) {
  absl::Notification learned;
  behaviour_ = [&](Call& call, const AddToWidgetRequest&) {
    const absl::Time patience = absl::Now() + absl::Seconds(20);
    while (!call.cancelled() && absl::Now() < patience) std::this_thread::yield();
    if (call.cancelled()) learned.Notify();
    return absl::OkStatus();
  };
  EXPECT_EQ(Probe({.timeout = absl::Milliseconds(100)}).status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(learned.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

TEST_F(RuntimeTest, CallsAreCountedByMethodAndCode) {
  ASSERT_THAT(Probe(), IsOk());
  ASSERT_THAT(Probe(), IsOk());
  EXPECT_FALSE(Probe(kNobody).ok());
  EXPECT_FALSE(Probe({}, 5000).ok());
  behaviour_ = [](Call&, const AddToWidgetRequest&) { return absl::DataLossError("lost"); };
  EXPECT_FALSE(Probe().ok());
  const std::string text = Metrics();
  const auto count = [](const char* code, int n) {
    return absl::StrCat(
        "grpc_server_handled_total{grpc_code=\"", code,
        "\",grpc_method=\"Probe\",grpc_service=", "\"caravan.testing.v1.ProbeService\"} ", n, "\n");
  };
  EXPECT_THAT(text, HasSubstr(count("OK", 2)));
  EXPECT_THAT(text, HasSubstr(count("PERMISSION_DENIED", 1)));
  EXPECT_THAT(text, HasSubstr(count("INVALID_ARGUMENT", 1)));
  EXPECT_THAT(text, HasSubstr(count("INTERNAL", 1)));
}

// Contracts that make no sense are refused at start.
class ContractTest : public ::testing::Test {
 protected:
  static absl::StatusOr<std::string> Nothing(Call&, store::Reader&,
                                             const google::protobuf::Message&) {
    return std::string();
  }
  static void BindProbe(Service& service) { service.method("Probe").read = Nothing; }

  MadeUpContract contract_{"RefusedService"};
};

TEST_F(ContractTest, AMethodMustDeclareItsAccess) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget", "");
  const absl::Status status = contract_.Bind(BindProbe);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), "caravan.testing.v1.RefusedService/Probe declares no access");
}

TEST_F(ContractTest, AccessForAnyoneMustBeDeclaredToo) {
  auto& method = contract_.Add("Probe", "AddToWidgetRequest", "Widget", "");
  method.mutable_options()->MutableExtension(api::v1::access)->set_any_authenticated(true);
  EXPECT_THAT(contract_.Bind(BindProbe).ToString(), HasSubstr("declares no access"));
}

TEST_F(ContractTest, ACustomMethodMustHaveAHandler) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget");
  EXPECT_THAT(contract_.Bind().ToString(), HasSubstr("RefusedService/Probe has no handler"));
}

TEST_F(ContractTest, AHandlerMustBeOfTheKindOfItsMethod) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget").set_server_streaming(true);
  EXPECT_THAT(contract_.Bind(BindProbe).ToString(), HasSubstr("handler of another kind"));
}

TEST_F(ContractTest, OnlyATransactionOrAReadHasABefore) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget");
  const auto bind = [](Service& service) {
    Method& probe = service.method("Probe");
    probe.before = [](Call&, const google::protobuf::Message&) { return absl::OkStatus(); };
    probe.async = [](Call&, const google::protobuf::Message&,
                     absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) { done(""); };
  };
  EXPECT_THAT(contract_.Bind(bind).ToString(),
              HasSubstr("RefusedService/Probe has neither a transaction nor a read"));
}

TEST_F(ContractTest, AStreamOfRequestsTakesAnExchange) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget").set_client_streaming(true);
  EXPECT_THAT(contract_.Bind(BindProbe).ToString(), HasSubstr("handler of another kind"));
}

TEST_F(ContractTest, AccessMustNameAFieldThatIsAName) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget", "testing.probe.call", "widget");
  EXPECT_THAT(contract_.Bind(BindProbe).ToString(), HasSubstr("names no field of the request"));
  MadeUpContract another("AnotherService");
  another.Add("Probe", "AddToWidgetRequest", "Widget", "testing.probe.call", "amount");
  EXPECT_THAT(another.Bind(BindProbe).ToString(), HasSubstr("is no name"));
}

TEST_F(ContractTest, WhatMakesSenseIsBound) {
  contract_.Add("Probe", "AddToWidgetRequest", "Widget", "testing.probe.call", "name");
  contract_.Add("GetWidget", "GetWidgetRequest", "Widget", "testing.widgets.get", "name");
  contract_.Add("GetPart", "GetPartRequest", "Part", "testing.parts.get", "name");
  EXPECT_THAT(contract_.Bind(BindProbe), IsOk());
}

}  // namespace
}  // namespace caravan::rpc
