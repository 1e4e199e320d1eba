// Handlers of ApplicationService, and its rule for every write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/applications.service.h"
#include "services/common/peers/peers.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"
#include "services/fairs/eligibility.h"

namespace caravan::fairs {

// For every write of an application. What a service writes by itself (a run that
// allots, an inspection) changes none of what exhibitors write, and passes.
absl::Status PrepareApplication(const resources::Writing& writing, const v1::Application* before,
                                v1::Application& after);

// What eligibility rests on, as the store has it: all but the firms, which zones is
// asked for by AskFirms. Points to `fair` and `section`.
absl::StatusOr<EligibilityFacts> ReadFacts(const resources::Registry& registry,
                                           store::Reader& reader,
                                           const v1::Application& application, const v1::Fair& fair,
                                           const v1::Section& section, int64_t today);

// The firms that an application's eligibility is about: its enterprise and its joint
// partners.
std::vector<std::string> FirmsOf(const v1::Application& application);

class ApplicationsService : public v1::ApplicationServiceHandlers {
 public:
  // All outlive it.
  ApplicationsService(const resources::Registry& registry, store::Store& store,
                      const peers::Peer& zones);

  absl::StatusOr<v1::Application> MoveApplication(
      rpc::Call& call, store::Transaction& tx, const v1::MoveApplicationRequest& request) override;
  absl::StatusOr<v1::SwapApplicationResponse> SwapApplication(
      rpc::Call& call, store::Transaction& tx, const v1::SwapApplicationRequest& request) override;
  absl::StatusOr<v1::ExplainApplicationResponse> ExplainApplication(
      rpc::Call& call, store::Reader& reader,
      const v1::ExplainApplicationRequest& request) override;
  absl::StatusOr<v1::CheckApplicationResponse> CheckApplication(
      rpc::Call& call, store::Reader& reader, const v1::CheckApplicationRequest& request) override;

 private:
  // Before an application is submitted or checked: asks zones for its firms.
  absl::Status AskForFirms(rpc::Call& call, const std::string& name) const;

  const resources::Registry& registry_;
  store::Store& store_;
  const peers::Peer& zones_;
};

}  // namespace caravan::fairs
