// Serves the methods of a service: takes every call through the same steps, and
// binds what needs no code.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/identity/access.h"
#include "services/common/identity/principal.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/standard_methods.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/run_server.h"
#include "services/common/rpc/service.h"
#include "services/common/store/store.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::rpc {

// The steps of a call before its handler, in order. Each may end it. Then other
// services are asked, where that must be (Service::BindBefore).
enum class Step { kIdentity, kDeadline, kParsing, kPermission, kValidation };
inline constexpr std::array kSteps = {Step::kIdentity, Step::kDeadline, Step::kParsing,
                                      Step::kPermission, Step::kValidation};
// So many of them are taken once by a call that takes a stream of requests, the
// others for each request.
inline constexpr size_t kStepsOfStream = 2;

// Metadata of requests and replies.
inline constexpr char kMinRevisionMetadata[] = "caravan-min-revision";
inline constexpr char kRevisionMetadata[] = "caravan-revision";
inline constexpr char kScanHintMetadata[] = "caravan-scan-hint";

// What the runtime works with; all outlive it.
struct RuntimeOptions {
  resources::Registry* registry = nullptr;
  store::Store* store = nullptr;
  const identity::AccessControl* access = nullptr;
  const identity::Authenticator* authenticator = nullptr;
  telemetry::Metrics* metrics = nullptr;
  std::function<absl::Time()> clock = absl::Now;
  absl::TimeZone time_zone;  // of legal days
  absl::Duration default_deadline = absl::Seconds(30);
  absl::Duration longest_deadline = absl::Minutes(5);
  Executor* executor = nullptr;  // for handlers that may block
  // For what waits for other services: threads of its own, so that reads go on
  // while a service does not answer. Null: the executor.
  Executor* asking = nullptr;
  // Where references to resources of other services are checked; null: nowhere.
  resources::ForeignResources* foreign = nullptr;
};

class Runtime {
 public:
  // Binds every method of the services. An error says which method has no
  // declared access, no handler, or a contract that makes no sense.
  static absl::StatusOr<std::unique_ptr<Runtime>> Create(const RuntimeOptions& options,
                                                         std::vector<Service*> services);
  ~Runtime();

  // For ServerOptions::services.
  const std::vector<HostedService>& hosted() const;

  // Ends all streams with UNAVAILABLE, for a drain. Requests of a stream that have
  // been taken are answered before.
  void EndStreams();

  struct Impl;

 private:
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caravan::rpc
