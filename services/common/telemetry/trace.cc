#include "services/common/telemetry/trace.h"

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace caravan::telemetry {
namespace {

// Upper case is malformed by the standard.
bool ParseHex(std::string_view text, uint64_t* value) {
  *value = 0;
  for (const char c : text) {
    int digit;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else {
      return false;
    }
    *value = *value << 4 | static_cast<uint64_t>(digit);
  }
  return true;
}

uint64_t RandomId() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1, UINT64_MAX);
}

}  // namespace

std::optional<TraceContext> TraceContext::Parse(std::string_view header) {
  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01; a later version
  // may have more after another dash.
  constexpr size_t kLength = 55;
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  TraceContext trace;
  uint64_t version;
  uint64_t flags;
  if (!ParseHex(header.substr(0, 2), &version) ||
      !ParseHex(header.substr(3, 16), &trace.trace_id_high) ||
      !ParseHex(header.substr(19, 16), &trace.trace_id_low) ||
      !ParseHex(header.substr(36, 16), &trace.span_id) || !ParseHex(header.substr(53, 2), &flags)) {
    return std::nullopt;
  }
  const bool has_more = header.size() > kLength;
  if (version == 0xff || (has_more && (version == 0 || header[kLength] != '-')) ||
      (trace.trace_id_high == 0 && trace.trace_id_low == 0) || trace.span_id == 0) {
    return std::nullopt;
  }
  trace.sampled = (flags & 1) != 0;
  return trace;
}

TraceContext TraceContext::New() { return {RandomId(), RandomId(), RandomId(), false}; }

TraceContext TraceContext::Child() const {
  TraceContext child = *this;
  child.span_id = RandomId();
  return child;
}

std::string TraceContext::ToTraceparent() const {
  return absl::StrCat("00-", TraceId(), "-", SpanId(), sampled ? "-01" : "-00");
}

std::string TraceContext::TraceId() const {
  return absl::StrCat(absl::Hex(trace_id_high, absl::kZeroPad16),
                      absl::Hex(trace_id_low, absl::kZeroPad16));
}

std::string TraceContext::SpanId() const {
  return absl::StrCat(absl::Hex(span_id, absl::kZeroPad16));
}

}  // namespace caravan::telemetry
