#include "services/gateway/frame_filter.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

namespace caravan::gateway {

bool FrameFilter::Begin(const uint8_t* header, Clock::time_point now) {
  const uint32_t length = uint32_t{header[0]} << 16 | uint32_t{header[1]} << 8 | header[2];
  const uint8_t type = header[3];
  const uint8_t flags = header[4];
  const uint32_t stream = (uint32_t{header[5]} & 0x7f) << 24 | uint32_t{header[6]} << 16 |
                          uint32_t{header[7]} << 8 | header[8];
  payload_left_ = length;
  bool costs = false;
  dropping_ = false;
  switch (type) {
    case NGHTTP2_HEADERS:
      last_stream_ = std::max(last_stream_, stream);
      break;
    case NGHTTP2_RST_STREAM:
      dropping_ = stream > last_stream_ && stream % 2 == 1 && length == 4;
      costs = dropping_;
      break;
    case NGHTTP2_DATA:
      costs = length == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0;
      break;
    case NGHTTP2_CONTINUATION:
      costs = length == 0;
      break;
    case NGHTTP2_WINDOW_UPDATE:
      break;
    default:
      costs = true;
  }
  if (costs && !control_.Take(now)) flooded_ = true;
  return dropping_;
}

bool FrameFilter::Feed(const uint8_t* data, size_t size, Clock::time_point now,
                       absl::FunctionRef<bool(const uint8_t*, size_t)> pass) {
  size_t passed = 0;  // what has been given or left out
  size_t at = 0;
  const auto give_until_here = [&] {
    const bool ok = at == passed || pass(data + passed, at - passed);
    passed = at;
    return ok;
  };
  while (at < size) {
    if (preface_left_ > 0) {
      const size_t step = std::min(preface_left_, size - at);
      preface_left_ -= step;
      at += step;
      continue;
    }
    if (payload_left_ > 0) {
      const size_t step = std::min(payload_left_, size - at);
      payload_left_ -= step;
      at += step;
      if (dropping_) passed = at;
      continue;
    }
    if (header_have_ == 0 && size - at >= kHeaderBytes) {
      if (Begin(data + at, now) && !give_until_here()) return false;
      if (flooded_) return false;
      at += kHeaderBytes;
      if (dropping_) passed = at;
      continue;
    }
    // A frame header in two pieces.
    if (!give_until_here()) return false;
    const size_t step = std::min(kHeaderBytes - header_have_, size - at);
    std::memcpy(header_ + header_have_, data + at, step);
    header_have_ += step;
    at += step;
    passed = at;
    if (header_have_ < kHeaderBytes) continue;
    header_have_ = 0;
    const bool drop = Begin(header_, now);
    if (flooded_) return false;
    if (!drop && !pass(header_, kHeaderBytes)) return false;
  }
  return give_until_here();
}

}  // namespace caravan::gateway
