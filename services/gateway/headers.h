// The header fields of one HTTP/2 message, in two allocations at the most.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"

namespace caravan::gateway {

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// Views of it are valid until the next change.
class HeaderBlock {
 public:
  void Add(std::string_view name, std::string_view value) {
    entries_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                        static_cast<uint32_t>(value.size())});
    text_.append(name);
    text_.append(value);
  }

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  HeaderField operator[](size_t i) const {
    const Entry& entry = entries_[i];
    const char* text = text_.data() + entry.start;
    return {{text, entry.name_size}, {text + entry.name_size, entry.value_size}};
  }

  // The value of the first field of this name.
  std::optional<std::string_view> Find(std::string_view name) const {
    for (size_t i = 0; i < entries_.size(); ++i) {
      const HeaderField field = (*this)[i];
      if (field.name == name) return field.value;
    }
    return std::nullopt;
  }

  // The size by which HTTP/2 limits header lists (RFC 9113, 6.5.2).
  size_t ListSize() const { return text_.size() + 32 * entries_.size(); }

  void Clear() {
    text_.clear();
    entries_.clear();
  }

 private:
  struct Entry {
    uint32_t start;
    uint32_t name_size;
    uint32_t value_size;
  };

  std::string text_;
  absl::InlinedVector<Entry, 16> entries_;
};

// The form in which nghttp2 takes header fields. It copies them.
class HeaderVector {
 public:
  void Add(std::string_view name, std::string_view value) {
    fields_.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                       reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                       value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  void Add(const HeaderBlock& block) {
    for (size_t i = 0; i < block.size(); ++i) Add(block[i].name, block[i].value);
  }

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  absl::InlinedVector<nghttp2_nv, 32> fields_;
};

}  // namespace caravan::gateway
