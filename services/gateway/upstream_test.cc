// Services that come, go, refuse and break.
#include "services/gateway/upstream.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/gateway/testing/backend.h"
#include "services/gateway/testing/raw_http2.h"
#include "services/gateway/testing/test_gateway.h"

namespace caravan::gateway {
namespace {

using grpc::StatusCode;
using testing::Answer;
using testing::Backend;
using testing::Call;
using testing::Encode;
using testing::EncodeHeaders;
using testing::Message;
using testing::Number32;
using testing::RawListener;
using testing::RawPeer;
using testing::TestGateway;

constexpr char kEcho[] = "/caravan.zones.v1.TestService/Echo";

// Answers a call as Echo would, with this text.
std::string OkAnswer(int32_t stream, const std::string& text) {
  return absl::StrCat(
      EncodeHeaders(stream, {{":status", "200"}, {"content-type", "application/grpc"}}, false),
      Encode(NGHTTP2_DATA, 0, stream, Message(text)),
      EncodeHeaders(stream, {{"grpc-status", "0"}}, true));
}

std::string GoAway(int32_t last_stream, uint32_t error = NGHTTP2_NO_ERROR) {
  return Encode(NGHTTP2_GOAWAY, 0, 0,
                absl::StrCat(Number32(static_cast<uint32_t>(last_stream)), Number32(error)));
}

bool HasRetryInfo(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const auto& detail : details.details()) {
    if (detail.Is<google::rpc::RetryInfo>()) return true;
  }
  return false;
}

// A call in a thread of its own.
class Calling {
 public:
  Calling(const TestGateway& gateway, const std::string& message)
      : channel_(gateway.NewChannel()),
        thread_([this, message] { answer_ = Call(channel_, kEcho, message); }) {}
  ~Calling() {
    if (thread_.joinable()) thread_.join();
  }
  const Answer& Wait() {
    if (thread_.joinable()) thread_.join();
    return answer_;
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  Answer answer_;
  std::thread thread_;
};

TEST(UpstreamTest, SendsRefusedCallsAgain) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()));
  const auto service = listener.Accept();
  ASSERT_NE(service, nullptr);
  Calling call(gateway, "again");
  auto headers = service->ReadUntil(NGHTTP2_HEADERS);
  ASSERT_TRUE(headers);
  const auto data = service->ReadUntil(NGHTTP2_DATA);
  ASSERT_TRUE(data);
  service->Send(Encode(NGHTTP2_RST_STREAM, 0, headers->stream, Number32(NGHTTP2_REFUSED_STREAM)));
  headers = service->ReadUntil(NGHTTP2_HEADERS);
  ASSERT_TRUE(headers);
  const auto again = service->ReadUntil(NGHTTP2_DATA);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->payload, data->payload);
  service->Send(OkAnswer(headers->stream, "done"));
  EXPECT_EQ(call.Wait().message, "done");
  EXPECT_EQ(gateway.Metric("caravan_gateway_retries_total{service=\"zones\"}"), 1);
}

TEST(UpstreamTest, GivesUpOnCallsThatAreRefusedAgainAndAgain) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()));
  const auto service = listener.Accept();
  ASSERT_NE(service, nullptr);
  Calling call(gateway, "x");
  for (int i = 0; i < 3; ++i) {
    const auto headers = service->ReadUntil(NGHTTP2_HEADERS);
    ASSERT_TRUE(headers);
    service->Send(Encode(NGHTTP2_RST_STREAM, 0, headers->stream, Number32(NGHTTP2_REFUSED_STREAM)));
  }
  EXPECT_EQ(call.Wait().status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(HasRetryInfo(call.Wait().status));
}

TEST(UpstreamTest, SendsCallsBehindAGoAwayElsewhereAndFinishesThoseBefore) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()));
  const auto leaving = listener.Accept();
  ASSERT_NE(leaving, nullptr);
  Calling first(gateway, "first");
  const auto data = leaving->ReadUntil(NGHTTP2_DATA);
  ASSERT_TRUE(data);
  Calling second(gateway, "second");
  ASSERT_TRUE(leaving->ReadUntil(NGHTTP2_DATA));
  leaving->Send(GoAway(data->stream));
  const auto next = listener.Accept();
  ASSERT_NE(next, nullptr);
  const auto headers = next->ReadUntil(NGHTTP2_HEADERS);
  ASSERT_TRUE(headers);
  next->Send(OkAnswer(headers->stream, "second done"));
  EXPECT_EQ(second.Wait().message, "second done");
  leaving->Send(OkAnswer(data->stream, "first done"));
  EXPECT_EQ(first.Wait().message, "first done");
  EXPECT_TRUE(leaving->ClosedWithin(absl::Seconds(10)));
}

TEST(UpstreamTest, DoesNotSendAgainWhatMayHaveBeenDone) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()));
  auto service = listener.Accept();
  ASSERT_NE(service, nullptr);
  Calling call(gateway, "x");
  ASSERT_TRUE(service->ReadUntil(NGHTTP2_DATA));
  service.reset();
  EXPECT_EQ(call.Wait().status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(HasRetryInfo(call.Wait().status));
  EXPECT_EQ(gateway.Metric("caravan_gateway_retries_total{service=\"zones\"}"), 0);
}

TEST(UpstreamTest, EndsAnswersThatBreakOffWithAStatus) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()));
  auto service = listener.Accept();
  ASSERT_NE(service, nullptr);
  Calling call(gateway, "x");
  const auto data = service->ReadUntil(NGHTTP2_DATA);
  ASSERT_TRUE(data);
  const int32_t stream = data->stream;
  service->Send(absl::StrCat(
      EncodeHeaders(stream, {{":status", "200"}, {"content-type", "application/grpc"}}, false),
      Encode(NGHTTP2_DATA, 0, stream, Message("part"))));
  service->Send(Encode(NGHTTP2_RST_STREAM, 0, stream, Number32(NGHTTP2_INTERNAL_ERROR)));
  EXPECT_EQ(call.Wait().message, "part");
  EXPECT_EQ(call.Wait().status.error_code(), StatusCode::UNAVAILABLE);
}

TEST(UpstreamTest, LetsCallsWaitForAServiceThatComesSoon) {
  std::string address;
  { address = Backend().address(); }
  TestGateway gateway(absl::StrCat("zones=", address), [](GatewaySettings& settings) {
    settings.mutable_upstream_wait()->set_seconds(20);
  });
  Calling call(gateway, "patience");
  ASSERT_TRUE(gateway.AwaitMetric("caravan_gateway_upstream_waiting{service=\"zones\"}", 1));
  const Backend backend(address);
  EXPECT_EQ(call.Wait().message, "patience");
}

TEST(UpstreamTest, FailsCallsToAServiceThatDoesNotCome) {
  std::string address;
  { address = Backend().address(); }
  TestGateway gateway(absl::StrCat("zones=", address), [](GatewaySettings& settings) {
    settings.mutable_upstream_wait()->set_nanos(200'000'000);
    settings.set_upstream_waiting(1);
  });
  Calling waits(gateway, "x");
  ASSERT_TRUE(gateway.AwaitMetric("caravan_gateway_upstream_waiting{service=\"zones\"}", 1) ||
              !waits.Wait().status.ok());
  const Answer answer = Call(gateway.NewChannel(), kEcho, "one too many");
  EXPECT_EQ(answer.status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(HasRetryInfo(answer.status));
  EXPECT_EQ(waits.Wait().status.error_code(), StatusCode::UNAVAILABLE);
}

TEST(UpstreamTest, KeepsToTheStreamsThatAServiceAllows) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()),
                      [](GatewaySettings& settings) { settings.set_upstream_connections(1); });
  const auto service = listener.Accept({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
  ASSERT_NE(service, nullptr);
  Calling first(gateway, "1");
  ASSERT_TRUE(service->ReadUntil(NGHTTP2_DATA));
  Calling second(gateway, "2");
  ASSERT_TRUE(gateway.AwaitMetric("caravan_gateway_upstream_waiting{service=\"zones\"}", 1));
  service->Send(OkAnswer(1, "one"));
  EXPECT_EQ(first.Wait().message, "one");
  const auto headers = service->ReadUntil(NGHTTP2_HEADERS);
  ASSERT_TRUE(headers);
  service->Send(OkAnswer(headers->stream, "two"));
  EXPECT_EQ(second.Wait().message, "two");
}

TEST(UpstreamTest, FindsServicesThatAreDead) {
  RawListener listener;
  TestGateway gateway(absl::StrCat("zones=", listener.address()), [](GatewaySettings& settings) {
    settings.mutable_upstream_keepalive()->set_seconds(1);
  });
  const auto service = listener.Accept();
  ASSERT_NE(service, nullptr);
  const auto ping = service->ReadUntil(NGHTTP2_PING);
  ASSERT_TRUE(ping);
  EXPECT_EQ(ping->flags, 0);
}

TEST(UpstreamTest, SpreadsCallsOverAddresses) {
  Backend one;
  Backend two;
  TestGateway gateway(absl::StrCat("zones=", one.address()), [&](GatewaySettings& settings) {
    settings.add_upstream(absl::StrCat("zones=", two.address()));
  });
  const std::string ready = "caravan_gateway_upstream_connections{service=\"zones\"}";
  ASSERT_TRUE(gateway.AwaitMetric(ready, 2));
  const auto channel = gateway.NewChannel();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<testing::Stream>> streams;
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(
        testing::Start(channel, "/caravan.zones.v1.TestService/Hang", *contexts.back()));
    ASSERT_TRUE(gateway.AwaitMetric("caravan_gateway_calls", i + 1));
  }
  for (const auto& context : contexts) context->TryCancel();
  EXPECT_TRUE(one.AwaitCancelled(2));
  EXPECT_TRUE(two.AwaitCancelled(2));
  for (const auto& stream : streams) stream->Finish();
}

TEST(UpstreamTest, LosesNoCallWhenAServiceRestartsInOrder) {
  auto backend = std::make_unique<Backend>();
  const std::string address = backend->address();
  TestGateway gateway(absl::StrCat("zones=", address));
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::vector<std::string> bad;
  absl::Mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto channel = gateway.NewChannel();
      while (!stop) {
        const Answer answer = Call(channel, kEcho, "x");
        if (answer.status.ok()) {
          ++good;
        } else {
          absl::MutexLock lock(&mutex);
          bad.push_back(answer.status.error_message());
        }
      }
    });
  }
  for (int restart = 0; restart < 3; ++restart) {
    const int before = good;
    while (good < before + 50) std::this_thread::yield();
    // As services do when they are asked to stop: first they say so.
    backend->SayNotServing();
    const std::string ready = "caravan_gateway_upstream_connections{service=\"zones\"}";
    while (gateway.Metric(ready) > 0) std::this_thread::yield();
    backend->Shutdown(absl::Seconds(5));
    backend = std::make_unique<Backend>(address);
  }
  const int before = good;
  while (good < before + 50) std::this_thread::yield();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(bad, ::testing::IsEmpty());
}

TEST(UpstreamTest, ReachesServicesByUnixSockets) {
  const std::string path =
      absl::StrCat("unix:", ::testing::TempDir(), "/gateway_upstream_test.sock");
  Backend backend(path);
  TestGateway gateway(absl::StrCat("zones=", path));
  EXPECT_EQ(Call(gateway.NewChannel(), kEcho, "hello").message, "hello");
}

TEST(UpstreamTest, FindsServicesByName) {
  Backend backend("localhost:0");
  TestGateway gateway(absl::StrCat("zones=localhost:", backend.port()));
  EXPECT_EQ(Call(gateway.NewChannel(), kEcho, "hello").message, "hello");
}

}  // namespace
}  // namespace caravan::gateway
