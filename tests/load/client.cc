#include "tests/load/client.h"

#include <time.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace caravan::load {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void Prepare(const Endpoint& endpoint, grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  if (!endpoint.token.empty()) context.AddMetadata("authorization", "Bearer " + endpoint.token);
  if (!endpoint.principal.empty()) context.AddMetadata("caravan-principal", endpoint.principal);
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// CPU time used by a process so far.
absl::Duration CpuTime(int pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

struct Slot {
  int number = 0;
  grpc::GenericStub* stub = nullptr;
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Time start;
};

// One run; its completion queue is polled by one thread.
class Runner {
 public:
  Runner(const Endpoint& endpoint, Workload& workload, const LoadOptions& options)
      : endpoint_(endpoint), workload_(workload), options_(options) {}

  LoadResult Run(const std::vector<std::shared_ptr<grpc::Channel>>& channels) {
    std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
    for (const auto& channel : channels)
      stubs.push_back(std::make_unique<grpc::GenericStub>(channel));
    std::vector<Slot> slots(options_.outstanding);
    begin_ = absl::Now();
    if (options_.warm_up <= absl::ZeroDuration()) Measure(begin_);
    for (int i = 0; i < options_.outstanding; ++i) {
      slots[i].number = i;
      slots[i].stub = stubs[i % stubs.size()].get();
      Start(slots[i]);
    }
    void* tag = nullptr;
    bool ok = false;
    while (under_way_ > 0 && queue_.Next(&tag, &ok)) Ended(*static_cast<Slot*>(tag));
    if (!ended_) End(absl::Now());
    return std::move(result_);
  }

 private:
  void Start(Slot& slot) {
    if (ended_ || (options_.calls > 0 && started_ == options_.calls)) return;
    ++started_;
    ++under_way_;
    slot.context.emplace();
    Prepare(endpoint_, *slot.context);
    grpc::ByteBuffer request = workload_.Next(slot.number);
    result_.request_bytes = static_cast<int64_t>(request.Length());
    slot.start = absl::Now();
    slot.response.Clear();
    slot.reader = slot.stub->PrepareUnaryCall(&*slot.context, workload_.method(), request, &queue_);
    slot.reader->StartCall();
    slot.reader->Finish(&slot.response, &slot.status, &slot);
  }

  void Ended(Slot& slot) {
    --under_way_;
    const absl::Time now = absl::Now();
    absl::Status status =
        slot.status.ok() ? workload_.Took(slot.number, slot.response) : ToStatus(slot.status);
    if (!status.ok() && result_.errors++ == 0) result_.first_error = status.ToString();
    if (measuring_ && !ended_ && status.ok()) {
      latencies_.push_back(now - slot.start);
      result_.response_bytes = static_cast<int64_t>(slot.response.Length());
    }
    if (!measuring_ && now - begin_ >= options_.warm_up) Measure(now);
    if (!ended_ && measuring_ && now - measured_from_ >= options_.duration) End(now);
    Start(slot);
  }

  void Measure(absl::Time now) {
    measuring_ = true;
    measured_from_ = now;
    server_cpu_ = CpuTime(options_.server_pid);
    client_cpu_ = CpuTime(0);
  }

  void End(absl::Time now) {
    ended_ = true;
    result_.elapsed = now - measured_from_;
    if (options_.server_pid > 0) result_.server_cpu = CpuTime(options_.server_pid) - server_cpu_;
    result_.client_cpu = CpuTime(0) - client_cpu_;
    result_.calls = static_cast<int64_t>(latencies_.size());
    std::sort(latencies_.begin(), latencies_.end());
    if (latencies_.empty()) return;
    result_.p50 = latencies_[latencies_.size() / 2];
    result_.p99 = latencies_[latencies_.size() * 99 / 100];
  }

  const Endpoint& endpoint_;
  Workload& workload_;
  const LoadOptions& options_;
  grpc::CompletionQueue queue_;
  LoadResult result_;
  std::vector<absl::Duration> latencies_;
  int64_t started_ = 0;
  int under_way_ = 0;
  bool measuring_ = false;
  bool ended_ = false;
  absl::Time begin_;
  absl::Time measured_from_;
  absl::Duration server_cpu_;
  absl::Duration client_cpu_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Otherwise channels of the same arguments share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The machine is shared with what is measured: nothing that a run does not use.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  if (endpoint.ca.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  auto ca = ReadFile(endpoint.ca);
  if (!ca.ok()) return ca.status();
  arguments.SetSslTargetNameOverride("localhost");
  if (endpoint.certificate.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::SslCredentials({*ca, "", ""}),
                                     arguments);
  }
  auto certificate = ReadFile(endpoint.certificate);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadFile(endpoint.key);
  if (!key.ok()) return key.status();
  return grpc::CreateCustomChannel(endpoint.address,
                                   grpc::SslCredentials({*ca, *key, *certificate}), arguments);
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer ToBuffer(const google::protobuf::MessageLite& message) {
  return ToBuffer(message.SerializeAsString());
}

bool FromBuffer(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite* message) {
  grpc::Slice slice;
  return buffer.DumpToSingleSlice(&slice).ok() &&
         message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

absl::Status CallAndWait(const std::shared_ptr<grpc::Channel>& channel, const Endpoint& endpoint,
                         const std::string& method, const google::protobuf::MessageLite& request,
                         google::protobuf::MessageLite* response) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  Prepare(endpoint, context);
  context.set_wait_for_ready(true);
  grpc::ByteBuffer buffer;
  grpc::Status status;
  auto reader = stub.PrepareUnaryCall(&context, method, ToBuffer(request), &queue);
  reader->StartCall();
  reader->Finish(&buffer, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) return ToStatus(status);
  if (!FromBuffer(buffer, response)) {
    return absl::DataLossError(absl::StrCat("the answer of ", method, " does not parse"));
  }
  return absl::OkStatus();
}

LoadResult Run(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
               const Endpoint& endpoint, Workload& workload, const LoadOptions& options) {
  return Runner(endpoint, workload, options).Run(channels);
}

}  // namespace caravan::load
