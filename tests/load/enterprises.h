// The register that load is measured with: any number of enterprises, each
// known by its number alone, in twenty pilot zones.
#pragma once

#include <cstdint>
#include <string>

#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"

namespace caravan::load {

inline constexpr int kZones = 20;

// Zone 0 is pilotZones/hangzhou.
std::string ZoneName(int zone);
zones::v1::PilotZone MakeZone(int zone);

// `enterprises/<unified social credit code>`; spread, so that neighbours by
// number are not neighbours by name.
std::string EnterpriseName(int64_t number);

// About 330 bytes; its home is zone number mod kZones.
zones::v1::Enterprise MakeEnterprise(int64_t number);

}  // namespace caravan::load
