// What a proxy for gRPC must do, seen from outside. The same tests run against
// no proxy, which shows that what they ask for can be had; against nginx, which
// shows that it is nothing peculiar to the gateway; and against the gateway.
#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/conformance/bytes.h"
#include "tests/conformance/probe_service.h"
#include "tests/conformance/proxy.h"

namespace caravan::conformance {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Pair;
using Code = grpc::StatusCode;
using grpc::internal::RpcMethod;

constexpr int64_t kMegabyte = 1 << 20;

std::string Method(const std::string& name) { return "/caravan.probe.v1.Probe/" + name; }

// Everything on a call but its messages.
class Context : public grpc::ClientContext {
 public:
  explicit Context(absl::Duration timeout = absl::Seconds(30)) {
    set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
};

struct Answer {
  grpc::Status status;
  std::string message;
};

Answer Unary(grpc::ChannelInterface* channel, Context* context, const std::string& method,
             const std::string& message) {
  const std::string path = Method(method);
  const grpc::ByteBuffer request = FromText(message);
  grpc::ByteBuffer response;
  Answer answer;
  answer.status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel, RpcMethod(path.c_str(), RpcMethod::NORMAL_RPC), context, request, &response);
  if (answer.status.ok()) answer.message = ToText(response);
  return answer;
}

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

std::unique_ptr<Stream> OpenStream(grpc::ChannelInterface* channel, Context* context,
                                   const std::string& method) {
  const std::string path = Method(method);
  return std::unique_ptr<Stream>(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel, RpcMethod(path.c_str(), RpcMethod::BIDI_STREAMING), context));
}

std::multimap<std::string, std::string> Texts(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::multimap<std::string, std::string> texts;
  for (const auto& [key, value] : metadata) {
    texts.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return texts;
}

class ProxyTest : public ::testing::TestWithParam<ProxyKind> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(probe_.Start());
    proxy_ = std::make_unique<Proxy>(GetParam(), probe_.port());
    ASSERT_FALSE(HasFatalFailure());
    channel_ = proxy_->Connect();
  }

  // Every call has ended at the service too.
  void TearDown() override {
    EXPECT_TRUE(probe_.Await([](const auto& record) { return record.active == 0; }));
  }

  Answer Call(const std::string& method, const std::string& message) {
    Context context;
    return Unary(channel_.get(), &context, method, message);
  }

  ProbeService probe_;
  std::unique_ptr<Proxy> proxy_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_P(ProxyTest, PassesUnaryCalls) {
  const Answer answer = Call("Echo", "hello");
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.message, "hello");
}

TEST_P(ProxyTest, PassesMetadataBothWays) {
  const std::string bytes("\0\x01\xff binary, of a length that needs padding", 43);
  Context context;
  context.AddMetadata("x-text", "some text; with, marks=\"\"");
  context.AddMetadata("x-twice", "one");
  context.AddMetadata("x-twice", "two");
  context.AddMetadata("x-some-bin", bytes);
  context.AddMetadata("x-empty", "");
  context.AddMetadata("reply-x-reply", "to you");
  context.AddMetadata("reply-x-reply-bin", bytes);
  context.AddMetadata("trailer-x-trailer", "at the end");
  context.AddMetadata("trailer-x-trailer-bin", bytes);
  const Answer answer = Unary(channel_.get(), &context, "Echo", "a");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const auto seen = probe_.record().metadata;
  EXPECT_THAT(seen, Contains(Pair("x-text", "some text; with, marks=\"\"")));
  EXPECT_THAT(seen, Contains(Pair("x-twice", "one")));
  EXPECT_THAT(seen, Contains(Pair("x-twice", "two")));
  EXPECT_THAT(seen, Contains(Pair("x-some-bin", bytes)));
  EXPECT_THAT(seen, Contains(Pair("x-empty", "")));
  const auto initial = Texts(context.GetServerInitialMetadata());
  EXPECT_THAT(initial, Contains(Pair("x-reply", "to you")));
  EXPECT_THAT(initial, Contains(Pair("x-reply-bin", bytes)));
  const auto trailing = Texts(context.GetServerTrailingMetadata());
  EXPECT_THAT(trailing, Contains(Pair("x-trailer", "at the end")));
  EXPECT_THAT(trailing, Contains(Pair("x-trailer-bin", bytes)));
}

TEST_P(ProxyTest, PassesAKilobyteOfMetadataManyTimes) {
  for (int i = 0; i < 50; ++i) {
    Context context;
    const std::string value = absl::StrCat(i, std::string(1000, 'v'));
    context.AddMetadata("reply-x-long", value);
    ASSERT_TRUE(Unary(channel_.get(), &context, "Echo", "a").status.ok());
    EXPECT_THAT(Texts(context.GetServerInitialMetadata()), Contains(Pair("x-long", value)));
  }
}

TEST_P(ProxyTest, PassesStatusMessageAndDetails) {
  google::rpc::Status rich;
  rich.set_code(9);
  google::rpc::ErrorInfo info;
  info.set_reason("NO_BOOTH_LEFT");
  rich.add_details()->PackFrom(info);
  const std::string message = "no booth is left: 100% of 丝绸 are given\n(second line)";
  for (const bool first : {true, false}) {
    Context context;
    context.AddMetadata("fail-code", "9");
    // gRPC sends metadata as it is, but the status message encoded.
    context.AddMetadata("fail-message-bin", message);
    context.AddMetadata("fail-details-bin", rich.SerializeAsString());
    if (first) context.AddMetadata("fail-first", "yes");
    const Answer answer = Unary(channel_.get(), &context, "Echo", "a");
    EXPECT_EQ(answer.status.error_code(), Code::FAILED_PRECONDITION);
    EXPECT_EQ(answer.status.error_message(), message);
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(answer.status.error_details()));
    EXPECT_EQ(details.details_size(), 1);
    EXPECT_EQ(details.details(0).value(), rich.details(0).value());
  }
}

TEST_P(ProxyTest, PassesEveryStatusCode) {
  for (int code = 1; code <= 16; ++code) {
    Context context;
    context.AddMetadata("fail-code", absl::StrCat(code));
    EXPECT_EQ(Unary(channel_.get(), &context, "Echo", "a").status.error_code(), code);
  }
}

TEST_P(ProxyTest, PassesAStatusBehindMessages) {
  Context context;
  context.AddMetadata("fail-code", "15");
  const auto stream = OpenStream(channel_.get(), &context, "Produce");
  EXPECT_TRUE(stream->Write(FromText("3 10")));
  EXPECT_TRUE(stream->WritesDone());
  grpc::ByteBuffer message;
  int messages = 0;
  while (stream->Read(&message)) ++messages;
  EXPECT_EQ(messages, 3);
  EXPECT_EQ(stream->Finish().error_code(), Code::DATA_LOSS);
}

TEST_P(ProxyTest, PassesClientStreams) {
  Context context;
  const std::string path = Method("Collect");
  grpc::ByteBuffer response;
  std::unique_ptr<grpc::ClientWriter<grpc::ByteBuffer>> stream(
      grpc::internal::ClientWriterFactory<grpc::ByteBuffer>::Create(
          channel_.get(), RpcMethod(path.c_str(), RpcMethod::CLIENT_STREAMING), &context,
          &response));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(stream->Write(FromText(std::string(i, 'x'))));
  ASSERT_TRUE(stream->WritesDone());
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_EQ(ToText(response), "1000 499500");
}

TEST_P(ProxyTest, PassesServerStreams) {
  Context context;
  const std::string path = Method("Produce");
  std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(
          channel_.get(), RpcMethod(path.c_str(), RpcMethod::SERVER_STREAMING), &context,
          FromText("1000 500")));
  grpc::ByteBuffer message;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(stream->Read(&message)) << i;
    const std::string number = absl::StrCat(i), text = ToText(message);
    ASSERT_EQ(text.size(), 500u);
    ASSERT_EQ(text.substr(500 - number.size()), number);
  }
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

// Each answer arrives while the request is still open.
TEST_P(ProxyTest, PassesStreamsInBothDirectionsAtOnce) {
  Context context;
  const auto stream = OpenStream(channel_.get(), &context, "Echo");
  grpc::ByteBuffer message;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(stream->Write(FromText(absl::StrCat("message ", i))));
    ASSERT_TRUE(stream->Read(&message));
    ASSERT_EQ(ToText(message), absl::StrCat("message ", i));
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

// A request of a stream that is refused ends it while the client goes on sending.
TEST_P(ProxyTest, PassesAStatusToAClientThatStillSends) {
  for (const char* method : {"Echo", "Collect"}) {
    Context context;
    context.AddMetadata("fail-code", "3");
    context.AddMetadata("fail-message-bin", "the third is wrong");
    context.AddMetadata("fail-after", "3");
    const auto stream = OpenStream(channel_.get(), &context, method);
    // gRPC may take what comes after the end, or refuse it.
    for (int i = 0; i < 100; ++i) (void)stream->Write(FromText(std::string(1000, 'x')));
    grpc::ByteBuffer message;
    int answers = 0;
    while (stream->Read(&message)) ++answers;
    EXPECT_EQ(answers, std::string(method) == "Echo" ? 2 : 0);
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), Code::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "the third is wrong");
  }
  // The connection goes on.
  EXPECT_EQ(Call("Echo", "a").message, "a");
}

TEST_P(ProxyTest, PassesHeadersBeforeAnyMessage) {
  Context context;
  context.AddMetadata("reply-early", "yes");
  const auto stream = OpenStream(channel_.get(), &context, "Echo");
  stream->WaitForInitialMetadata();
  EXPECT_THAT(Texts(context.GetServerInitialMetadata()), Contains(Pair("early", "yes")));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(ProxyTest, PassesEmptyMessagesAndEmptyStreams) {
  const Answer answer = Call("Echo", "");
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(answer.message, "");
  EXPECT_EQ(Call("Collect", "").message, "1 0");

  Context context;
  const auto stream = OpenStream(channel_.get(), &context, "Echo");
  stream->WritesDone();
  grpc::ByteBuffer message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(ProxyTest, PassesMessagesOfFourMegabytes) {
  std::string large(4 * kMegabyte, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 24);
  const Answer answer = Call("Echo", large);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.message == large);

  Context context;
  const auto stream = OpenStream(channel_.get(), &context, "Echo");
  grpc::ByteBuffer message;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream->Write(FromText(large)));
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_TRUE(ToText(message) == large);
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(ProxyTest, PassesCompressedMessages) {
  Context context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  const std::string text(100000, 'z');
  const Answer answer = Unary(channel_.get(), &context, "Echo", text);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.message == text);
  EXPECT_EQ(Call("Collect", text).message, "1 100000");
}

TEST_P(ProxyTest, PassesDeadlines) {
  Context context(absl::Seconds(100));
  ASSERT_TRUE(Unary(channel_.get(), &context, "Echo", "a").status.ok());
  // gRPC rounds up what it sends.
  EXPECT_LE(probe_.record().deadline, absl::Seconds(102));
  EXPECT_GE(probe_.record().deadline, absl::Seconds(80));
}

TEST_P(ProxyTest, CallsEndAtTheirDeadlinesOnBothSides) {
  Context context(absl::Milliseconds(200));
  EXPECT_EQ(Unary(channel_.get(), &context, "Hang", "a").status.error_code(),
            Code::DEADLINE_EXCEEDED);
  EXPECT_TRUE(probe_.Await([](const auto& record) { return record.cancelled == 1; }));
}

TEST_P(ProxyTest, PassesCancellation) {
  for (int i = 1; i <= 20; ++i) {
    Context context;
    const auto stream = OpenStream(channel_.get(), &context, "Hang");
    ASSERT_TRUE(stream->Write(FromText("a")));
    ASSERT_TRUE(probe_.Await([i](const auto& record) { return record.started == i; }));
    context.TryCancel();
    grpc::ByteBuffer message;
    EXPECT_FALSE(stream->Read(&message));
    EXPECT_EQ(stream->Finish().error_code(), Code::CANCELLED);
    EXPECT_TRUE(probe_.Await([i](const auto& record) { return record.cancelled == i; }));
  }
}

TEST_P(ProxyTest, ManyCallsGoOnSideBySide) {
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 200; ++i) {
    contexts.push_back(std::make_unique<Context>());
    streams.push_back(OpenStream(channel_.get(), contexts.back().get(), "Echo"));
    ASSERT_TRUE(streams.back()->Write(FromText(absl::StrCat(i))));
  }
  grpc::ByteBuffer message;
  for (int i = 199; i >= 0; --i) {
    ASSERT_TRUE(streams[i]->Read(&message));
    EXPECT_EQ(ToText(message), absl::StrCat(i));
    streams[i]->WritesDone();
    EXPECT_TRUE(streams[i]->Finish().ok());
  }
}

// One of many different calls, cancelled at some moment or not. Returns what is
// wrong with its end; empty: nothing.
std::string RandomCall(grpc::Channel* channel, std::mt19937* random) {
  const auto upto = [&](uint32_t most) { return (*random)() % (most + 1); };
  Context context;
  const bool cancel = upto(3) == 0;
  std::thread canceller;
  const absl::Duration delay = absl::Microseconds(upto(3000));
  if (cancel) {
    // Another moment for each call, down to before it has been sent.
    canceller = std::thread([&context, delay] {
      const absl::Time then = absl::Now() + delay;
      while (absl::Now() < then) std::this_thread::yield();
      context.TryCancel();
    });
  }
  const auto join = [&] {
    if (canceller.joinable()) canceller.join();
  };
  const auto judge = [&](const grpc::Status& status, bool good) -> std::string {
    join();
    if (cancel && status.error_code() == Code::CANCELLED) return "";
    if (status.ok() && good) return "";
    return absl::StrCat("status ", status.error_code(), " ", status.error_message(),
                        good ? "" : ", wrong messages", cancel ? ", was cancelled" : "");
  };
  const std::string text(upto(1) ? upto(200) : upto(100000), 'r');
  switch (upto(3)) {
    case 0: {
      const Answer answer = Unary(channel, &context, "Echo", text);
      return judge(answer.status, answer.message == text);
    }
    case 1: {
      const Answer answer = Unary(channel, &context, "Collect", text);
      return judge(answer.status, answer.message == absl::StrCat("1 ", text.size()));
    }
    case 2: {
      const auto stream = OpenStream(channel, &context, "Echo");
      grpc::ByteBuffer message;
      bool good = true;
      for (uint32_t i = 0; i < 4 && good; ++i) {
        good = stream->Write(FromText(text)) && stream->Read(&message) && ToText(message) == text;
      }
      stream->WritesDone();
      return judge(stream->Finish(), good);
    }
    default: {
      const auto stream = OpenStream(channel, &context, "Produce");
      stream->Write(FromText("20 1000"));
      stream->WritesDone();
      grpc::ByteBuffer message;
      int messages = 0;
      while (stream->Read(&message)) ++messages;
      return judge(stream->Finish(), messages == 20);
    }
  }
}

TEST_P(ProxyTest, ThousandsOfMixedCallsWithRandomCancels) {
  constexpr int kThreads = 8, kCalls = 400;
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 3; ++i) channels.push_back(proxy_->Connect());
  std::vector<std::vector<std::string>> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < kCalls; ++i) {
        std::string problem = RandomCall(channels[random() % channels.size()].get(), &random);
        if (!problem.empty()) wrong[t].push_back(std::move(problem));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : wrong) EXPECT_THAT(each, ::testing::IsEmpty());
  EXPECT_TRUE(probe_.Await([](const auto& record) { return record.active == 0; }));
  EXPECT_EQ(Call("Echo", "still here").message, "still here");
}

// The service ends in good order and comes back while calls go on. Who does not
// look at its health loses calls, whom gRPC cancels because they come too late.
TEST_P(ProxyTest, SurvivesRestartsOfTheServiceUnderLoad) {
  std::atomic<bool> end{false};
  std::atomic<int> ok{0}, lost{0};
  std::vector<std::string> wrong;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto channel = proxy_->Connect();
      while (!end) {
        Context context;
        const Answer answer = Unary(channel.get(), &context, "Echo", "a");
        if (answer.status.ok()) {
          ++ok;
        } else if (answer.status.error_message() == "CANCELLED") {
          // What a gRPC server answers while it stops, to calls that were sent
          // before its GOAWAY has come.
        } else if (answer.status.error_code() == Code::UNAVAILABLE ||
                   answer.status.error_code() == Code::CANCELLED) {
          ++lost;
        } else {
          std::lock_guard lock(mutex);
          wrong.push_back(
              absl::StrCat(answer.status.error_code(), " ", answer.status.error_message()));
        }
      }
    });
  }
  const int port = probe_.port();
  for (int i = 0; i < 5; ++i) {
    const int before = ok;
    const absl::Time patience = absl::Now() + absl::Seconds(20);
    while (ok < before + 200 && absl::Now() < patience) std::this_thread::yield();
    EXPECT_GE(ok, before + 200) << "after " << i << " restarts";
    probe_.Stop(absl::Seconds(10));
    probe_.Start(port);
    if (HasFatalFailure()) break;
  }
  const int before = ok;
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (ok < before + 200 && absl::Now() < patience) std::this_thread::yield();
  EXPECT_GE(ok, before + 200);
  end = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::IsEmpty());
  if (GetParam() == ProxyKind::kGateway) {
    EXPECT_EQ(lost, 0) << "of " << ok;
  }
}

// A client that does not read holds up the service, not the memory between.
TEST_P(ProxyTest, ASlowReaderKeepsMemoryFlat) {
  constexpr int64_t kMessage = kMegabyte / 4, kMessages = 400;
  ASSERT_EQ(Call("Echo", "a").message, "a");
  const int64_t before = proxy_->ResidentBytes();
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(std::make_unique<Context>(absl::Seconds(60)));
    streams.push_back(OpenStream(channel_.get(), contexts.back().get(), "Produce"));
    ASSERT_TRUE(streams.back()->Write(FromText(absl::StrCat(kMessages, " ", kMessage))));
    streams.back()->WritesDone();
    grpc::ByteBuffer first;
    ASSERT_TRUE(streams.back()->Read(&first));
  }
  // The service goes on until its windows are full: wait until it has stopped.
  int64_t produced = 0;
  for (int quiet = 0; quiet < 5;) {
    // Other calls on the same connection go on, and tell the time.
    for (int i = 0; i < 50; ++i) ASSERT_EQ(Call("Echo", "b").message, "b");
    const int64_t now = probe_.record().produced_bytes;
    quiet = now == produced ? quiet + 1 : 0;
    produced = now;
  }
  EXPECT_LT(produced, 4 * kMessages * kMessage / 2);
  EXPECT_LT(proxy_->ResidentBytes() - before, 24 * kMegabyte);
  for (const auto& stream : streams) {
    grpc::ByteBuffer message;
    int64_t messages = 1;
    while (stream->Read(&message)) ++messages;
    EXPECT_EQ(messages, kMessages);
    EXPECT_TRUE(stream->Finish().ok());
  }
  EXPECT_LT(proxy_->ResidentBytes() - before, 24 * kMegabyte);
}

// A service that does not read holds up the client, not the memory between.
TEST_P(ProxyTest, ASlowServiceHoldsItsClientsBack) {
  constexpr int64_t kMessage = kMegabyte / 4, kMessages = 400;
  ASSERT_EQ(Call("Echo", "a").message, "a");
  const int64_t before = proxy_->ResidentBytes();
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::thread> writers;
  std::atomic<int64_t> sent = 0;
  // The gateway gives a connection eight windows of a stream: half are left for others.
  constexpr int kStreams = 3;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<Context>(absl::Seconds(60)));
    streams.push_back(OpenStream(channel_.get(), contexts.back().get(), "Stall"));
    writers.emplace_back([&sent, stream = streams.back().get()] {
      const grpc::ByteBuffer message = FromText(std::string(kMessage, 'x'));
      for (int64_t n = 0; n < kMessages && stream->Write(message); ++n) sent += kMessage;
    });
  }
  // The clients go on until their windows are full: wait until they have stopped.
  int64_t seen = 0;
  bool others_go_on = true;
  for (int quiet = 0; quiet < 5 && others_go_on;) {
    for (int i = 0; i < 50 && others_go_on; ++i) others_go_on = Call("Echo", "b").message == "b";
    const int64_t now = sent;
    quiet = now == seen ? quiet + 1 : 0;
    seen = now;
  }
  EXPECT_TRUE(others_go_on);
  EXPECT_LT(seen, kStreams * kMessages * kMessage / 2);
  EXPECT_LT(proxy_->ResidentBytes() - before, 24 * kMegabyte);
  for (const auto& context : contexts) context->TryCancel();
  for (std::thread& writer : writers) writer.join();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->Finish().error_code(), Code::CANCELLED);
  }
}

std::string KindName(const ::testing::TestParamInfo<ProxyKind>& info) {
  switch (info.param) {
    case ProxyKind::kNone:
      return "Direct";
    case ProxyKind::kNginx:
      return "Nginx";
    case ProxyKind::kGateway:
      return "Gateway";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(All, ProxyTest,
                         ::testing::Values(ProxyKind::kNone, ProxyKind::kNginx,
                                           ProxyKind::kGateway),
                         KindName);

}  // namespace
}  // namespace caravan::conformance
