// Calls of grpc++ through the gateway to a service of grpc++.
#include "services/gateway/exchange.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/gateway/testing/backend.h"
#include "services/gateway/testing/raw_http2.h"
#include "services/gateway/testing/test_gateway.h"

namespace caravan::gateway {
namespace {

using grpc::StatusCode;
using ::testing::AllOf;
using testing::Answer;
using testing::Backend;
using testing::Bytes;
using testing::Call;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;
using testing::TestGateway;
using testing::Text;

constexpr char kEcho[] = "/caravan.zones.v1.TestService/Echo";
constexpr char kRefuse[] = "/caravan.zones.v1.TestService/Refuse";
constexpr char kFlood[] = "/caravan.zones.v1.TestService/Flood";
constexpr char kHang[] = "/caravan.zones.v1.TestService/Hang";
constexpr char kTime[] = "/caravan.zones.v1.TestService/Time";

// The reason in the details of a status that the gateway has made.
std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details().empty() ||
      !details.details(0).UnpackTo(&info)) {
    return "";
  }
  return info.reason();
}

class ExchangeTest : public ::testing::Test {
 protected:
  Backend backend_;
  TestGateway gateway_{absl::StrCat("zones=", backend_.address())};
  std::shared_ptr<grpc::Channel> channel_ = gateway_.NewChannel();
};

TEST_F(ExchangeTest, PassesUnaryCallsWithMetadataBothWays) {
  const std::string binary("\0\xFF\x80 binary", 10);
  const Answer answer =
      Call(channel_, kEcho, "hello",
           {{"echo-header", "head"}, {"echo-text", "some text"}, {"echo-raw-bin", binary}});
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.message, "hello");
  EXPECT_THAT(answer.headers, Contains(Pair("echo-header", "head")));
  EXPECT_THAT(answer.trailers, Contains(Pair("echo-text", "some text")));
  EXPECT_THAT(answer.trailers, Contains(Pair("echo-raw-bin", binary)));
}

TEST_F(ExchangeTest, PassesEmptyAndLargeMessages) {
  EXPECT_EQ(Call(channel_, kEcho, "").message, "");
  std::string large(4 << 20, 'a');
  for (size_t i = 0; i < large.size(); i += 251) large[i] = static_cast<char>('a' + i % 26);
  const Answer answer = Call(channel_, kEcho, large);
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.message == large);
}

TEST_F(ExchangeTest, PassesCompressedMessages) {
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  const auto stream = testing::Start(channel_, kEcho, context);
  const std::string text(100'000, 'z');
  stream->WriteLast(Bytes(text), {});
  grpc::ByteBuffer reply;
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(Text(reply), text);
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(backend_.last_metadata(), Not(Contains(Key("authorization"))));
}

TEST_F(ExchangeTest, PassesStatusMessageAndDetails) {
  const Answer answer = Call(channel_, kEcho, "x", {{"echo-status", "9"}});
  EXPECT_EQ(answer.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(answer.status.error_message(), "as you say: 50 % \xE4\xBD\xA0");
  EXPECT_EQ(answer.status.error_details(), std::string("some\0details", 12));
}

TEST_F(ExchangeTest, PassesAnswersOfTrailersOnly) {
  const Answer answer = Call(channel_, kRefuse, "x");
  EXPECT_EQ(answer.status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(answer.status.error_message(), "there is no such thing");
}

TEST_F(ExchangeTest, PassesStreamsOfServers) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kFlood, context);
  stream->WriteLast(Bytes("1000 777"), {});
  grpc::ByteBuffer reply;
  int count = 0;
  while (stream->Read(&reply)) {
    EXPECT_EQ(reply.Length(), 777);
    ++count;
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(count, 1000);
}

TEST_F(ExchangeTest, PassesStreamsInBothDirectionsMessageByMessage) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kEcho, context);
  grpc::ByteBuffer reply;
  for (int i = 0; i < 200; ++i) {
    // Each is answered before the next is sent: nothing may wait for more.
    ASSERT_TRUE(stream->Write(Bytes(absl::StrCat("message ", i))));
    ASSERT_TRUE(stream->Read(&reply));
    EXPECT_EQ(Text(reply), absl::StrCat("message ", i));
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ExchangeTest, PassesStreamsOfClients) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kEcho, context);
  std::thread reader([&] {
    grpc::ByteBuffer reply;
    int count = 0;
    while (stream->Read(&reply)) ++count;
    EXPECT_EQ(count, 500);
  });
  const grpc::ByteBuffer message = Bytes(std::string(10'000, 'm'));
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(stream->Write(message));
  stream->WritesDone();
  reader.join();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ExchangeTest, ServesManyCallsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string text = absl::StrCat(t, " ", i, std::string(i * 50, '.'));
        EXPECT_EQ(Call(channel_, kEcho, text).message, text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ExchangeTest, PassesDeadlinesOn) {
  const Answer answer = Call(channel_, kTime, "x", {}, absl::Seconds(15));
  ASSERT_TRUE(answer.status.ok());
  EXPECT_THAT(std::stoi(answer.message), AllOf(Ge(10'000), Le(16'000)));
}

TEST_F(ExchangeTest, EndsCallsAtTheirDeadlineByItself) {
  // A client that says its deadline and does not enforce it.
  const auto client = testing::RawPeer::Connect(gateway_.address());
  client->Send(
      testing::EncodeHeaders(1, testing::CallFields(kHang, {{"grpc-timeout", "100m"}}), false));
  const auto frame = client->ReadOf(1);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers.at("grpc-status"), "4");
  EXPECT_TRUE(frame->ends_stream());
  EXPECT_TRUE(backend_.AwaitCancelled(1));
}

TEST_F(ExchangeTest, RefusesMalformedTimeouts) {
  const auto client = testing::RawPeer::Connect(gateway_.address());
  client->Send(
      testing::EncodeHeaders(1, testing::CallFields(kEcho, {{"grpc-timeout", "soon"}}), true));
  const auto frame = client->ReadOf(1);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers.at("grpc-status"), "3");
  EXPECT_THAT(frame->headers.at("grpc-message"), HasSubstr("soon"));
}

TEST_F(ExchangeTest, PassesCancellationOn) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kHang, context);
  stream->Write(Bytes("x"));
  ASSERT_TRUE(gateway_.AwaitMetric("caravan_gateway_calls", 1));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  EXPECT_TRUE(backend_.AwaitCancelled(1));
}

TEST_F(ExchangeTest, CancelsCallsOfClientsThatGo) {
  auto client = testing::RawPeer::Connect(gateway_.address());
  for (int i = 0; i < 3; ++i) {
    client->Send(testing::EncodeHeaders(2 * i + 1, testing::CallFields(kHang), false));
  }
  ASSERT_TRUE(gateway_.AwaitMetric("caravan_gateway_calls", 3));
  client.reset();
  EXPECT_TRUE(backend_.AwaitCancelled(3));
  EXPECT_TRUE(gateway_.AwaitMetric("caravan_gateway_disconnects_total{reason=\"closed\"}", 1) ||
              gateway_.Metric("caravan_gateway_disconnects_total{reason=\"broken\"}") > 0);
}

TEST_F(ExchangeTest, HoldsNoMoreThanWindowsForASlowReader) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kFlood, context);
  stream->WriteLast(Bytes("1000 100000"), {});  // 100 MB
  grpc::ByteBuffer reply;
  ASSERT_TRUE(stream->Read(&reply));
  // Another client's call is not stopped by it, so what flows has come to rest
  // when many such calls have gone through.
  const auto other = gateway_.NewChannel();
  int64_t flooded = -1;
  while (flooded != backend_.flooded()) {
    flooded = backend_.flooded();
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(Call(other, kEcho, "x").status.ok());
  }
  // The windows and buffers of gateway, sockets, and client.
  EXPECT_LT(flooded, 20'000'000);
  EXPECT_LE(gateway_.Metric("caravan_gateway_buffered_bytes"), 262144);
  int count = 1;
  while (stream->Read(&reply)) ++count;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(count, 1000);
}

TEST_F(ExchangeTest, TellsTheServiceWhoCallsAndTakesNobodysWordForIt) {
  Call(channel_, kEcho, "x",
       {{"caravan-identity", "forged"}, {"authorization", "Bearer secret"}, {"other", "kept"}});
  const auto metadata = backend_.last_metadata();
  EXPECT_THAT(metadata, Contains(Pair("caravan-principal", "users/ada")));
  EXPECT_THAT(metadata, Not(Contains(Key("caravan-identity"))));
  EXPECT_THAT(metadata, Not(Contains(Key("authorization"))));
  EXPECT_THAT(metadata, Contains(Pair("other", "kept")));
}

TEST_F(ExchangeTest, RefusesCallersThatItDoesNotKnow) {
  const Answer answer = Call(channel_, kEcho, "x", {{"caravan-principal", "nobody"}});
  EXPECT_EQ(answer.status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(answer.status), "NO_PRINCIPAL");
}

TEST_F(ExchangeTest, PassesTraceContextOnOrBeginsOne) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Call(channel_, kEcho, "x", {{"traceparent", trace}});
  EXPECT_THAT(backend_.last_metadata(), Contains(Pair("traceparent", trace)));
  Call(channel_, kEcho, "x");
  EXPECT_EQ(backend_.last_metadata().count("traceparent"), 1);
}

TEST_F(ExchangeTest, SaysWhatItDoesNotServe) {
  const Answer answer = Call(channel_, "/caravan.fairs.v1.FairService/GetFair", "x");
  EXPECT_EQ(answer.status.error_code(), StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(ReasonOf(answer.status), "UNKNOWN_PACKAGE");
  EXPECT_THAT(answer.status.error_message(), HasSubstr("zones"));
}

TEST_F(ExchangeTest, CountsCallsByMethodButNotThoseThatClientsMakeUp) {
  Call(channel_, kEcho, "x");
  Call(channel_, kRefuse, "x");
  Call(channel_, "/made.up.Service/Method", "x");
  const std::string labels =
      "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Echo\","
      "grpc_service=\"caravan.zones.v1.TestService\"}";
  EXPECT_TRUE(gateway_.AwaitMetric(labels, 1));
  EXPECT_TRUE(
      gateway_.AwaitMetric("grpc_server_handled_total{grpc_code=\"UNIMPLEMENTED\","
                           "grpc_method=\"other\",grpc_service=\"other\"}",
                           1));
}

TEST_F(ExchangeTest, AnswersHealthChecksItself) {
  grpc::health::v1::HealthCheckRequest request;
  const auto check = [&](const std::string& service) {
    request.set_service(service);
    return Call(channel_, "/grpc.health.v1.Health/Check", request.SerializeAsString());
  };
  const Answer answer = check("");
  EXPECT_TRUE(answer.status.ok());
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.message));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(check("zones").status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(Call(channel_, "/grpc.health.v1.Health/List", "").status.error_code(),
            StatusCode::UNIMPLEMENTED);
}

TEST_F(ExchangeTest, TellsWatchersOfHealthThatItDrains) {
  grpc::ClientContext context;
  const auto watch = testing::Start(channel_, "/grpc.health.v1.Health/Watch", context);
  watch->WriteLast(Bytes(""), {});
  grpc::ByteBuffer reply;
  ASSERT_TRUE(watch->Read(&reply));
  std::thread stop([&] { gateway_.gateway().Stop(absl::ZeroDuration(), absl::ZeroDuration()); });
  ASSERT_TRUE(watch->Read(&reply));
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(response.ParseFromString(Text(reply)));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&reply));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  stop.join();
}

TEST_F(ExchangeTest, FinishesCallsUnderWayWhenItStops) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kEcho, context);
  grpc::ByteBuffer reply;
  ASSERT_TRUE(stream->Write(Bytes("before")));
  ASSERT_TRUE(stream->Read(&reply));
  const auto idle = testing::RawPeer::Connect(gateway_.address());
  ASSERT_TRUE(idle->ReadUntil(NGHTTP2_SETTINGS));
  std::thread stop([&] { gateway_.gateway().Stop(absl::ZeroDuration(), absl::Seconds(20)); });
  const auto goaway = idle->ReadUntil(NGHTTP2_GOAWAY);
  ASSERT_TRUE(goaway);
  EXPECT_EQ(goaway->Number(4), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(idle->ClosedWithin(absl::Seconds(10)));
  ASSERT_TRUE(stream->Write(Bytes("after")));
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(Text(reply), "after");
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
  stop.join();
}

TEST_F(ExchangeTest, EndsCallsThatOutlastTheDrainWithAReason) {
  grpc::ClientContext context;
  const auto stream = testing::Start(channel_, kHang, context);
  ASSERT_TRUE(gateway_.AwaitMetric("caravan_gateway_calls", 1));
  gateway_.gateway().Stop(absl::ZeroDuration(), absl::ZeroDuration());
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "GATEWAY_ENDS");
  EXPECT_TRUE(backend_.AwaitCancelled(1));
}

}  // namespace
}  // namespace caravan::gateway
