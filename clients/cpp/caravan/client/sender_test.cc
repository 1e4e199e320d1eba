// Streams of requests, against a real server whose streams break as planned.
#include "caravan/client/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/client/errors.h"
#include "caravan/client/service_client.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "services/common/testing/made_up_contract.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::client {
namespace {

using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::testing::Contains;
using ::testing::IsEmpty;
using testing::v1::AddToWidgetRequest;
using testing::v1::Widget;

constexpr char kAdd[] = "/caravan.testing.v1.ProbeService/Add";
constexpr char kSum[] = "/caravan.testing.v1.ProbeService/Sum";

// What the service has seen, and how its answers go.
struct Course {
  absl::Mutex mutex;
  std::vector<int64_t> taken;
  int streams = 0;
  // Errors instead of answers, by how many requests have been taken in all.
  std::map<size_t, absl::Status> errors;
  size_t answer_bytes = 0;
  bool silent = false;  // it never answers

  bool AwaitTaken(size_t count) {
    absl::MutexLock lock(&mutex);
    const auto there = [&] { return taken.size() >= count; };
    return mutex.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(20));
  }
};

template <bool kStream>
class Probe : public rpc::Exchange<AddToWidgetRequest, Widget> {
 public:
  explicit Probe(Course& course) : course_(course) {}

  static absl::StatusOr<std::unique_ptr<rpc::Exchange<AddToWidgetRequest, Widget>>> Open(
      Course& course) {
    absl::MutexLock lock(&course.mutex);
    ++course.streams;
    return std::make_unique<Probe>(course);
  }

  void OnMessage(rpc::Call&, const AddToWidgetRequest& request, Done done) override {
    sum_ += request.amount();
    absl::Status error;
    Widget answer;
    {
      absl::MutexLock lock(&course_.mutex);
      course_.taken.push_back(request.amount());
      if (course_.silent) {
        waiting_.push_back(std::move(done));
        return;
      }
      const auto found = course_.errors.find(course_.taken.size());
      if (found != course_.errors.end()) error = found->second;
      answer.set_title(std::string(course_.answer_bytes, 'x'));
    }
    if (!error.ok()) return done(error);
    if (!kStream) return done(std::nullopt);
    answer.set_count(request.amount());
    done(std::move(answer));
  }

  void OnEnd(rpc::Call&, Done done) override {
    if (kStream) return done(std::nullopt);
    Widget answer;
    answer.set_count(sum_);
    done(std::move(answer));
  }

  void Cancel() override {
    for (Done& done : waiting_) done(std::nullopt);
  }

 private:
  Course& course_;
  int64_t sum_ = 0;
  std::vector<Done> waiting_;
};

class ProbeService : public rpc::Service {
 public:
  ProbeService(const google::protobuf::ServiceDescriptor& descriptor, Course& course)
      : Service(&descriptor) {
    BindExchange<AddToWidgetRequest, Widget>(
        "Add", [&course](rpc::Call&) { return Probe<true>::Open(course); });
    BindExchange<AddToWidgetRequest, Widget>(
        "Sum", [&course](rpc::Call&) { return Probe<false>::Open(course); });
  }
};

// As the generated clients are.
class ProbeClient : public ServiceClient {
 public:
  using ServiceClient::ServiceClient;

  Sender<AddToWidgetRequest, Widget> Add(Sender<AddToWidgetRequest, Widget>::OnAnswer on_answer,
                                         const SendOptions& options = {}) const {
    return Send<AddToWidgetRequest, Widget>(kAdd, std::move(on_answer), options);
  }
  absl::StatusOr<Widget> Sum(Results<AddToWidgetRequest>::NextFunction next) const {
    return SendAll<Widget, AddToWidgetRequest>(kSum, next, {});
  }
};

AddToWidgetRequest Adding(int64_t amount) {
  AddToWidgetRequest request;
  request.set_name("widgets/w1");
  request.set_amount(amount);
  return request;
}

absl::Status Away() { return absl::UnavailableError("the server is being replaced"); }

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() : contract_("ProbeService") {
    auto& add = contract_.Add("Add", "AddToWidgetRequest", "Widget");
    add.set_client_streaming(true);
    add.set_server_streaming(true);
    contract_.Add("Sum", "AddToWidgetRequest", "Widget").set_client_streaming(true);
    host::ServiceDefinition definition = testing::WidgetsDefinition();
    definition.services = [this](const host::Dependencies&) {
      std::vector<std::unique_ptr<rpc::Service>> services;
      services.push_back(std::make_unique<ProbeService>(contract_.Build(), course_));
      return services;
    };
    server_ = testing::TestServer::Start(
        {.definition = definition, .adjust = [](settings::ServerSettings& settings) {
           settings.set_insecure_principal("users/admin");
         }});
    ConnectionOptions options;
    options.address = server_->address();
    options.credentials.plaintext = true;
    options.clock.sleep = [this](absl::Duration) { ++sleeps_; };
    client_.emplace(*Connection::Open(std::move(options)));
  }

  // Notes the answers.
  Sender<AddToWidgetRequest, Widget> Add(SendOptions options = {}) {
    return client_->Add(
        [this](const AddToWidgetRequest& request, const Widget& answer) {
          EXPECT_EQ(request.amount(), answer.count());
          answers_.push_back(answer.count());
        },
        options);
  }

  testing::MadeUpContract contract_;
  Course course_;
  std::unique_ptr<testing::TestServer> server_;
  std::optional<ProbeClient> client_;
  std::vector<int64_t> answers_;
  int sleeps_ = 0;
};

std::vector<int64_t> UpTo(int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t i = 1; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

TEST_F(SenderTest, HearsAnAnswerToEachRequest) {
  auto sender = Add({.window = 5});
  for (int i = 1; i <= 200; ++i) {
    ASSERT_THAT(sender.Send(Adding(i)), IsOk());
    EXPECT_LE(sender.unanswered(), 5u);
  }
  EXPECT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(answers_, UpTo(200));
  EXPECT_EQ(sender.unanswered(), 0u);
  EXPECT_EQ(course_.taken, UpTo(200));
  EXPECT_EQ(course_.streams, 1);
  // It may go on with another stream.
  EXPECT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(course_.streams, 1);
  EXPECT_THAT(sender.Send(Adding(201)), IsOk());
  EXPECT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(answers_, UpTo(201));
  EXPECT_EQ(course_.streams, 2);
}

TEST_F(SenderTest, SendsAgainWhatABrokenStreamLeftUnanswered) {
  course_.errors = {{1, Away()}, {20, Away()}, {21, Away()}, {60, absl::UnavailableError("x")}};
  std::vector<size_t> interruptions;
  auto sender = Add({.window = 8, .on_interrupted = [&](const absl::Status& why, size_t left) {
                       EXPECT_EQ(why.code(), absl::StatusCode::kUnavailable);
                       interruptions.push_back(left);
                     }});
  for (int i = 1; i <= 100; ++i) ASSERT_THAT(sender.Send(Adding(i)), IsOk());
  EXPECT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(answers_, UpTo(100));
  EXPECT_EQ(interruptions.size(), 4u);
  EXPECT_THAT(interruptions, ::testing::Each(::testing::Le(9u)));
  EXPECT_EQ(sleeps_, 4);
  EXPECT_EQ(course_.streams, 5);
  for (int i = 1; i <= 100; ++i) EXPECT_THAT(course_.taken, Contains(i));
}

TEST_F(SenderTest, GivesUpWhereTheStreamOnlyBreaks) {
  for (size_t i = 1; i <= 1000; ++i) course_.errors[i] = Away();
  auto sender = Add({.max_failures = 3});
  (void)sender.Send(Adding(1));
  EXPECT_EQ(sender.Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(sender.Send(Adding(2)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(course_.streams, 4);
  EXPECT_THAT(answers_, IsEmpty());
}

TEST_F(SenderTest, EndsWithARequestThatIsRefused) {
  auto sender = Add();
  for (int i = 1; i <= 3; ++i) ASSERT_THAT(sender.Send(Adding(i)), IsOk());
  (void)sender.Send(Adding(5000));
  const absl::Status refused = sender.Finish();
  EXPECT_THAT(refused, Fails(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  ASSERT_EQ(FieldViolationsOf(refused).size(), 1u);
  EXPECT_EQ(FieldViolationsOf(refused)[0].subject, "amount");
  EXPECT_EQ(answers_, UpTo(3));
  EXPECT_EQ(sender.Send(Adding(4)), refused);
  EXPECT_EQ(course_.streams, 1);
}

// Neither side waits for the other, though both have more to say than fits between.
TEST_F(SenderTest, TakesLargeAnswersWhileItSends) {
  course_.answer_bytes = 300'000;
  auto sender = Add({.window = 50});
  AddToWidgetRequest large = Adding(1);
  large.GetReflection()->MutableUnknownFields(&large)->AddLengthDelimited(
      1000, std::string(300'000, 'x'));
  for (int i = 1; i <= 60; ++i) {
    large.set_amount(i);
    ASSERT_THAT(sender.Send(large), IsOk());
  }
  EXPECT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(answers_, UpTo(60));
}

TEST_F(SenderTest, IsCancelledFromAnotherThread) {
  course_.silent = true;
  const Cancellation cancellation;
  auto sender = Add({.call = {.cancellation = cancellation}});
  ASSERT_THAT(sender.Send(Adding(1)), IsOk());
  std::thread canceller([&] {
    EXPECT_TRUE(course_.AwaitTaken(1));
    Cancellation(cancellation).Cancel();
  });
  EXPECT_EQ(sender.Finish().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(sender.unanswered(), 1u);
  // One that is given up ends its stream.
  auto another = Add();
  ASSERT_THAT(another.Send(Adding(2)), IsOk());
  EXPECT_TRUE(course_.AwaitTaken(2));
}

TEST_F(SenderTest, SendsAllForOneAnswer) {
  int64_t next = 0;
  const auto to_hundred = [&]() -> absl::StatusOr<std::optional<AddToWidgetRequest>> {
    if (next == 100) return std::nullopt;
    return Adding(++next);
  };
  const auto sum = client_->Sum(to_hundred);
  ASSERT_THAT(sum, IsOk());
  EXPECT_EQ(sum->count(), 5050);

  next = 0;
  course_.errors = {{103, Away()}};
  EXPECT_EQ(client_->Sum(to_hundred).status().code(), absl::StatusCode::kUnavailable);
  // Without an end of its own, it ends where the server refuses.
  EXPECT_THAT(client_->Sum([]() -> absl::StatusOr<std::optional<AddToWidgetRequest>> {
    return Adding(5000);
  }),
              Fails(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  EXPECT_THAT(client_->Sum([]() -> absl::StatusOr<std::optional<AddToWidgetRequest>> {
    return absl::DataLossError("the file ends in the middle");
  }),
              Fails(absl::StatusCode::kDataLoss, ""));
  EXPECT_THAT(client_->Sum([]() -> absl::StatusOr<std::optional<AddToWidgetRequest>> {
    return std::nullopt;
  }),
              Fails(absl::StatusCode::kInvalidArgument, "EMPTY_STREAM"));
}

}  // namespace
}  // namespace caravan::client
