// How a client connects and calls.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "caravan/client/credentials.h"
#include "caravan/client/retry.h"
#include "caravan/client/session.h"

namespace caravan::client {

struct ConnectionOptions {
  // The gateway, which serves all services: `host:port` or `unix:/path`. A
  // single service may be asked directly too.
  std::string address = {};
  Credentials credentials = {};

  // Of every call that does not say otherwise.
  absl::Duration timeout = absl::Seconds(60);
  RetryPolicy retry = {};

  // A connection that is silent for so long is pinged, and given up when no
  // answer comes. Servers disconnect who pings more often than every 10 s.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);

  // The largest answer: a page of 1,000 resources may be large.
  int max_message_bytes = 64 << 20;

  // Comes first in the user agent, such as `fairs-importer/2.1`.
  std::string user_agent = {};

  Clock clock = {};

  // Gets what a server advises beside an answer, such as an index that would
  // make a list cheaper. May be called by several threads at once.
  std::function<void(const std::string& hint)> on_hint = nullptr;
};

// How one call is made; what is not set is as in the client's defaults, else as
// in the connection's.
struct CallOptions {
  // Of the whole call, with its repeats and the waits between. A stream has
  // none unless it is given here.
  std::optional<absl::Duration> timeout = std::nullopt;
  std::optional<RetryPolicy> retry = std::nullopt;

  // The service that is meant, such as `zones`, by methods that every service
  // has: the change feed, operations, reflection. All others name theirs.
  std::string service = {};

  // Read your writes, see Session.
  std::shared_ptr<Session> session = nullptr;

  // The least revision of the state that a read is answered from.
  int64_t min_revision = 0;

  // Ends the call with CANCELLED when it is cancelled.
  std::optional<Cancellation> cancellation = std::nullopt;

  // Further metadata.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

// `options`, and what they leave open from `defaults`.
CallOptions WithDefaults(CallOptions options, const CallOptions& defaults);

}  // namespace caravan::client
