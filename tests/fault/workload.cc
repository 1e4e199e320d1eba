#include "tests/fault/workload.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fault/client.h"
#include "tests/load/enterprises.h"

namespace caravan::fault {
namespace {

using zones::v1::Enterprise;

constexpr int kEnterprisesEach = 24;
constexpr size_t kLargestBatch = 5;
// Two zones of one province, between which enterprises move.
constexpr int kHangzhou = 0;
constexpr int kNingbo = 9;

}  // namespace

Client::Client(std::shared_ptr<grpc::Channel> channel, int seed)
    : channel_(std::move(channel)), seed_(seed), random_(seed) {
  for (int i = 0; i < kEnterprisesEach; ++i) {
    const int64_t number = int64_t{load::kZones} * (kEnterprisesEach * seed + i) + kHangzhou;
    const std::string name = load::EnterpriseName(number);
    known_[name];
    numbers_[name] = number;
  }
}

template <class Request, class Response>
bool Client::Ask(const std::string& method, Request& request, Response* response) {
  request.set_request_id(absl::StrCat("client-", seed_, "-", ++asked_));
  const absl::Status status =
      CallUntilAnswered(channel_, absl::StrCat(kEnterprises, method), request, response);
  EXPECT_TRUE(status.ok()) << status << "\n" << method << " " << request.ShortDebugString();
  if (!status.ok()) return false;
  promises_.push_back({absl::StrCat(kEnterprises, method), std::make_unique<Request>(request),
                       std::make_unique<Response>(*response)});
  return true;
}

Enterprise Client::Fresh(const std::string& name) {
  Enterprise made = load::MakeEnterprise(numbers_[name]);
  made.set_display_name(absl::StrCat("As created by request ", asked_ + 1, " of ", seed_));
  return made;
}

zones::v1::UpdateEnterpriseRequest Client::UpdateOf(const std::string& name) {
  zones::v1::UpdateEnterpriseRequest request;
  Enterprise& enterprise = *request.mutable_enterprise();
  enterprise.set_name(name);
  enterprise.set_display_name(absl::StrCat("As updated by request ", asked_ + 1, " of ", seed_));
  request.mutable_update_mask()->add_paths("display_name");
  if (random_() % 4 == 0) {
    enterprise.set_pilot_zone(load::ZoneName(random_() % 2 == 0 ? kHangzhou : kNingbo));
    request.mutable_update_mask()->add_paths("pilot_zone");
  }
  if (random_() % 4 != 0) enterprise.set_etag(known_[name].now->etag());
  return request;
}

void Client::Learn(const Enterprise& enterprise) {
  Known& known = known_[enterprise.name()];
  known.now = enterprise;
  ++known.changes;
}

std::vector<std::string> Client::Pick(bool existing, size_t most) {
  std::vector<std::string> names;
  for (const auto& [name, known] : known_) {
    if (known.now.has_value() == existing) names.push_back(name);
  }
  std::shuffle(names.begin(), names.end(), random_);
  names.resize(std::min(names.size(), most));
  return names;
}

void Client::Step() {
  const uint64_t dice = random_() % 100;
  const size_t most = dice % 2 == 0 ? 1 : 2 + random_() % (kLargestBatch - 1);
  std::vector<std::string> names = Pick(/*existing=*/dice >= 20, most);
  if (names.empty()) names = Pick(/*existing=*/dice < 20, most);
  const bool exists = known_[names[0]].now.has_value();
  if (exists && dice >= 85) {
    zones::v1::DeleteEnterpriseRequest request;
    request.set_name(names[0]);
    request.set_etag(known_[names[0]].now->etag());
    google::protobuf::Empty response;
    if (!Ask("DeleteEnterprise", request, &response)) return;
    known_[names[0]].now.reset();
    ++known_[names[0]].changes;
  } else if (exists && most == 1) {
    zones::v1::UpdateEnterpriseRequest request = UpdateOf(names[0]);
    Enterprise response;
    if (Ask("UpdateEnterprise", request, &response)) Learn(response);
  } else if (exists) {
    zones::v1::BatchUpdateEnterprisesRequest request;
    for (const std::string& name : names) *request.add_requests() = UpdateOf(name);
    zones::v1::BatchUpdateEnterprisesResponse response;
    if (!Ask("BatchUpdateEnterprises", request, &response)) return;
    for (const Enterprise& enterprise : response.enterprises()) Learn(enterprise);
  } else if (most == 1) {
    zones::v1::CreateEnterpriseRequest request;
    *request.mutable_enterprise() = Fresh(names[0]);
    request.set_enterprise_id(names[0].substr(names[0].find('/') + 1));
    Enterprise response;
    if (Ask("CreateEnterprise", request, &response)) Learn(response);
  } else {
    zones::v1::BatchCreateEnterprisesRequest request;
    for (const std::string& name : names) {
      zones::v1::CreateEnterpriseRequest& create = *request.add_requests();
      *create.mutable_enterprise() = Fresh(name);
      create.set_enterprise_id(name.substr(name.find('/') + 1));
    }
    zones::v1::BatchCreateEnterprisesResponse response;
    if (!Ask("BatchCreateEnterprises", request, &response)) return;
    for (const Enterprise& enterprise : response.enterprises()) Learn(enterprise);
  }
}

Crowd::Crowd(const std::vector<std::shared_ptr<grpc::Channel>>& channels, int clients) {
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>(channels[i % channels.size()], i));
  }
}

void Crowd::Start() {
  {
    absl::MutexLock lock(&mutex_);
    answers_ = 0;
    finishing_ = false;
  }
  for (const std::unique_ptr<Client>& client : clients_) {
    threads_.emplace_back([this, client = client.get()] {
      while (true) {
        client->Step();
        absl::MutexLock lock(&mutex_);
        ++answers_;
        if (finishing_ || ::testing::Test::HasFailure()) return;
      }
    });
  }
}

void Crowd::AwaitAnswers(int64_t answers) {
  const auto enough = [this, answers] {
    mutex_.AssertReaderHeld();
    return answers_ >= answers || ::testing::Test::HasFailure();
  };
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), kCallTimeout));
}

void Crowd::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    finishing_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::map<std::string, Known> Crowd::known() const {
  std::map<std::string, Known> all;
  for (const std::unique_ptr<Client>& client : clients_) {
    all.insert(client->known().begin(), client->known().end());
  }
  return all;
}

}  // namespace caravan::fault
