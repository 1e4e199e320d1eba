// Which service a call goes to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/gateway/upstream.h"

namespace caravan::gateway {

// The metadata that names the service of a call whose package every service
// serves: changes, operations, reflection.
inline constexpr std::string_view kServiceMetadata = "caravan-service";

// The parts of `/caravan.zones.v1.PilotZoneService/GetPilotZone`.
struct MethodPath {
  std::string_view service;  // caravan.zones.v1.PilotZoneService
  std::string_view method;
  std::string_view package;  // caravan.zones.v1
};

// UNIMPLEMENTED where it is no such path.
absl::StatusOr<MethodPath> ParsePath(std::string_view path);

class Router {
 public:
  // `default_service`: of calls that don't say which they are for; may be empty,
  // and is not needed where there is one service only.
  explicit Router(std::string default_service) : default_service_(std::move(default_service)) {}

  // Serves the packages `caravan.<name of the service>.*`. It outlives the router.
  void Add(Upstream& upstream);

  // `named` is the metadata kServiceMetadata, empty where there is none.
  // UNIMPLEMENTED (UNKNOWN_PACKAGE), or INVALID_ARGUMENT (UNKNOWN_SERVICE,
  // SERVICE_NOT_NAMED).
  absl::StatusOr<Upstream*> Find(const MethodPath& path, std::string_view named) const;

 private:
  absl::StatusOr<Upstream*> FindByName(std::string_view named) const;
  std::string Names() const;

  const std::string default_service_;
  absl::flat_hash_map<std::string, Upstream*> by_name_;
};

}  // namespace caravan::gateway
