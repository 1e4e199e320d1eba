// What the gateway bears from clients, and what it does not.
#include "services/gateway/server_session.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/gateway/testing/backend.h"
#include "services/gateway/testing/raw_http2.h"
#include "services/gateway/testing/test_gateway.h"

namespace caravan::gateway {
namespace {

using testing::Backend;
using testing::CallFields;
using testing::Encode;
using testing::EncodeHeaders;
using ::testing::HasSubstr;
using testing::Message;
using testing::Number32;
using testing::RawPeer;
using testing::TestGateway;

constexpr char kEcho[] = "/caravan.zones.v1.TestService/Echo";
constexpr char kHang[] = "/caravan.zones.v1.TestService/Hang";

class ServerSessionTest : public ::testing::Test {
 protected:
  void Start(const std::function<void(GatewaySettings&)>& adjust = {}) {
    gateway_ = std::make_unique<TestGateway>(absl::StrCat("zones=", backend_.address()), adjust);
  }
  std::unique_ptr<RawPeer> Connect() { return RawPeer::Connect(gateway_->address()); }
  // Calls Echo on a stream, and says whether it was answered.
  static bool Echo(RawPeer& client, int32_t stream) {
    client.Send(
        absl::StrCat(EncodeHeaders(stream, CallFields(kEcho), false),
                     Encode(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, Message("ping"))));
    while (auto frame = client.ReadOf(stream)) {
      if (frame->type == NGHTTP2_HEADERS && frame->ends_stream()) {
        return frame->headers["grpc-status"] == "0";
      }
    }
    return false;
  }
  bool Disconnected(const std::string& reason) {
    return gateway_->AwaitMetric(
        absl::StrCat("caravan_gateway_disconnects_total{reason=\"", reason, "\"}"), 1);
  }
  static void SetMilliseconds(google::protobuf::Duration* duration, int milliseconds) {
    duration->set_seconds(milliseconds / 1000);
    duration->set_nanos(milliseconds % 1000 * 1'000'000);
  }

  Backend backend_;
  std::unique_ptr<TestGateway> gateway_;
};

TEST_F(ServerSessionTest, BearsResetsOfStreamsThatWereNeverOpened) {
  Start();
  const auto client = Connect();
  client->Send(Encode(NGHTTP2_RST_STREAM, 0, 5, Number32(NGHTTP2_CANCEL)));
  EXPECT_TRUE(Echo(*client, 7));
  client->Send(Encode(NGHTTP2_RST_STREAM, 0, 11, Number32(NGHTTP2_CANCEL)));
  EXPECT_TRUE(Echo(*client, 11));
}

TEST_F(ServerSessionTest, AnswersHttpThatIsNotGrpc) {
  Start();
  const auto client = Connect();
  client->Send(EncodeHeaders(
      1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "x"}}, true));
  auto frame = client->ReadOf(1);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers[":status"], "415");
  testing::Fields fields = CallFields(kEcho);
  fields[5].second = "application/grpc-web";
  client->Send(EncodeHeaders(3, fields, true));
  frame = client->ReadOf(3);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers[":status"], "415");
  fields = CallFields(kEcho);
  fields[0].second = "GET";
  client->Send(EncodeHeaders(5, fields, true));
  frame = client->ReadOf(5);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers[":status"], "405");
}

TEST_F(ServerSessionTest, RefusesLargeHeaders) {
  Start();
  const auto client = Connect();
  client->Send(EncodeHeaders(1, CallFields(kEcho, {{"large", std::string(13'000, 'x')}}), true));
  auto frame = client->ReadOf(1);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers["grpc-status"], "8");
  EXPECT_THAT(frame->headers["grpc-message"], HasSubstr("12288"));
  testing::Fields many;
  for (int i = 0; i < 150; ++i) many.push_back({absl::StrCat("x", i), "y"});
  client->Send(EncodeHeaders(3, CallFields(kEcho, many), true));
  frame = client->ReadOf(3);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers["grpc-status"], "8");
  EXPECT_TRUE(Echo(*client, 5));
}

TEST_F(ServerSessionTest, RefusesTooManyStreams) {
  Start([](GatewaySettings& settings) { settings.set_max_concurrent_streams(2); });
  const auto client = Connect();
  const auto settings = client->ReadUntil(NGHTTP2_SETTINGS);
  ASSERT_TRUE(settings);
  for (const int stream : {1, 3, 5}) {
    client->Send(EncodeHeaders(stream, CallFields(kHang), false));
  }
  // Refused; or, since the limit was acknowledged, an error of the connection.
  bool refused = false;
  while (const auto frame = client->Read()) {
    refused |= frame->type == NGHTTP2_GOAWAY;
    refused |= frame->type == NGHTTP2_RST_STREAM && frame->stream == 5;
    if (refused) break;
  }
  EXPECT_TRUE(refused);
  EXPECT_TRUE(Echo(*Connect(), 1));
}

TEST_F(ServerSessionTest, EndsConnectionsThatResetTooOften) {
  Start([](GatewaySettings& settings) { settings.set_max_resets_per_second(5); });
  const auto client = Connect();
  std::string attack;
  for (int i = 0; i < 200; ++i) {
    attack += EncodeHeaders(2 * i + 1, CallFields(kHang), false);
    attack += Encode(NGHTTP2_RST_STREAM, 0, 2 * i + 1, Number32(NGHTTP2_CANCEL));
  }
  client->Send(attack);
  const auto goaway = client->ReadUntil(NGHTTP2_GOAWAY);
  ASSERT_TRUE(goaway);
  EXPECT_EQ(goaway->Number(4), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(Disconnected("rapid_reset"));
  EXPECT_TRUE(Echo(*Connect(), 1));
}

TEST_F(ServerSessionTest, BearsCallsThatAreCancelledNowAndThen) {
  Start();
  const auto client = Connect();
  for (int i = 0; i < 1000; ++i) {
    client->Send(EncodeHeaders(2 * i + 1, CallFields(kHang), false));
    client->Send(Encode(NGHTTP2_RST_STREAM, 0, 2 * i + 1, Number32(NGHTTP2_CANCEL)));
  }
  EXPECT_TRUE(Echo(*client, 2001));
}

TEST_F(ServerSessionTest, EndsConnectionsThatFlood) {
  Start([](GatewaySettings& settings) { settings.set_max_control_frames_per_second(10); });
  const auto client = Connect();
  std::string attack;
  for (int i = 0; i < 1000; ++i) attack += Encode(NGHTTP2_PING, 0, 0, "12345678");
  client->Send(attack);
  const auto goaway = client->ReadUntil(NGHTTP2_GOAWAY);
  ASSERT_TRUE(goaway);
  EXPECT_EQ(goaway->Number(4), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(Disconnected("control_flood"));
}

TEST_F(ServerSessionTest, EndsConnectionsThatSayNothing) {
  Start([](GatewaySettings& settings) {
    SetMilliseconds(settings.mutable_handshake_timeout(), 200);
  });
  const auto client = RawPeer::ConnectSilently(gateway_->address());
  client->FallSilent();
  EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(Disconnected("slow_handshake"));
}

TEST_F(ServerSessionTest, EndsConnectionsThatSayHeadersSlowly) {
  Start([](GatewaySettings& settings) { SetMilliseconds(settings.mutable_header_timeout(), 200); });
  const auto client = Connect();
  ASSERT_TRUE(client->ReadUntil(NGHTTP2_SETTINGS));
  client->FallSilent();
  std::string headers = EncodeHeaders(1, CallFields(kEcho), true);
  headers[4] = static_cast<char>(NGHTTP2_FLAG_END_STREAM);  // more is to come
  client->Send(headers);
  EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(Disconnected("slow_header"));
}

TEST_F(ServerSessionTest, EndsIdleConnectionsInOrder) {
  Start([](GatewaySettings& settings) { SetMilliseconds(settings.mutable_idle_timeout(), 300); });
  const auto client = Connect();
  EXPECT_TRUE(Echo(*client, 1));
  const auto goaway = client->ReadUntil(NGHTTP2_GOAWAY);
  ASSERT_TRUE(goaway);
  EXPECT_EQ(goaway->Number(4), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
}

TEST_F(ServerSessionTest, EndsConnectionsThatTakeNothing) {
  Start([](GatewaySettings& settings) { SetMilliseconds(settings.mutable_write_timeout(), 300); });
  // A large window, and a socket that nobody reads.
  const auto client =
      RawPeer::Connect(gateway_->address(), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff}});
  client->Send(Encode(NGHTTP2_WINDOW_UPDATE, 0, 0, Number32(0x7fff0000)));
  client->Send(
      absl::StrCat(EncodeHeaders(1, CallFields("/caravan.zones.v1.TestService/Flood"), false),
                   Encode(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, Message("10000 100000"))));
  EXPECT_TRUE(Disconnected("write_stalled"));
}

TEST_F(ServerSessionTest, FindsConnectionsThatAreDead) {
  Start([](GatewaySettings& settings) {
    SetMilliseconds(settings.mutable_keepalive_interval(), 200);
  });
  const auto client = Connect();
  const auto ping = client->ReadUntil(NGHTTP2_PING);  // answered by reading it
  ASSERT_TRUE(ping);
  EXPECT_TRUE(Echo(*client, 1));
}

TEST_F(ServerSessionTest, BoundsConnectionsOfAnAddressAndOfAll) {
  Start([](GatewaySettings& settings) {
    settings.set_max_connections(3);
    settings.set_max_connections_per_address(2);
  });
  const auto first = Connect();
  auto second = Connect();
  EXPECT_TRUE(Echo(*first, 1));
  EXPECT_TRUE(Echo(*second, 1));
  EXPECT_TRUE(Connect()->ClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(
      gateway_->AwaitMetric("caravan_gateway_accepted_total{result=\"refused_address\"}", 1));
  second.reset();
  EXPECT_TRUE(Disconnected("closed"));
  EXPECT_TRUE(Echo(*Connect(), 1));
}

TEST_F(ServerSessionTest, BoundsCalls) {
  Start([](GatewaySettings& settings) { settings.set_max_calls(2); });
  const auto client = Connect();
  for (const int stream : {1, 3, 5}) {
    client->Send(EncodeHeaders(stream, CallFields(kHang), false));
  }
  auto frame = client->ReadOf(5);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->headers["grpc-status"], "8");
  EXPECT_THAT(frame->headers["grpc-message"], HasSubstr("try again"));
}

TEST_F(ServerSessionTest, StopsClientsThatSendFasterThanServicesTake) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->ReadUntil(NGHTTP2_SETTINGS));
  client->Send(EncodeHeaders(1, CallFields(kHang), false));
  // A service that takes nothing: its own window, and one of the gateway's, are
  // all that is let through.
  const std::string data = Encode(NGHTTP2_DATA, 0, 1, std::string(16384, 'd'));
  int64_t allowed = 262144;
  int64_t sent = 0;
  while (allowed - sent >= 16384) {
    client->Send(data);
    sent += 16384;
    if (allowed - sent >= 16384) continue;
    while (const auto frame = client->Read(absl::Milliseconds(500))) {
      if (frame->type == NGHTTP2_WINDOW_UPDATE && frame->stream == 1) allowed += frame->Number(0);
    }
  }
  EXPECT_LT(sent, 5'000'000);
  EXPECT_LE(gateway_->Metric("caravan_gateway_buffered_bytes"), 262144);
}

TEST_F(ServerSessionTest, SurvivesGarbage) {
  Start();
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(100, '\0'),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(64, '\xFF')}) {
    const auto client = RawPeer::ConnectSilently(gateway_->address());
    client->Send(garbage);
    EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
  }
  const auto client = Connect();
  client->Send(Encode(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xFF\xFF\xFF\xFF\xFF"));
  EXPECT_TRUE(client->ClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(Echo(*Connect(), 1));
}

}  // namespace
}  // namespace caravan::gateway
