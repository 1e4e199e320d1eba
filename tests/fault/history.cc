#include "tests/fault/history.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "google/protobuf/empty.pb.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"
#include "tests/fault/client.h"
#include "tests/load/enterprises.h"

namespace caravan::fault {

using api::v1::Change;
using zones::v1::Enterprise;

void LoadZones(const std::shared_ptr<grpc::Channel>& channel) {
  zones::v1::LoadPilotZonesRequest request;
  for (int i = 0; i < load::kZones; ++i) *request.add_pilot_zones() = load::MakeZone(i);
  zones::v1::LoadPilotZonesResponse response;
  const absl::Status status =
      CallUntilAnswered(channel, absl::StrCat(kPilotZones, "LoadPilotZones"), request, &response);
  EXPECT_TRUE(status.ok()) << status;
}

std::vector<Change> ListAllChanges(const std::shared_ptr<grpc::Channel>& channel) {
  std::vector<Change> changes;
  api::v1::ListChangesRequest request;
  request.set_page_size(1000);
  do {
    api::v1::ListChangesResponse response;
    const absl::Status status =
        CallUntilAnswered(channel, absl::StrCat(kChanges, "ListChanges"), request, &response);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return changes;
    for (Change& change : *response.mutable_changes()) changes.push_back(std::move(change));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return changes;
}

void ExpectConsistent(const std::vector<Change>& changes) {
  std::map<std::string, std::string> images;  // of resources that exist
  int64_t end = 0;                            // of the transaction that is under way
  for (size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    SCOPED_TRACE(change.ShortDebugString());
    ASSERT_EQ(change.revision(), static_cast<int64_t>(i) + 1);
    if (change.revision() > end) end = change.transaction_end_revision();
    ASSERT_EQ(change.transaction_end_revision(), end);
    ASSERT_LE(end, static_cast<int64_t>(changes.size()));
    const auto image = images.find(change.resource());
    if (change.kind() == Change::CREATED) {
      ASSERT_EQ(image, images.end());
      ASSERT_FALSE(change.has_before());
    } else {
      ASSERT_NE(image, images.end());
      ASSERT_EQ(change.before().value(), image->second);
    }
    if (change.kind() == Change::DELETED) {
      ASSERT_FALSE(change.has_after());
      images.erase(change.resource());
    } else {
      ASSERT_TRUE(change.has_after());
      images[change.resource()] = change.after().value();
    }
  }
}

void ExpectSame(const std::vector<Change>& seen, const std::vector<Change>& listed) {
  ASSERT_EQ(seen.size(), listed.size());
  for (size_t i = 0; i < seen.size(); ++i) {
    ASSERT_EQ(Canonical(seen[i]), Canonical(listed[i])) << seen[i].ShortDebugString() << "\n"
                                                        << listed[i].ShortDebugString();
  }
}

void ExpectKept(const std::shared_ptr<grpc::Channel>& channel,
                const std::map<std::string, Known>& known, const std::vector<Change>& changes) {
  std::map<std::string, int64_t> counts;
  for (const Change& change : changes) ++counts[change.resource()];
  std::set<std::string> existing;
  for (const auto& [name, expected] : known) {
    SCOPED_TRACE(name);
    EXPECT_EQ(counts[name], expected.changes);
    zones::v1::GetEnterpriseRequest request;
    request.set_name(name);
    Enterprise found;
    const absl::Status status =
        CallUntilAnswered(channel, absl::StrCat(kEnterprises, "GetEnterprise"), request, &found);
    if (expected.now.has_value()) {
      existing.insert(name);
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(Canonical(found), Canonical(*expected.now)) << found.ShortDebugString() << "\n"
                                                            << expected.now->ShortDebugString();
    } else {
      EXPECT_TRUE(absl::IsNotFound(status)) << status << found.ShortDebugString();
    }
  }
  std::set<std::string> listed;
  zones::v1::ListEnterprisesRequest request;
  request.set_page_size(1000);
  do {
    zones::v1::ListEnterprisesResponse response;
    const absl::Status status = CallUntilAnswered(
        channel, absl::StrCat(kEnterprises, "ListEnterprises"), request, &response);
    ASSERT_TRUE(status.ok()) << status;
    for (const Enterprise& enterprise : response.enterprises()) listed.insert(enterprise.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, existing);
}

void ExpectPromisesKept(const std::shared_ptr<grpc::Channel>& channel,
                        const std::vector<Promise>& promises, size_t most) {
  std::vector<const Promise*> chosen;
  for (const Promise& promise : promises) chosen.push_back(&promise);
  std::shuffle(chosen.begin(), chosen.end(), std::mt19937_64(promises.size()));
  chosen.resize(std::min(chosen.size(), most));
  for (const Promise* promise : chosen) {
    const std::unique_ptr<google::protobuf::Message> again(promise->answer->New());
    const absl::Status status =
        CallUntilAnswered(channel, promise->method, *promise->request, again.get());
    EXPECT_TRUE(status.ok()) << status << promise->method;
    EXPECT_EQ(Canonical(*again), Canonical(*promise->answer)) << promise->method;
  }
}

void ExpectReferencesKept(const std::shared_ptr<grpc::Channel>& channel,
                          const std::map<std::string, Known>& known) {
  std::map<std::string, std::vector<std::string>> residents;  // by zone
  for (const auto& [name, expected] : known) {
    if (expected.now.has_value()) residents[expected.now->pilot_zone()].push_back(name);
  }
  google::protobuf::Empty empty;
  const auto delete_zone = [&](const std::string& name) {
    zones::v1::DeletePilotZoneRequest request;
    request.set_name(name);
    return CallUntilAnswered(channel, absl::StrCat(kPilotZones, "DeletePilotZone"), request,
                             &empty);
  };
  ASSERT_FALSE(residents.empty());
  for (const auto& [zone, names] : residents) {
    SCOPED_TRACE(zone);
    for (size_t i = 0; i < names.size(); ++i) {
      if (i + 1 == names.size()) {
        const absl::Status refused = delete_zone(zone);
        EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
        EXPECT_TRUE(absl::StrContains(refused.message(), names[i])) << refused;
      }
      zones::v1::DeleteEnterpriseRequest request;
      request.set_name(names[i]);
      const absl::Status status = CallUntilAnswered(
          channel, absl::StrCat(kEnterprises, "DeleteEnterprise"), request, &empty);
      EXPECT_TRUE(status.ok()) << status;
    }
    const absl::Status status = delete_zone(zone);
    EXPECT_TRUE(status.ok()) << status;
  }
}

Follower::Follower(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), thread_([this] { Follow(); }) {}

Follower::~Follower() {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
}

std::vector<Change> Follower::Await(int64_t revision) {
  const auto seen = [this, revision] {
    mutex_.AssertReaderHeld();
    return static_cast<int64_t>(seen_.size()) >= revision || ended_;
  };
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&seen), kCallTimeout))
      << "saw " << seen_.size() << " changes of " << revision;
  return seen_;
}

void Follower::Follow() {
  while (true) {
    grpc::ClientContext context;
    int64_t start_revision = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (ended_) return;
      context_ = &context;
      start_revision = static_cast<int64_t>(seen_.size()) + 1;
    }
    const absl::Status status = FollowOnce(context, start_revision);
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    if (!ended_ && !absl::IsUnavailable(status)) {
      ADD_FAILURE() << "following from " << start_revision << ": " << status;
      ended_ = true;
    }
  }
}

absl::Status Follower::FollowOnce(grpc::ClientContext& context, int64_t start_revision) {
  context.set_wait_for_ready(true);
  api::v1::WatchChangesRequest request;
  request.set_start_revision(start_revision);
  const std::string method = absl::StrCat(kChanges, "WatchChanges");
  const std::unique_ptr<grpc::ClientReader<Change>> reader(
      grpc::internal::ClientReaderFactory<Change>::Create(
          channel_.get(),
          grpc::internal::RpcMethod(method.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING),
          &context, request));
  Change change;
  while (reader->Read(&change)) {
    absl::MutexLock lock(&mutex_);
    EXPECT_EQ(change.revision(), static_cast<int64_t>(seen_.size()) + 1)
        << "a change was missed or came twice";
    seen_.push_back(std::move(change));
    change.Clear();
  }
  return ToStatus(reader->Finish());
}

}  // namespace caravan::fault
