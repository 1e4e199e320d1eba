// Metrics and log of the calls of one loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "services/common/telemetry/metrics.h"
#include "services/gateway/timer_wheel.h"
#include "services/gateway/token_bucket.h"

namespace caravan::gateway {

// A call that has ended.
struct CallRecord {
  std::string_view path;
  telemetry::MethodMetrics* metrics = nullptr;  // as of Started()
  int code = 0;                                 // the canonical one
  Clock::duration latency = {};
  // The service knows the method: it was the one to answer.
  bool answered_by_service = false;
  std::string_view service;  // empty where there was none
  std::string_view reason;   // of an error of the gateway
  std::string_view principal;
  std::string_view client;  // host:port
  std::string_view traceparent;
};

class CallRecorder {
 public:
  // One call of `log_every` is logged, 0: none; beside those that failed for a
  // reason that is not the caller's, of which at most some a second are logged.
  CallRecorder(telemetry::Metrics& metrics, int64_t log_every, Clock::time_point now);

  // A call has begun. Null for methods that have not yet been served: what clients
  // make up gets no metrics of its own.
  telemetry::MethodMetrics* Started(std::string_view path);
  void Finished(const CallRecord& record, Clock::time_point now);

 private:
  void Log(const CallRecord& record);

  telemetry::Metrics& metrics_;
  telemetry::MethodMetrics& others_;
  const int64_t log_every_;
  int64_t calls_ = 0;
  TokenBucket log_lines_;
  absl::flat_hash_map<std::string, telemetry::MethodMetrics*> methods_;
};

}  // namespace caravan::gateway
