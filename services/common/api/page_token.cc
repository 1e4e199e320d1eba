#include "services/common/api/page_token.h"

#include <openssl/sha.h>

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::api {
namespace {

// version (1 byte), digest of the request's shape, digest of all that follows
// and of the shape's, position.
constexpr char kVersion = 1;
constexpr size_t kDigest = 12;
constexpr size_t kHeader = 1 + 2 * kDigest;

enum Tag : char { kInteger = 0, kText = 1, kKey = 2 };

std::string Digest(std::string_view data) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest);
  return std::string(reinterpret_cast<const char*>(digest), kDigest);
}

void PutFixed(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::optional<uint64_t> TakeFixed(int bytes, std::string_view& in) {
  if (in.size() < static_cast<size_t>(bytes)) return std::nullopt;
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  in.remove_prefix(bytes);
  return value;
}

void PutText(std::string_view text, std::string& out) {
  PutFixed(text.size(), 4, out);
  out.append(text);
}

std::optional<std::string> TakeText(std::string_view& in) {
  const auto size = TakeFixed(4, in);
  if (!size || *size > in.size()) return std::nullopt;
  std::string text(in.substr(0, *size));
  in.remove_prefix(*size);
  return text;
}

std::string Serialize(const PagePosition& position) {
  std::string out;
  for (const auto& value : position.values) {
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      out.push_back(kInteger);
      PutFixed(static_cast<uint64_t>(*integer), 8, out);
    } else {
      out.push_back(kText);
      PutText(std::get<std::string>(value), out);
    }
  }
  out.push_back(kKey);
  PutText(position.key, out);
  return out;
}

std::optional<PagePosition> Deserialize(std::string_view in) {
  PagePosition position;
  while (!in.empty()) {
    const char tag = in[0];
    in.remove_prefix(1);
    if (tag == kInteger) {
      const auto integer = TakeFixed(8, in);
      if (!integer) return std::nullopt;
      position.values.emplace_back(static_cast<int64_t>(*integer));
      continue;
    }
    auto text = TakeText(in);
    if (!text) return std::nullopt;
    if (tag == kText) {
      position.values.emplace_back(*std::move(text));
    } else if (tag == kKey && in.empty()) {
      position.key = *std::move(text);
      return position;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

absl::Status Invalid(std::string_view why) {
  const std::string description = absl::StrCat(why, "; start again without one");
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN",
               absl::StrCat("page_token: ", description))
      .Field("page_token", description);
}

}  // namespace

absl::Status InvalidPageToken() { return Invalid("is not one that this service gave out"); }

std::string EncodePageToken(const PagePosition& position, std::string_view request_shape) {
  const std::string shape = Digest(request_shape);
  const std::string body = Serialize(position);
  std::string token(1, kVersion);
  absl::StrAppend(&token, shape, Digest(absl::StrCat(shape, body)), body);
  return absl::WebSafeBase64Escape(token);
}

absl::StatusOr<PagePosition> DecodePageToken(std::string_view token,
                                             std::string_view request_shape) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(token, &bytes) || bytes.size() < kHeader ||
      bytes[0] != kVersion) {
    return InvalidPageToken();
  }
  const std::string_view view = bytes;
  const std::string_view shape = view.substr(1, kDigest);
  const std::string_view body = view.substr(kHeader);
  if (view.substr(1 + kDigest, kDigest) != Digest(absl::StrCat(shape, body))) {
    return Invalid("is damaged");
  }
  if (shape != Digest(request_shape)) {
    return Invalid(
        "belongs to another request: parent, filter, order and all but page_size must be as they "
        "were");
  }
  auto position = Deserialize(body);
  if (!position) return Invalid("is damaged");
  return *std::move(position);
}

}  // namespace caravan::api
