// What one client, and all of them together, may use.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "services/gateway/timer_wheel.h"

namespace caravan::gateway {

struct Limits {
  // Connections.
  int64_t connections = 20'000;
  int64_t connections_per_address = 2'000;
  Clock::duration handshake_timeout = std::chrono::seconds(10);
  Clock::duration header_timeout = std::chrono::seconds(10);
  Clock::duration idle_timeout = std::chrono::minutes(15);
  Clock::duration write_timeout = std::chrono::seconds(30);
  Clock::duration keepalive_interval = std::chrono::seconds(60);
  Clock::duration keepalive_timeout = std::chrono::seconds(20);

  // Streams of a connection.
  uint32_t streams = 256;
  size_t header_bytes = 12 * 1024;  // as of SETTINGS_MAX_HEADER_LIST_SIZE
  size_t header_count = 128;
  uint32_t stream_window = 256 * 1024;
  // What has been passed on is credited once half of it has: so streams that nobody
  // reads hold up the others of their connection where they fill half of the window.
  uint32_t connection_window = 2 * 1024 * 1024;

  // Frames of a connection: a second, after ten seconds' worth at once.
  double resets_per_second = 200;
  double control_frames_per_second = 1'000;

  // Calls of one loop.
  int64_t calls = 10'000;
  int64_t buffered_bytes = 256 * 1024 * 1024;
};

// How much may come at once, in seconds of its rate.
inline constexpr double kBurstSeconds = 10;

}  // namespace caravan::gateway
