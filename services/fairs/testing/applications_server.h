// A fairs server with a zones server beside it, and an edition that is open for
// applications, for tests of what becomes of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "gtest/gtest.h"
#include "services/common/host/host.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"
#include "services/common/testing/test_server.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs::testing {

// The principals of the tests, and what they may do:
// - `users/admin` everything, there and at zones;
// - `users/organiser` everything of the edition;
// - `users/firm1` to `users/firm9` what an exhibitor may, on `enterprises/de-1` and so on;
// - `users/zhejiang` and `users/guangdong` what a delegation may;
// - `users/chamber` what rechecks take.
//
// Firms: de-1 to de-6 are producers, de-7 to de-9 distributors. Documents: d1 to d99.
//
// The edition `fairs/f` (136) has one phase, `1`; sections `s` and `t`, each with brand
// booths from 4 on, and `special`; hall `1.1` with rows `a` and `b` of 12 cells, of
// section `s` but for the last four of `b`, which are of `t`; the third cell of `b` is
// blocked. Applications are due on 2026-12-10, renewals on 2026-12-01. It is noon of
// 2026-11-23.
class ApplicationsServer : public ::testing::Test {
 protected:
  ApplicationsServer();
  ~ApplicationsServer() override;

  // Calls a method with a request in protobuf's text format.
  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const std::string& request,
                                const std::string& principal = "users/admin") {
    return fairs_->Call<Response>(method, Parse<Request>(request), {.principal = principal});
  }
  template <class Response, class Request>
  absl::StatusOr<Response> CallZones(std::string_view method, const std::string& request) {
    return zones_->Call<Response>(method, Parse<Request>(request), {});
  }

  static std::string NameOf(const std::string& id) { return "fairs/f/applications/" + id; }

  // A general application of a firm (`1`) of Zhejiang for 1 to 3 booths in section `s`,
  // as text; what `more` sets goes before.
  static std::string Entry(const std::string& firm, const std::string& more = "");

  absl::StatusOr<v1::Application> Create(const std::string& id, const std::string& entry,
                                         const std::string& principal = "users/admin");
  absl::StatusOr<v1::Application> Get(const std::string& id,
                                      const std::string& principal = "users/admin");
  absl::StatusOr<v1::Application> Update(const std::string& id, const std::string& fields,
                                         const std::string& principal = "users/admin");
  // Loads one; `entry` has its state.
  absl::StatusOr<v1::Application> Load(const std::string& id, const std::string& entry);

  // A declared transition: Step<v1::SubmitApplicationRequest>("Submit", "a").
  template <class Request>
  absl::StatusOr<v1::Application> Step(const std::string& verb, const std::string& id,
                                       const std::string& principal = "users/admin",
                                       const std::string& more = "") {
    return Call<v1::Application, Request>("ApplicationService/" + verb + "Application",
                                          "name: '" + NameOf(id) + "' " + more, principal);
  }
  absl::StatusOr<v1::Application> Submit(const std::string& id,
                                         const std::string& principal = "users/admin") {
    return Step<v1::SubmitApplicationRequest>("Submit", id, principal);
  }
  absl::StatusOr<v1::Application> Move(const std::string& id, const std::string& row,
                                       int first_number, const std::string& consent,
                                       const std::string& principal = "users/organiser");
  absl::StatusOr<v1::SwapApplicationResponse> Swap(const std::string& id, const std::string& other,
                                                   const std::string& consent,
                                                   const std::string& other_consent);
  // The stands of the floor plan: "a1: a 1 2" for application a1 in row a from number 1
  // on with two booths, by row and number.
  std::vector<std::string> Stands();

  // Changes resources as a run's publication does, in a transaction.
  absl::Status Write(const std::function<absl::Status(const resources::Registry& registry,
                                                      const resources::Caller& caller,
                                                      store::Transaction& tx)>& body);
  // Loads an application as CONFIRMED with so many booths, and gives it a stand.
  absl::Status Position(const std::string& id, const std::string& firm, const std::string& row,
                        int first_number, int booths);
  // Gives a CONFIRMED application a stand.
  absl::Status Position(const std::string& id, const std::string& row, int first_number);

  caravan::testing::TestClock clock_;
  std::unique_ptr<caravan::testing::TestServer> zones_;
  const resources::Registry* registry_ = nullptr;
  store::Store* store_ = nullptr;
  std::unique_ptr<caravan::testing::TestServer> fairs_;

 private:
  void FillZones();
  void FillFairs();
};

}  // namespace caravan::fairs::testing
