// The disk runs full under load: nothing is half done, reading goes on, and
// writing does again once there is room.
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/testing/temporary_folder.h"
#include "tests/fault/client.h"
#include "tests/fault/history.h"
#include "tests/fault/service_process.h"
#include "tests/load/enterprises.h"

namespace caravan::fault {
namespace {

using zones::v1::Enterprise;

constexpr int64_t kDiskBytes = 32 << 20;
constexpr int64_t kFillerBytes = 24 << 20;
constexpr int kBatch = 100;
constexpr int kMostBatches = 1000;
constexpr int kRefusals = 5;

// A batch of new enterprises; adds them to `known` where they were created.
absl::Status CreateBatch(const std::shared_ptr<grpc::Channel>& channel, int batch,
                         std::map<std::string, Known>& known) {
  zones::v1::BatchCreateEnterprisesRequest request;
  request.set_request_id(absl::StrCat("batch-", batch));
  for (int i = 0; i < kBatch; ++i) {
    zones::v1::CreateEnterpriseRequest& create = *request.add_requests();
    *create.mutable_enterprise() =
        load::MakeEnterprise(int64_t{load::kZones} * (batch * kBatch + i));
    create.set_enterprise_id(create.enterprise().name().substr(std::string("enterprises/").size()));
  }
  zones::v1::BatchCreateEnterprisesResponse response;
  const absl::Status status =
      Call(channel, absl::StrCat(kEnterprises, "BatchCreateEnterprises"), request, &response);
  for (const zones::v1::CreateEnterpriseRequest& create : request.requests()) {
    if (!status.ok()) known[create.enterprise().name()];
  }
  for (const Enterprise& created : response.enterprises()) known[created.name()] = {created, 1};
  return status;
}

TEST(FullDiskTest, RefusesThenRecovers) {
  const testing::TemporaryFolder folder, disk;
  ServiceProcess zones({.folder = folder.path(),
                        .store = absl::StrCat("sqlite:", disk.path(), "/zones.db"),
                        .small_disk = disk.path(),
                        .small_disk_bytes = kDiskBytes});
  zones.Start();
  const auto channel = zones.Connect();
  LoadZones(channel);
  const std::string filler = zones.InItsFolder(disk.path() + "/filler");
  std::ofstream(filler) << std::string(kFillerBytes, 'x');

  std::map<std::string, Known> known;
  // Tidying up makes a little room now and then, so some come through in between.
  int batch = 0;
  for (int refused = 0; refused < kRefusals; ++batch) {
    ASSERT_LT(batch, kMostBatches) << "the disk does not run full";
    const absl::Status status = CreateBatch(channel, batch, known);
    if (status.ok()) continue;
    ++refused;
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(api::ReasonOf(status), "STORE_FULL") << status;
  }
  EXPECT_GT(batch, kRefusals) << "nothing was written before the disk was full";
  std::vector<api::v1::Change> changes = ListAllChanges(channel);
  ExpectConsistent(changes);
  ExpectKept(channel, known, changes);

  ASSERT_EQ(std::remove(filler.c_str()), 0);
  // The requests that were refused, with the same ids, and those that were not.
  known.clear();
  for (int retried = 0; retried < batch; ++retried) {
    const absl::Status recovered = CreateBatch(channel, retried, known);
    ASSERT_TRUE(recovered.ok()) << recovered;
  }
  changes = ListAllChanges(channel);
  ExpectConsistent(changes);
  ExpectKept(channel, known, changes);
}

}  // namespace
}  // namespace caravan::fault
