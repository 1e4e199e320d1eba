#include "services/gateway/call_recorder.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/telemetry/log.h"
#include "services/common/telemetry/trace.h"

namespace caravan::gateway {
namespace {

constexpr size_t kMostMethods = 2'000;
constexpr double kLogLinesPerSecond = 50;

bool IsFailure(int code) {
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace

CallRecorder::CallRecorder(telemetry::Metrics& metrics, int64_t log_every, Clock::time_point now)
    : metrics_(metrics),
      others_(metrics.Method("other", "other")),
      log_every_(log_every),
      log_lines_(kLogLinesPerSecond, kLogLinesPerSecond, now) {}

telemetry::MethodMetrics* CallRecorder::Started(std::string_view path) {
  const auto found = methods_.find(path);
  if (found == methods_.end()) return nullptr;
  found->second->Started();
  return found->second;
}

void CallRecorder::Finished(const CallRecord& record, Clock::time_point now) {
  telemetry::MethodMetrics* metrics = record.metrics;
  if (metrics == nullptr) {
    const bool exists = record.answered_by_service &&
                        record.code != static_cast<int>(absl::StatusCode::kUnimplemented);
    const size_t slash = record.path.rfind('/');
    if (exists && methods_.size() < kMostMethods && slash != std::string_view::npos && slash > 0) {
      metrics = &metrics_.Method(record.path.substr(1, slash - 1), record.path.substr(slash + 1));
      methods_.emplace(record.path, metrics);
    } else {
      metrics = &others_;
    }
    metrics->Started();
  }
  metrics->Finished(record.code, absl::FromChrono(record.latency));
  ++calls_;
  const bool sampled = log_every_ > 0 && calls_ % log_every_ == 0;
  if ((sampled || IsFailure(record.code)) && log_lines_.Take(now)) Log(record);
}

void CallRecorder::Log(const CallRecord& record) {
  const auto trace = telemetry::TraceContext::Parse(record.traceparent);
  telemetry::Log(
      IsFailure(record.code) ? telemetry::LogLevel::kWarning : telemetry::LogLevel::kInfo,
      IsFailure(record.code) ? "A call has failed" : "A call",
      {{"method", record.path},
       {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(record.code))},
       {"reason", record.reason},
       {"service", record.service},
       {"principal", record.principal},
       {"client", record.client},
       {"trace_id", trace ? trace->TraceId() : std::string()},
       {"seconds", std::chrono::duration<double>(record.latency).count()}});
}

}  // namespace caravan::gateway
