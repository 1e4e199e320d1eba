// ThreadSanitizer sees what gRPC orders, and reports races of the calls of a server.
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "gtest/gtest.h"

namespace {

// What ThreadSanitizer exits with where it has reported something.
constexpr int kReported = 66;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

// Does its work on the request, and answers with what comes of it.
class Reactor : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reactor(const std::function<void()>& work) : work_(work) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no request"));
    work_();
    reply_ = std::make_unique<grpc::ByteBuffer>(std::move(request_));
    StartWriteAndFinish(reply_.get(), {}, grpc::Status::OK);
  }

  void OnDone() override { delete this; }

 private:
  const std::function<void()>& work_;
  grpc::ByteBuffer request_;
  std::unique_ptr<grpc::ByteBuffer> reply_;
};

class Server : public grpc::CallbackGenericService {
 public:
  explicit Server(std::function<void()> work) : work_(std::move(work)) {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reactor(work_);
  }

  void Call() {
    grpc::ClientContext context;
    const grpc::ByteBuffer request = Bytes("request");
    grpc::ByteBuffer reply;
    const grpc::Status status = grpc::internal::BlockingUnaryCall(
        channel().get(),
        grpc::internal::RpcMethod("/Any/Call", grpc::internal::RpcMethod::NORMAL_RPC), &context,
        request, &reply);
    if (!status.ok()) std::abort();
  }

 private:
  std::shared_ptr<grpc::Channel> channel() { return server_->InProcessChannel({}); }

  const std::function<void()> work_;
  std::unique_ptr<grpc::Server> server_;
};

[[noreturn]] void OneByOne() {
  {
    int value = 0;
    Server server([&] { ++value; });
    ++value;
    server.Call();
    ++value;
    server.Call();
    if (value != 4) std::abort();
  }
  std::exit(0);
}

[[noreturn]] void AtTheSameTime() {
  {
    int value = 0;
    std::atomic<int> started = 0;
    Server server([&] {
      started.fetch_add(1, std::memory_order_relaxed);
      while (started.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
      ++value;
    });
    std::thread other([&] { server.Call(); });
    server.Call();
    other.join();
  }
  std::exit(0);
}

TEST(ThreadGrpcTest, CallsOneByOneAreInOrder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(OneByOne(), testing::ExitedWithCode(0), "");
}

TEST(ThreadGrpcTest, CallsAtTheSameTimeAreNot) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(AtTheSameTime(), testing::ExitedWithCode(kReported), "data race");
}

}  // namespace
