// The part of a message's body that has come and has not yet been sent on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "services/gateway/headers.h"

namespace caravan::gateway {

// How much it holds is bounded by who fills it: by the flow control window of the
// stream that the bytes come from.
class BodyQueue {
 public:
  void Append(std::string_view bytes) {
    if (!keep_ && taken_ > 0 && taken_ >= bytes_.size() / 2) Compact();
    bytes_.append(bytes);
  }

  // The end of the body, after which nothing is appended.
  void End() { ended_ = true; }
  // The same, with trailers behind it.
  void EndWith(HeaderBlock trailers) {
    trailers_ = std::move(trailers);
    ended_ = true;
  }

  size_t available() const { return bytes_.size() - taken_; }
  bool ended() const { return ended_; }
  // Empty where there are none.
  const HeaderBlock& trailers() const { return trailers_; }

  // The first `size` of the available bytes; Take() takes them out.
  std::string_view Peek(size_t size) const { return std::string_view(bytes_).substr(taken_, size); }
  void Take(size_t size) {
    taken_ += size;
    if (!keep_ && taken_ == bytes_.size()) Compact();
  }

  // While it keeps, what has been taken can be had again by Rewind().
  void Keep() { keep_ = true; }
  bool keeps() const { return keep_; }
  size_t held() const { return bytes_.size(); }
  void Release() {
    keep_ = false;
    Compact();
  }
  void Rewind() { taken_ = 0; }

  // Forgets what has not been sent: nobody wants it any more.
  void Discard() {
    keep_ = false;
    taken_ = bytes_.size();
    Compact();
  }

 private:
  static constexpr size_t kSmall = 4096;

  void Compact() {
    bytes_.erase(0, taken_);
    taken_ = 0;
    // A long stream that is quiet holds no memory.
    if (bytes_.empty() && bytes_.capacity() > kSmall) bytes_ = std::string();
  }

  std::string bytes_;
  size_t taken_ = 0;
  bool ended_ = false;
  bool keep_ = false;
  HeaderBlock trailers_;
};

}  // namespace caravan::gateway
