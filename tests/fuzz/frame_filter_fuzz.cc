// Whatever comes, in whatever pieces: the frame filter lets the same through, and
// drops whole frames only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/gateway/frame_filter.h"

namespace {

using caravan::gateway::Clock;
using caravan::gateway::FrameFilter;
using caravan::gateway::TokenBucket;

std::string Through(const uint8_t* data, size_t size, size_t piece) {
  const Clock::time_point now;
  FrameFilter filter(TokenBucket(0, 50, now));
  std::string passed;
  for (size_t i = 0; i < size; i += piece) {
    const bool on = filter.Feed(data + i, std::min(piece, size - i), now,
                                [&](const uint8_t* part, size_t part_size) {
                                  passed.append(reinterpret_cast<const char*>(part), part_size);
                                  return true;
                                });
    if (on == filter.flooded()) std::abort();
    if (!on) break;
  }
  // How far it came before it stopped depends on the pieces.
  return filter.flooded() ? "" : passed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string whole = Through(data, size, size);
  if (whole.size() > size) std::abort();
  const size_t piece = data[0] % 16 + 1;
  if (Through(data, size, piece) != whole) std::abort();
  return 0;
}
