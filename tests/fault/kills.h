// How hard crash tests try.
#pragma once

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace caravan::fault {

// How often each test kills; CARAVAN_KILLS overrides.
inline int Kills() {
  const char* text = std::getenv("CARAVAN_KILLS");
  int kills = 3;
  if (text != nullptr) {
    EXPECT_TRUE(absl::SimpleAtoi(text, &kills)) << "CARAVAN_KILLS is not a number: " << text;
  }
  return kills;
}

}  // namespace caravan::fault
