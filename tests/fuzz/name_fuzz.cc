// Any bytes are a name or an error; a name is what its ids build.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/common/api/errors.h"
#include "services/common/api/name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using ::caravan::api::NamePattern;
  static const auto& pattern =
      *new NamePattern(NamePattern::Parse("fairs/{fair}/applications/{application}").value());
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  const auto ids = pattern.Match(name);
  if (!ids.ok()) {
    if (caravan::api::ReasonOf(ids.status()) != "INVALID_NAME") std::abort();
    if (pattern.Matches(name) || !pattern.Parent(name).empty()) std::abort();
    return 0;
  }
  const auto built = pattern.Build(*ids);
  if (!built.ok() || *built != name) std::abort();
  if (!caravan::api::IsSelfOrBelow(name, pattern.Parent(name))) std::abort();
  return 0;
}
