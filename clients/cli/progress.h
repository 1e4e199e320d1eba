// Shows how far long work has come: a bar on a terminal, else a line every few
// seconds.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "clients/cli/session.h"

namespace caravan::cli {

class Progress {
 public:
  // `total`: bytes of the work as a whole.
  Progress(Environment& environment, int64_t total);

  // Shows the state, unless it was shown just now.
  void Update(int64_t done, int64_t accepted, int64_t refused);

  // Takes the bar away, so that something else can be written.
  void Clear();

 private:
  Environment& environment_;
  int64_t total_;
  absl::Time start_;
  absl::Time shown_;
  bool bar_ = false;  // one is on the screen
};

}  // namespace caravan::cli
