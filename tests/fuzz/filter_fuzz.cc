// Any bytes are a filter with a canonical form, or an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "google/protobuf/text_format.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/testing/everything.pb.h"

namespace {

using ::caravan::api::Filter;
using ::caravan::api::testing::Everything;

const Everything& Message() {
  static const auto& message = [] {
    auto* m = new Everything;
    if (!google::protobuf::TextFormat::ParseFromString(
            R"pb(name: "things/one"
                 text: "a \"b\" *c"
                 data: "\xff"
                 flag: true
                 small: -5
                 real: 2.5
                 color: GREEN
                 time { seconds: 5 }
                 duration { seconds: 1 }
                 date { year: 2024 }
                 wrapped_text { value: "w" }
                 child { text: "x" tags: "y" }
                 texts: "a"
                 numbers: 1
                 children { number: 2 }
                 labels { key: "a" value: "b" }
                 by_number { key: 1 value: "c" })pb",
            m)) {
      std::abort();
    }
    return m;
  }();
  return *message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = Filter::Parse(text, Everything::descriptor());
  if (!filter.ok()) {
    if (caravan::api::ReasonOf(filter.status()) != "INVALID_FILTER") std::abort();
    return 0;
  }
  const auto truth = filter->Evaluate(Message());
  if (filter->Explain(Message()).truth != truth) std::abort();
  filter->pushdown();
  const std::string canonical = filter->ToString();
  if (canonical.size() > caravan::api::kMaxFilterLength) return 0;
  const auto again = Filter::Parse(canonical, Everything::descriptor());
  if (!again.ok() || again->ToString() != canonical || again->Evaluate(Message()) != truth) {
    std::abort();
  }
  return 0;
}
