// Waits for the operations of a real server.
#include "caravan/client/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "services/common/api/errors.h"
#include "services/common/operations/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::client {
namespace {

using ::caravan::testing::Fails;
using ::caravan::testing::IsOk;
using ::google::protobuf::StringValue;
using ::testing::ElementsAre;

// Widgets, with operations that echo, fail, or wait at a gate.
class OperationsClientTest : public ::testing::Test {
 protected:
  OperationsClientTest() {
    host::ServiceDefinition definition = testing::WidgetsDefinition();
    definition.services = [this,
                           widgets = definition.services](const host::Dependencies& dependencies) {
      operations_ = &dependencies.operations;
      operations_->Register<StringValue, StringValue>(
          "Echo",
          [this](operations::OperationContext& context,
                 const StringValue& text) -> absl::StatusOr<StringValue> {
            if (text.value() == "gate") gate_.Pass();
            // The runner hears of a cancellation a moment after it was asked for.
            while (text.value() == "cancel me" && !context.cancelled()) std::this_thread::yield();
            if (context.cancelled()) return context.CancelledStatus();
            if (text.value() == "fail") {
              return api::Error(absl::StatusCode::kFailedPrecondition, "NO_ECHO", "too quiet");
            }
            return text;
          });
      return widgets(dependencies);
    };
    server_ = testing::TestServer::Start(
        {.definition = definition, .adjust = [](settings::ServerSettings& settings) {
           settings.set_insecure_principal("users/admin");
         }});
    ConnectionOptions options;
    options.address = server_->address();
    options.credentials.plaintext = true;
    client_.emplace(*Connection::Open(std::move(options)), CallOptions{.service = "testing"});
  }

  // As a method that starts an operation answers.
  Operation Start(const std::string& text) {
    resources::Caller caller;
    caller.principal.name = "users/admin";
    caller.method = "test";
    caller.now = absl::Now();
    StringValue parameters;
    parameters.set_value(text);
    Operation operation;
    EXPECT_THAT(server_->host().store().WriteAndWait([&](store::Transaction& tx) {
      auto started = operations_->Start(caller, tx, "Echo", parameters, "widgets/w1");
      if (started.ok()) operation = *started;
      return started.status();
    }),
                IsOk());
    return operation;
  }

  operations::Gate gate_;
  operations::Operations* operations_ = nullptr;
  std::unique_ptr<testing::TestServer> server_;
  std::optional<OperationsClient> client_;
};

TEST_F(OperationsClientTest, WaitsForTheResult) {
  const auto result = AwaitResult<StringValue>(*client_, Start("hello"));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value(), "hello");
  // A result of another type than asked for is not believed.
  EXPECT_THAT(AwaitResult<google::protobuf::Int64Value>(*client_, Start("hello")),
              Fails(absl::StatusCode::kDataLoss, "BAD_ANSWER"));
  EXPECT_THAT(AwaitResult<StringValue>(*client_, absl::NotFoundError("none")),
              Fails(absl::StatusCode::kNotFound, ""));
}

TEST_F(OperationsClientTest, TellsWhyItFailed) {
  const auto result = AwaitResult<StringValue>(*client_, Start("fail"));
  EXPECT_THAT(result, Fails(absl::StatusCode::kFailedPrecondition, "NO_ECHO"));
}

TEST_F(OperationsClientTest, TellsHowFarItIs) {
  const Operation started = Start("gate");
  EXPECT_THAT(ResultOf<StringValue>(started),
              Fails(absl::StatusCode::kFailedPrecondition, "OPERATION_RUNNING"));
  EXPECT_THAT(ErrorOf(started), IsOk());
  gate_.AwaitArrival();
  int heard = 0;
  const auto done = client_->Wait(
      started, {.first_wait = absl::Milliseconds(1), .on_progress = [&](const Operation& now) {
                  EXPECT_EQ(ProgressOf(now).resource(), "widgets/w1");
                  if (++heard == 2) gate_.Open();
                }});
  ASSERT_THAT(done, IsOk());
  EXPECT_GE(heard, 3);
  EXPECT_EQ(ResultOf<StringValue>(*done)->value(), "gate");
}

TEST_F(OperationsClientTest, StopsWaitingInTime) {
  const Operation started = Start("gate");
  EXPECT_THAT(client_->Wait(started, {.timeout = absl::Milliseconds(20)}),
              Fails(absl::StatusCode::kDeadlineExceeded, "OPERATION_RUNNING"));
  gate_.AwaitArrival();
  gate_.Open();
  EXPECT_THAT(AwaitResult<StringValue>(*client_, started), IsOk());
}

TEST_F(OperationsClientTest, CancelsListsAndDeletes) {
  const Operation started = Start("cancel me");
  EXPECT_THAT(client_->Cancel(started.name()), IsOk());
  EXPECT_EQ(AwaitResult<StringValue>(*client_, started).status().code(),
            absl::StatusCode::kCancelled);
  std::vector<std::string> names;
  for (const auto& operation : client_->List("done = true")) {
    ASSERT_THAT(operation, IsOk());
    names.push_back(operation->name());
  }
  EXPECT_THAT(names, ElementsAre(started.name()));
  EXPECT_THAT(client_->Delete(started.name()), IsOk());
  EXPECT_EQ(client_->Get(started.name()).status().code(), absl::StatusCode::kNotFound);
}

TEST(OperationsTest, ReadsOddAnswers) {
  Operation odd;
  odd.set_done(true);
  EXPECT_THAT(ResultOf<StringValue>(odd), Fails(absl::StatusCode::kDataLoss, "BAD_ANSWER"));
  EXPECT_EQ(ProgressOf(odd).resource(), "");
}

}  // namespace
}  // namespace caravan::client
