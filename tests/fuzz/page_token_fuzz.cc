// Any bytes are refused as a page token, as text and as what the text encodes;
// any position round-trips.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "services/common/api/errors.h"
#include "services/common/api/page_token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using ::caravan::api::DecodePageToken;
  using ::caravan::api::EncodePageToken;
  using ::caravan::api::PagePosition;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& token : {bytes, absl::WebSafeBase64Escape("\x01" + bytes)}) {
    const auto decoded = DecodePageToken(token, "shape");
    // The fuzzer cannot make a digest: nothing but an error is expected.
    if (decoded.ok() || caravan::api::ReasonOf(decoded.status()) != "INVALID_PAGE_TOKEN") {
      std::abort();
    }
  }
  PagePosition position;
  for (size_t i = 0; i + 1 < size && i < 8; ++i) {
    if (data[i] % 2 == 0) {
      position.values.emplace_back(static_cast<int64_t>(data[i + 1]) - 128);
    } else {
      position.values.emplace_back(bytes.substr(i));
    }
  }
  position.key = bytes;
  const auto decoded = DecodePageToken(EncodePageToken(position, bytes), bytes);
  if (!decoded.ok() || *decoded != position) std::abort();
  return 0;
}
