// Messages for tests, written as text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace caravan::zones::testing {

// A message of protobuf's text format; fails the test where it is none.
template <class T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// A register of zones, to look them up in.
class ZoneRegister {
 public:
  void Add(const std::string& text) {
    v1::PilotZone zone = Parse<v1::PilotZone>(text);
    zones_[zone.name()] = zone;
  }

  absl::StatusOr<std::optional<v1::PilotZone>> operator()(std::string_view name) const {
    auto found = zones_.find(std::string(name));
    if (found == zones_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::map<std::string, v1::PilotZone> zones_;
};

}  // namespace caravan::zones::testing
