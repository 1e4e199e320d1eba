// Calls that take streams of requests, through a real server.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/rpc/runtime.h"
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

constexpr absl::Duration kPatience = absl::Seconds(20);

// What happens at the service's side, and what the test answers there.
class Handled {
 public:
  using Done = Exchange<AddToWidgetRequest, Widget>::Done;

  // Answers are given by the test; else at once.
  void Hold() {
    absl::MutexLock lock(&mutex_);
    hold_ = true;
  }
  void RefuseToOpen(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    refusal_ = status;
  }

  // Waits until so many requests have been taken in all.
  bool AwaitTaken(int count) {
    absl::MutexLock lock(&mutex_);
    const auto taken = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return taken_ >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&taken), kPatience);
  }
  bool AwaitClosed(int count = 1) { return Await(closed_, count); }
  bool AwaitCancelled() { return Await(cancelled_, 1); }
  bool AwaitEnded() { return Await(ended_, 1); }

  // Gives the answer to the request of an amount.
  void Answer(int64_t amount, absl::Status status = absl::OkStatus()) {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::move(waiting_.at(amount));
      waiting_.erase(amount);
    }
    Give(std::move(done), amount, status);
  }
  void AnswerEnd() {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::move(end_);
    }
    Give(std::move(done), 0, absl::OkStatus());
  }

  int taken() { return Get(taken_); }
  int cancelled() { return Get(cancelled_); }
  int ended() { return Get(ended_); }
  int most_at_once() { return Get(most_at_once_); }
  int opened() { return Get(opened_); }
  absl::Time opened_deadline() { return Get(opened_deadline_); }
  absl::Time message_deadline() { return Get(message_deadline_); }

  static void Give(Done done, int64_t amount, const absl::Status& status) {
    if (!status.ok()) return done(status);
    Widget widget;
    widget.set_count(amount);
    done(widget);
  }

 private:
  template <bool kStream>
  friend class Probe;

  template <class T>
  T Get(const T& value) {
    absl::MutexLock lock(&mutex_);
    return value;
  }
  bool Await(const int& value, int count) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&] { return value >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
  }

  absl::Mutex mutex_;
  bool hold_ = false;
  absl::Status refusal_;
  int opened_ = 0;
  int taken_ = 0;
  int cancelled_ = 0;
  int ended_ = 0;
  int closed_ = 0;
  int most_at_once_ = 0;
  absl::Time opened_deadline_;
  absl::Time message_deadline_;
  std::map<int64_t, Done> waiting_;
  Done end_;
};

// Answers each request, or (kStream false) the sum at the end.
template <bool kStream>
class Probe : public Exchange<AddToWidgetRequest, Widget> {
 public:
  explicit Probe(Handled& handled) : handled_(handled) {}
  ~Probe() override {
    absl::MutexLock lock(&handled_.mutex_);
    ++handled_.closed_;
  }

  static absl::StatusOr<std::unique_ptr<Exchange<AddToWidgetRequest, Widget>>> Open(
      Handled& handled, Call& call) {
    absl::MutexLock lock(&handled.mutex_);
    if (!handled.refusal_.ok()) return handled.refusal_;
    ++handled.opened_;
    handled.opened_deadline_ = call.deadline;
    return std::make_unique<Probe>(handled);
  }

  void OnMessage(Call& call, const AddToWidgetRequest& request, Done done) override {
    const int64_t amount = request.amount();
    sum_ += amount;
    {
      absl::MutexLock lock(&handled_.mutex_);
      ++handled_.taken_;
      handled_.message_deadline_ = call.deadline;
      if (handled_.hold_) {
        handled_.waiting_[amount] = std::move(done);
        handled_.most_at_once_ =
            std::max(handled_.most_at_once_, static_cast<int>(handled_.waiting_.size()));
        return;
      }
    }
    if (!kStream) return done(std::nullopt);
    Handled::Give(std::move(done), amount, absl::OkStatus());
  }

  void OnEnd(Call&, Done done) override {
    {
      absl::MutexLock lock(&handled_.mutex_);
      ++handled_.ended_;
      if (handled_.hold_) {
        handled_.end_ = std::move(done);
        return;
      }
    }
    if (kStream) return done(std::nullopt);
    Handled::Give(std::move(done), sum_, absl::OkStatus());
  }

  void Cancel() override {
    std::vector<Done> waiting;
    {
      absl::MutexLock lock(&handled_.mutex_);
      ++handled_.cancelled_;
      for (auto& [amount, done] : handled_.waiting_) waiting.push_back(std::move(done));
      handled_.waiting_.clear();
      if (handled_.end_) waiting.push_back(std::move(handled_.end_));
    }
    for (Done& done : waiting) done(absl::CancelledError("told"));
  }

  int MostInProgress() const override { return 3; }

 private:
  Handled& handled_;
  int64_t sum_ = 0;
};

class ProbeService : public Service {
 public:
  ProbeService(const google::protobuf::ServiceDescriptor& descriptor, Handled& handled)
      : Service(&descriptor) {
    BindExchange<AddToWidgetRequest, Widget>(
        "Add", [&handled](Call& call) { return Probe<true>::Open(handled, call); });
    BindExchange<AddToWidgetRequest, Widget>(
        "Sum", [&handled](Call& call) { return Probe<false>::Open(handled, call); });
    // A handler that mistakes one kind for the other.
    BindExchange<AddToWidgetRequest, Widget>(
        "Mistaken", [&handled](Call& call) { return Probe<true>::Open(handled, call); });
  }
};

AddToWidgetRequest Adding(int64_t amount, const std::string& name = "widgets/w1") {
  AddToWidgetRequest request;
  request.set_name(name);
  request.set_amount(amount);
  return request;
}

// A call of a test.
class Client {
 public:
  Client(const testing::TestServer& server, const std::string& method,
         const CallOptions& options = {}) {
    testing::Prepare(context_, options);
    const std::string path = "/caravan.testing.v1.ProbeService/" + method;
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
    stream_.reset(grpc::internal::ClientReaderWriterFactory<AddToWidgetRequest, Widget>::Create(
        server.caller().channel().get(), rpc, &context_));
  }
  ~Client() {
    if (finished_) return;
    Cancel();
    (void)Finish();
  }

  bool Send(const AddToWidgetRequest& request) { return stream_->Write(request); }
  bool Send(int64_t amount) { return Send(Adding(amount)); }
  void End() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }

  // The amounts of the next answers; fewer where the stream ends before.
  std::vector<int64_t> Read(int count) {
    std::vector<int64_t> amounts;
    Widget widget;
    while (static_cast<int>(amounts.size()) < count && stream_->Read(&widget)) {
      amounts.push_back(widget.count());
    }
    return amounts;
  }

  // How it ended; what has not been read is passed over.
  absl::Status Finish() {
    finished_ = true;
    Read(1'000'000);
    return testing::FromGrpc(stream_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<AddToWidgetRequest, Widget>> stream_;
  bool finished_ = false;
};

class ExchangeCallTest : public ::testing::Test {
 protected:
  ExchangeCallTest() : contract_("ProbeService") {
    auto& add = contract_.Add("Add", "AddToWidgetRequest", "Widget", "testing.probe.call", "name");
    add.set_client_streaming(true);
    add.set_server_streaming(true);
    for (const char* name : {"Sum", "Mistaken"}) {
      contract_.Add(name, "AddToWidgetRequest", "Widget", "testing.probe.call", "name")
          .set_client_streaming(true);
    }
    Start(nullptr);
  }

  void Start(std::function<void(settings::ServerSettings& settings)> adjust) {
    host::ServiceDefinition definition = testing::WidgetsDefinition();
    definition.services = [this](const host::Dependencies&) {
      std::vector<std::unique_ptr<Service>> services;
      services.push_back(std::make_unique<ProbeService>(contract_.Build(), handled_));
      return services;
    };
    server_.reset();
    server_ = testing::TestServer::Start(
        {.definition = definition,
         .access = testing::PolicyOf(
             {{"users/admin", "*"}, {"users/one", "testing.probe.call", "widgets/w1"}}),
         .adjust = std::move(adjust)});
  }

  void Drain() { server_->host().server_options().on_drain(); }

  std::string Metrics() { return server_->host().server_options().metrics->ToText(); }

  MadeUpContract contract_;
  Handled handled_;
  std::unique_ptr<testing::TestServer> server_;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(ExchangeCallTest, EachRequestIsAnswered) {
  Client client(*server_, "Add");
  for (int i = 1; i <= 100; ++i) {
    ASSERT_TRUE(client.Send(i));
    ASSERT_THAT(client.Read(1), ElementsAre(i));
  }
  client.End();
  EXPECT_THAT(client.Finish(), IsOk());
  EXPECT_TRUE(handled_.AwaitClosed());
  EXPECT_EQ(handled_.opened(), 1);
  EXPECT_EQ(handled_.ended(), 1);
  EXPECT_EQ(handled_.cancelled(), 0);
}

TEST_F(ExchangeCallTest, AnswersComeInTheOrderOfTheRequests) {
  handled_.Hold();
  Client client(*server_, "Add");
  for (int i = 1; i <= 3; ++i) client.Send(i);
  client.End();
  ASSERT_TRUE(handled_.AwaitTaken(3));
  for (int i = 3; i >= 1; --i) handled_.Answer(i);
  EXPECT_THAT(client.Read(3), ElementsAre(1, 2, 3));
  ASSERT_TRUE(handled_.AwaitEnded());
  handled_.AnswerEnd();
  // A stream may have a last answer, to its end.
  EXPECT_THAT(client.Read(2), ElementsAre(0));
  EXPECT_THAT(client.Finish(), IsOk());
}

TEST_F(ExchangeCallTest, NoMoreIsTakenThanIsInProgress) {
  handled_.Hold();
  Client client(*server_, "Add");
  for (int i = 1; i <= 30; ++i) client.Send(i);
  client.End();
  for (int i = 1; i <= 30; ++i) {
    // One more than before, for each that has been answered.
    ASSERT_TRUE(handled_.AwaitTaken(std::min(i + 2, 30)));
    EXPECT_EQ(handled_.taken(), std::min(i + 2, 30));
    handled_.Answer(i);
  }
  ASSERT_TRUE(handled_.AwaitEnded());
  EXPECT_EQ(handled_.most_at_once(), 3);
  handled_.AnswerEnd();
  EXPECT_EQ(client.Read(30).size(), 30u);
  EXPECT_THAT(client.Finish(), IsOk());
}

// Flow control passes on what the handler cannot take: nothing piles up.
TEST_F(ExchangeCallTest, AClientIsHeldBackWhileNothingIsAnswered) {
  handled_.Hold();
  AddToWidgetRequest large = Adding(1);
  large.GetReflection()->MutableUnknownFields(&large)->AddLengthDelimited(
      1000, std::string(200'000, 'x'));
  Client client(*server_, "Add", {.timeout = absl::Seconds(1)});
  int sent = 0;
  for (; sent < 1000; ++sent) {
    large.set_amount(sent);
    if (!client.Send(large)) break;
  }
  EXPECT_LT(sent, 500);
  EXPECT_EQ(client.Finish().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(handled_.AwaitClosed());
  EXPECT_EQ(handled_.taken(), 3);
}

TEST_F(ExchangeCallTest, ARequestThatIsWrongEndsTheStreamBehindTheAnswersBefore) {
  handled_.Hold();
  Client client(*server_, "Add");
  client.Send(1);
  client.Send(2);
  client.Send(5000);
  client.Send(4);
  ASSERT_TRUE(handled_.AwaitTaken(2));
  handled_.Answer(1);
  handled_.Answer(2);
  EXPECT_THAT(client.Read(3), ElementsAre(1, 2));
  EXPECT_THAT(client.Finish(),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"amount"})));
  EXPECT_TRUE(handled_.AwaitClosed());
  EXPECT_EQ(handled_.taken(), 2);
  EXPECT_EQ(handled_.ended(), 0);
}

TEST_F(ExchangeCallTest, EachRequestIsPermittedByItself) {
  const CallOptions one = {.principal = "users/one"};
  Client client(*server_, "Add", one);
  client.Send(1);
  EXPECT_THAT(client.Read(1), ElementsAre(1));
  client.Send(Adding(2, "widgets/w2"));
  EXPECT_THAT(client.Finish(), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_EQ(handled_.taken(), 1);

  // Permission comes before validation, and before the handler is asked.
  Client other(*server_, "Add", {.principal = "users/nobody"});
  other.Send(5000);
  EXPECT_THAT(other.Finish(), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_EQ(handled_.opened(), 1);
}

TEST_F(ExchangeCallTest, WhoCallsIsAskedBeforeTheFirstRequest) {
  Client client(*server_, "Add", {.principal = ""});
  EXPECT_THAT(client.Finish(), Fails(StatusCode::kUnauthenticated, "NO_PRINCIPAL"));
}

TEST_F(ExchangeCallTest, RequestsAreNoneWhereTheyCannotBeParsed) {
  grpc::ClientContext context;
  testing::Prepare(context, {});
  const grpc::internal::RpcMethod rpc("/caravan.testing.v1.ProbeService/Add",
                                      grpc::internal::RpcMethod::BIDI_STREAMING);
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          server_->caller().channel().get(), rpc, &context));
  const grpc::Slice slice(std::string("\x0a\x7f", 2));
  stream->Write(grpc::ByteBuffer(&slice, 1));
  grpc::ByteBuffer answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_THAT(testing::FromGrpc(stream->Finish()),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_REQUEST"));
}

TEST_F(ExchangeCallTest, RequestsHaveTheSizeOfUnaryOnes) {
  Start([](settings::ServerSettings& settings) { settings.set_max_message_bytes(10'000); });
  AddToWidgetRequest large = Adding(2);
  large.GetReflection()->MutableUnknownFields(&large)->AddLengthDelimited(1000,
                                                                          std::string(10'000, 'x'));
  Client client(*server_, "Add");
  client.Send(1);
  EXPECT_THAT(client.Read(1), ElementsAre(1));
  client.Send(large);
  EXPECT_EQ(client.Finish().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(handled_.AwaitClosed());
  EXPECT_EQ(handled_.taken(), 1);
}

TEST_F(ExchangeCallTest, AnErrorOfTheHandlerEndsTheStream) {
  handled_.Hold();
  Client client(*server_, "Add");
  for (int i = 1; i <= 3; ++i) client.Send(i);
  ASSERT_TRUE(handled_.AwaitTaken(3));
  handled_.Answer(2, api::Error(StatusCode::kFailedPrecondition, "FULL", "it is full"));
  handled_.Answer(1);
  EXPECT_THAT(client.Read(3), ElementsAre(1));
  EXPECT_THAT(client.Finish(), Fails(StatusCode::kFailedPrecondition, "FULL"));
  // The third learnt that nobody waits for it.
  EXPECT_EQ(handled_.cancelled(), 1);

  handled_.RefuseToOpen(api::Error(StatusCode::kFailedPrecondition, "CLOSED", "it is closed"));
  Client another(*server_, "Add");
  another.Send(1);
  EXPECT_THAT(another.Finish(), Fails(StatusCode::kFailedPrecondition, "CLOSED"));
}

TEST_F(ExchangeCallTest, AHandlerLearnsThatTheClientHasGone) {
  handled_.Hold();
  Client client(*server_, "Add");
  client.Send(1);
  ASSERT_TRUE(handled_.AwaitTaken(1));
  client.Cancel();
  EXPECT_EQ(client.Finish().code(), StatusCode::kCancelled);
  EXPECT_TRUE(handled_.AwaitCancelled());
  EXPECT_TRUE(handled_.AwaitClosed());
}

TEST_F(ExchangeCallTest, OnlyTheClientsDeadlineEndsAStream) {
  Start([](settings::ServerSettings& settings) {
    settings.mutable_default_deadline()->set_seconds(7);
    settings.mutable_max_deadline()->set_seconds(7);
  });
  {
    Client client(*server_, "Add", {.timeout = absl::InfiniteDuration()});
    client.Send(1);
    EXPECT_THAT(client.Read(1), ElementsAre(1));
    EXPECT_EQ(handled_.opened_deadline(), absl::InfiniteFuture());
    // What a request asks for in turn takes no longer than that of another method.
    EXPECT_LE(handled_.message_deadline(), absl::Now() + absl::Seconds(7));
    client.End();
    EXPECT_THAT(client.Finish(), IsOk());
  }
  handled_.Hold();
  Client client(*server_, "Add", {.timeout = absl::Milliseconds(200)});
  client.Send(1);
  EXPECT_EQ(client.Finish().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(handled_.AwaitClosed(2));
}

TEST_F(ExchangeCallTest, ADrainEndsStreamsBehindWhatHasBeenTaken) {
  Client idle(*server_, "Add");
  idle.Send(1);
  EXPECT_THAT(idle.Read(1), ElementsAre(1));
  handled_.Hold();
  Client client(*server_, "Add");
  client.Send(2);
  client.Send(3);
  ASSERT_TRUE(handled_.AwaitTaken(3));
  Drain();
  EXPECT_THAT(idle.Finish(), Fails(StatusCode::kUnavailable, "DRAINING"));
  handled_.Answer(2);
  handled_.Answer(3);
  EXPECT_THAT(client.Read(3), ElementsAre(2, 3));
  EXPECT_THAT(client.Finish(), Fails(StatusCode::kUnavailable, "DRAINING"));
  EXPECT_EQ(handled_.cancelled(), 0);
  Client late(*server_, "Add");
  EXPECT_THAT(late.Finish(), Fails(StatusCode::kUnavailable, "DRAINING"));
}

TEST_F(ExchangeCallTest, AStreamThatHasEndedIsAnsweredThoughTheServerDrains) {
  Client client(*server_, "Sum");
  client.Send(1);
  ASSERT_TRUE(handled_.AwaitTaken(1));
  handled_.Hold();
  client.End();
  ASSERT_TRUE(handled_.AwaitEnded());
  Drain();
  handled_.AnswerEnd();
  EXPECT_THAT(client.Read(2), ElementsAre(0));
  EXPECT_THAT(client.Finish(), IsOk());
}

TEST_F(ExchangeCallTest, AStreamOfRequestsHasOneAnswerAtItsEnd) {
  Client client(*server_, "Sum");
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(client.Send(i));
  client.End();
  EXPECT_THAT(client.Read(2), ElementsAre(5050));
  EXPECT_THAT(client.Finish(), IsOk());

  Client wrong(*server_, "Sum");
  wrong.Send(1);
  wrong.Send(5000);
  EXPECT_THAT(wrong.Read(1), IsEmpty());
  EXPECT_THAT(wrong.Finish(), Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
}

TEST_F(ExchangeCallTest, AHandlerMustAnswerAtTheEndAndOnlyThere) {
  Client early(*server_, "Mistaken");
  early.Send(1);
  EXPECT_THAT(early.Finish(), Fails(StatusCode::kInternal, "INTERNAL"));
}

TEST_F(ExchangeCallTest, NobodyIsAskedForNothing) {
  Client client(*server_, "Add");
  client.End();
  EXPECT_THAT(client.Finish(), IsOk());
  Client sum(*server_, "Sum");
  sum.End();
  EXPECT_THAT(sum.Finish(), Fails(StatusCode::kInvalidArgument, "EMPTY_STREAM"));
  EXPECT_EQ(handled_.opened(), 0);
}

TEST_F(ExchangeCallTest, ACallIsCountedOnceAndItsRequestsByThemselves) {
  Client client(*server_, "Add");
  for (int i = 1; i <= 3; ++i) client.Send(i);
  client.End();
  EXPECT_THAT(client.Finish(), IsOk());
  ASSERT_TRUE(handled_.AwaitClosed());
  const std::string labels =
      "grpc_method=\"Add\",grpc_service=\"caravan.testing.v1.ProbeService\"} ";
  const std::string text = Metrics();
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\"," + labels + "1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_msg_received_total{" + labels + "3\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_in_flight{" + labels + "0\n"));
}

// Clients that go at any time, answers from another thread, and a drain.
TEST_F(ExchangeCallTest, StreamsEndInAnyWay) {
  constexpr int kClients = 8;
  constexpr int kRounds = 30;
  std::vector<std::thread> threads;
  for (int t = 0; t < kClients; ++t) {
    threads.emplace_back([this, t] {
      for (int round = 0; round < kRounds; ++round) {
        Client client(*server_, round % 2 == 0 ? "Add" : "Sum");
        std::thread canceller;
        for (int i = 0; i < (t + round) % 7; ++i) client.Send(i);
        if ((t + round) % 3 == 0) canceller = std::thread([&client] { client.Cancel(); });
        if ((t + round) % 5 == 0) client.Send(5000);
        if (round % 4 != 0) client.End();
        if (round % 4 == 1) client.Read(2);
        if (round % 4 == 0) client.Cancel();
        const StatusCode code = client.Finish().code();
        EXPECT_THAT(code, ::testing::AnyOf(StatusCode::kOk, StatusCode::kCancelled,
                                           StatusCode::kInvalidArgument, StatusCode::kUnavailable));
        if (canceller.joinable()) canceller.join();
        if (t == 0 && round == kRounds - 5) Drain();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(handled_.AwaitClosed(handled_.opened()));
}

}  // namespace
}  // namespace caravan::rpc
