// W3C Trace Context: the `traceparent` header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::telemetry {

struct TraceContext {
  uint64_t trace_id_high = 0;
  uint64_t trace_id_low = 0;
  uint64_t span_id = 0;
  bool sampled = false;

  // Nothing where the header is malformed, which by the standard is ignored.
  static std::optional<TraceContext> Parse(std::string_view traceparent);

  // A new trace.
  static TraceContext New();

  // The same trace, a new span.
  TraceContext Child() const;

  std::string ToTraceparent() const;
  std::string TraceId() const;  // 32 hexadecimal digits
  std::string SpanId() const;   // 16 hexadecimal digits

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

}  // namespace caravan::telemetry
