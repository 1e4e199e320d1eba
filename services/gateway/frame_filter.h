// Looks at the frames that a client sends before nghttp2 does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "services/gateway/token_bucket.h"

namespace caravan::gateway {

// Takes out RST_STREAM frames of streams that the client has not opened: gRPC's
// clients send them for calls that were cancelled before their HEADERS went out,
// and for nghttp2 they are an error of the whole connection. And counts frames
// that cost the peer nothing and make us work.
class FrameFilter {
 public:
  // `control` is how many such frames are allowed: PING, SETTINGS, PRIORITY, empty
  // DATA and CONTINUATION, and frames of unknown types.
  explicit FrameFilter(TokenBucket control) : control_(control) {}

  // Gives what is to be seen of `size` bytes to `pass`, in one or more pieces.
  // False, and nothing more is given, where `pass` says false, or the client has
  // sent too many control frames, as flooded() tells.
  bool Feed(const uint8_t* data, size_t size, Clock::time_point now,
            absl::FunctionRef<bool(const uint8_t*, size_t)> pass);

  bool flooded() const { return flooded_; }

 private:
  static constexpr size_t kPrefaceBytes = 24;
  static constexpr size_t kHeaderBytes = 9;

  // Reads a frame header; whether the frame is to be dropped.
  bool Begin(const uint8_t* header, Clock::time_point now);

  TokenBucket control_;
  size_t preface_left_ = kPrefaceBytes;
  uint8_t header_[kHeaderBytes];
  size_t header_have_ = 0;
  size_t payload_left_ = 0;
  bool dropping_ = false;
  bool flooded_ = false;
  uint32_t last_stream_ = 0;
};

}  // namespace caravan::gateway
