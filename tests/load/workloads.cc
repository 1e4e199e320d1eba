#include "tests/load/workloads.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "google/protobuf/message_lite.h"
#include "services/common/resources/wire.h"
#include "tests/load/enterprises.h"

namespace caravan::load {
namespace {

using zones::v1::Enterprise;

constexpr char kEnterprises[] = "/caravan.zones.v1.EnterpriseService/";
constexpr int64_t kBatch = 1000;

bool Parse(std::string_view bytes, google::protobuf::MessageLite& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

absl::Status Unparsable() { return absl::DataLossError("the answer does not parse"); }

class Fill final : public Workload {
 public:
  Fill(int64_t begin, int64_t end) : next_(begin), end_(end) {}
  const std::string& method() const override { return method_; }

  std::string Next(int) override {
    zones::v1::LoadEnterprisesRequest request;
    for (int64_t i = 0; i < kBatch && next_ < end_; ++i) {
      *request.add_enterprises() = MakeEnterprise(next_++);
    }
    return request.SerializeAsString();
  }

  absl::Status Took(int, std::string_view) override { return absl::OkStatus(); }

 private:
  const std::string method_ = absl::StrCat(kEnterprises, "LoadEnterprises");
  int64_t next_;
  const int64_t end_;
};

class Get final : public Workload {
 public:
  explicit Get(int64_t rows) : number_(0, rows - 1) {}
  const std::string& method() const override { return method_; }

  std::string Next(int) override {
    zones::v1::GetEnterpriseRequest request;
    request.set_name(EnterpriseName(number_(random_)));
    return request.SerializeAsString();
  }

  absl::Status Took(int, std::string_view response) override {
    return !response.empty() ? absl::OkStatus() : Unparsable();
  }

 private:
  const std::string method_ = absl::StrCat(kEnterprises, "GetEnterprise");
  std::mt19937_64 random_{1};
  std::uniform_int_distribution<int64_t> number_;
};

class Update final : public Workload {
 public:
  explicit Update(int slots) : slots_(slots), run_(std::random_device()()) {}
  const std::string& method() const override { return method_; }

  void Add(const Enterprise& enterprise) {
    slots_[added_++ % slots_.size()].known.push_back({enterprise.name(), enterprise.etag()});
  }

  std::string Next(int slot) override {
    Slot& own = slots_[slot];
    own.at = (own.at + 1) % own.known.size();
    zones::v1::UpdateEnterpriseRequest request;
    request.mutable_enterprise()->set_name(own.known[own.at].name);
    request.mutable_enterprise()->set_etag(own.known[own.at].etag);
    // Always as long, so that rows keep their size.
    request.mutable_enterprise()->set_display_name(
        absl::StrFormat("Hangzhou Cross-Border Trading No. %010d Limited", ++sent_));
    request.mutable_update_mask()->add_paths("display_name");
    request.set_request_id(absl::StrFormat("%08x-%016d-0123456789", run_, sent_));
    return request.SerializeAsString();
  }

  absl::Status Took(int slot, std::string_view response) override {
    if (!Parse(response, answer_)) return Unparsable();
    Slot& own = slots_[slot];
    own.known[own.at].etag = answer_.etag();
    return absl::OkStatus();
  }

 private:
  struct Known {
    std::string name;
    std::string etag;
  };
  struct Slot {
    std::vector<Known> known;
    size_t at = 0;
  };

  const std::string method_ = absl::StrCat(kEnterprises, "UpdateEnterprise");
  std::vector<Slot> slots_;
  const uint32_t run_;
  size_t added_ = 0;
  int64_t sent_ = 0;
  Enterprise answer_;
};

class List final : public Workload {
 public:
  List(zones::v1::ListEnterprisesRequest request) : request_(std::move(request)) {}
  const std::string& method() const override { return method_; }

  std::string Next(int) override { return request_.SerializeAsString(); }

  absl::Status Took(int, std::string_view response) override {
    if (!Parse(response, answer_)) return Unparsable();
    if (answer_.enterprises_size() == request_.page_size()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the page has ", answer_.enterprises_size(),
                                            " enterprises, not ", request_.page_size()));
  }

 private:
  const std::string method_ = absl::StrCat(kEnterprises, "ListEnterprises");
  const zones::v1::ListEnterprisesRequest request_;
  zones::v1::ListEnterprisesResponse answer_;
};

class Echo final : public Workload {
 public:
  explicit Echo(int request_bytes) : request_(std::string(request_bytes, 'x')) {}
  const std::string& method() const override { return method_; }
  std::string Next(int) override { return request_; }
  absl::Status Took(int, std::string_view) override { return absl::OkStatus(); }

 private:
  const std::string method_ = "/caravan.load.v1.Echo/Echo";
  const std::string request_;
};

class Etcd final : public Workload {
 public:
  Etcd(int64_t working_set, int value_bytes) : key_(0, working_set - 1), value_(value_bytes, 'x') {}
  const std::string& method() const override { return method_; }

  // etcdserverpb.PutRequest: key is field 1, value is field 2.
  std::string Next(int) override {
    std::string request;
    resources::AppendField(request, 1, EnterpriseName(key_(random_)));
    resources::AppendField(request, 2, value_);
    return request;
  }

  absl::Status Took(int, std::string_view) override { return absl::OkStatus(); }

 private:
  const std::string method_ = "/etcdserverpb.KV/Put";
  std::mt19937_64 random_{1};
  std::uniform_int_distribution<int64_t> key_;
  const std::string value_;
};

}  // namespace

std::unique_ptr<Workload> MakeFill(int64_t begin, int64_t end) {
  return std::make_unique<Fill>(begin, end);
}

int64_t FillCalls(int64_t begin, int64_t end) { return (end - begin + kBatch - 1) / kBatch; }

absl::Status LoadZones(const std::shared_ptr<grpc::Channel>& channel, const Endpoint& endpoint) {
  zones::v1::LoadPilotZonesRequest request;
  for (int i = 0; i < kZones; ++i) *request.add_pilot_zones() = MakeZone(i);
  zones::v1::LoadPilotZonesResponse response;
  return CallAndWait(channel, endpoint, "/caravan.zones.v1.PilotZoneService/LoadPilotZones",
                     request, &response);
}

std::unique_ptr<Workload> MakeGet(int64_t rows) { return std::make_unique<Get>(rows); }

absl::StatusOr<std::unique_ptr<Workload>> MakeUpdate(const std::shared_ptr<grpc::Channel>& channel,
                                                     const Endpoint& endpoint, int64_t rows,
                                                     int64_t working_set, int slots) {
  if (working_set < slots) {
    return absl::InvalidArgumentError("the working set is smaller than the number of callers");
  }
  auto update = std::make_unique<Update>(slots);
  zones::v1::BatchGetEnterprisesRequest request;
  zones::v1::BatchGetEnterprisesResponse response;
  for (int64_t i = 0; i < working_set; ++i) {
    request.add_names(EnterpriseName(i * rows / working_set));
    if (request.names_size() < kBatch && i + 1 < working_set) continue;
    absl::Status status = CallAndWait(
        channel, endpoint, absl::StrCat(kEnterprises, "BatchGetEnterprises"), request, &response);
    if (!status.ok()) return status;
    for (const Enterprise& enterprise : response.enterprises()) update->Add(enterprise);
    request.clear_names();
  }
  return update;
}

absl::StatusOr<std::unique_ptr<Workload>> MakeList(const std::shared_ptr<grpc::Channel>& channel,
                                                   const Endpoint& endpoint,
                                                   const std::string& filter, int page_size,
                                                   int64_t skip) {
  zones::v1::ListEnterprisesRequest request;
  request.set_filter(filter);
  while (skip > 0) {
    request.set_page_size(static_cast<int>(std::min(skip, kBatch)));
    zones::v1::ListEnterprisesResponse response;
    absl::Status status = CallAndWait(
        channel, endpoint, absl::StrCat(kEnterprises, "ListEnterprises"), request, &response);
    if (!status.ok()) return status;
    if (response.next_page_token().empty()) {
      return absl::OutOfRangeError("there are fewer enterprises than are to be skipped");
    }
    skip -= response.enterprises_size();
    request.set_page_token(response.next_page_token());
  }
  request.set_page_size(page_size);
  return std::make_unique<List>(std::move(request));
}

std::unique_ptr<Workload> MakeEcho(int request_bytes) {
  return std::make_unique<Echo>(request_bytes);
}

std::unique_ptr<Workload> MakeEtcd(int64_t working_set, int value_bytes) {
  return std::make_unique<Etcd>(working_set, value_bytes);
}

}  // namespace caravan::load
