// Invented enterprises for load tests and demonstrations: as many as wanted,
// valid by every rule, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"

namespace caravan::zones::testing {

class EnterpriseGenerator {
 public:
  // Fewest numbers that name different enterprises.
  static constexpr uint64_t kNumbers = 1'000'000'000;

  // `zones` are those that exist; only ones that have not ended become homes,
  // older batches more often than newer ones.
  EnterpriseGenerator(uint64_t seed, std::vector<v1::PilotZone> zones);

  // Enterprise `number`: a function of the seed, the zones and the number, so
  // that threads may share the work. About 80 % are in a zone, 12 % at home
  // without one, 8 % abroad; 2 % each are SUSPENDED and CLOSED. All carry the
  // label `synthetic: true`: their codes are well-formed, and may by chance be
  // a real firm's. Different numbers below kNumbers have different names.
  v1::Enterprise Generate(uint64_t number) const;

 private:
  uint64_t seed_;
  std::vector<v1::PilotZone> homes_;
};

}  // namespace caravan::zones::testing
