// The course of an invented edition on real servers: fairs, with zones beside it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "services/common/host/host.h"
#include "services/common/testing/temporary_folder.h"
#include "services/common/testing/test_server.h"
#include "services/fairs/testing/edition.h"

namespace caravan::fairs::testing {

// Adds a section of invited stands to an edition, `special-area` in its first phase,
// with a floor of its own: two rows of 12 cells.
void AddSpecialArea(Edition& edition);

// Principals: `users/admin` and `users/second` may do everything, `users/visitor` may
// only ask for bundles. It is midnight of 2024-06-01, and time stands.
class EditionServer {
 public:
  // `store` is that of fairs; empty: SQLite in a folder that goes with this.
  explicit EditionServer(Edition edition, std::string store = "");
  ~EditionServer();

  // The id of the edition's fair.
  static constexpr char kFair[] = "fairs/canton-136";

  const Edition& edition() const { return edition_; }
  caravan::testing::TestClock& clock() { return clock_; }
  caravan::testing::TestServer& fairs() { return *fairs_; }
  caravan::testing::TestServer& zones() { return *zones_; }
  void StopZones() { zones_.reset(); }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const std::string& principal = "users/admin") {
    return fairs_->Call<Response>(method, request, {.principal = principal});
  }

  // The same, and fails the test where the call does.
  template <class Response, class Request>
  Response Must(std::string_view method, const Request& request,
                const std::string& principal = "users/admin") {
    auto response = Call<Response>(method, request, principal);
    EXPECT_TRUE(response.ok()) << method << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  // Everything of the edition up to applications, which are open.
  void LoadRegisters();
  void LoadApplications(const std::vector<v1::Application>& applications);
  // No more applications; divides the quotas.
  void CloseApplications();
  // All of this, with the edition's applications.
  void Load();

  // Waits until an operation is done.
  template <class T>
  absl::StatusOr<T> Await(const google::longrunning::Operation& started) {
    auto done = AwaitDone(started.name());
    if (!done.ok()) return done.status();
    if (done->has_error()) return api::FromRpcStatus(done->error());
    T response;
    if (!done->response().UnpackTo(&response)) return absl::DataLossError("another response");
    return response;
  }

  // Calls back before the work of the next operations of a kind; null: no more. While
  // none of the kind runs.
  void BeforeWork(std::string_view kind, std::function<void()> callback);

  // Starts a step, which goes on by itself.
  absl::StatusOr<google::longrunning::Operation> StartFreeze(v1::Stage stage, bool waiting_list);
  absl::StatusOr<google::longrunning::Operation> StartRun(const std::string& snapshot);
  // The run, whose `publication` goes on.
  absl::StatusOr<v1::Allocation> StartPublication(const std::string& allocation);

  // Whole steps.
  v1::Snapshot Freeze(v1::Stage stage, bool waiting_list = false);
  void Draw(v1::Stage stage);
  v1::Allocation Run(const v1::Snapshot& snapshot);
  v1::Allocation Publish(const std::string& allocation);

  // What outsiders get of a run, and what they find wrong with it.
  std::vector<v1::Bundle> Bundles(const v1::Allocation& run,
                                  const std::string& principal = "users/visitor");
  static std::vector<std::string> Problems(const std::vector<v1::Bundle>& bundles);

  std::vector<v1::Application> Applications();

  // Ends the server as a crash does, and starts another on what is left, once leases are
  // over. On SQLite that is a copy of its files as they are; on PostgreSQL another replica
  // takes over, while the first still runs.
  void Crash();
  // The same once the store has so many more revisions than now, or the operation is done:
  // then or a little later.
  void CrashAfter(int64_t revisions, const std::string& operation);

 private:
  std::unique_ptr<caravan::testing::TestServer> StartFairs();
  void CallBeforeWork(const host::Dependencies& all);
  void Begin(std::string_view kind) const;
  void LoadZones();
  void CopyStore();
  absl::StatusOr<google::longrunning::Operation> AwaitDone(const std::string& name);

  caravan::testing::TestClock clock_;
  Edition edition_;
  caravan::testing::TemporaryFolder folder_;
  int copies_ = 0;
  std::map<std::string, std::function<void()>, std::less<>> before_work_;
  std::string store_;
  std::unique_ptr<caravan::testing::TestServer> zones_;
  std::unique_ptr<caravan::testing::TestServer> fairs_;
};

}  // namespace caravan::fairs::testing
