// Bytes that are written one by one, and very often.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace caravan::logistics {

// To the functions that append (varint.h, record_bytes.h) what a std::string is, with fewer
// steps for a byte. Used again, it allocates nothing.
class Pen {
 public:
  void push_back(char c) {
    if (at_ == end_) Grow(1);
    *at_++ = c;
  }
  void append(std::string_view bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes.size()) Grow(bytes.size());
    at_ = std::copy(bytes.begin(), bytes.end(), at_);
  }
  void clear() { at_ = buffer_.data(); }

  // Valid until more is written.
  std::string_view written() const {
    return std::string_view(buffer_.data(), static_cast<size_t>(at_ - buffer_.data()));
  }
  size_t size() const { return written().size(); }

 private:
  void Grow(size_t bytes) {
    const size_t size = written().size();
    buffer_.resize(2 * (size + bytes) + 256);
    at_ = buffer_.data() + size;
    end_ = buffer_.data() + buffer_.size();
  }

  std::vector<char> buffer_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace caravan::logistics
