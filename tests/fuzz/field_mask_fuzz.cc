// Any paths are an update mask or an error; applying a mask twice changes
// nothing more.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_split.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"
#include "services/common/api/field_mask.h"
#include "services/common/api/testing/everything.pb.h"

namespace {

using ::caravan::api::UpdateMask;
using ::caravan::api::testing::Everything;

Everything Parsed(const char* text) {
  Everything message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) std::abort();
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto& from = *new Everything(Parsed(R"pb(text: "new"
                                                        child {
                                                          text: "c"
                                                          child { number: 1 }
                                                        }
                                                        texts: "t"
                                                        labels { key: "a" value: "1" }
                                                        by_name {
                                                          key: "k"
                                                          value { text: "v" }
                                                        }
                                                        date { year: 2024 }
                                                        left: "l")pb"));
  static const auto& to = *new Everything(Parsed(R"pb(text: "old"
                                                      small: 3
                                                      child { number: 2 }
                                                      labels { key: "b" value: "2" }
                                                      by_number { key: 1 value: "n" }
                                                      right: 4)pb"));
  google::protobuf::FieldMask paths;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& path : std::vector<std::string>(absl::StrSplit(text, ','))) {
    paths.add_paths(path);
  }
  const auto mask = UpdateMask::Parse(paths, Everything::descriptor());
  if (!mask.ok()) {
    if (caravan::api::ReasonOf(mask.status()) != "INVALID_UPDATE_MASK") std::abort();
    return 0;
  }
  const auto ignored = [](const google::protobuf::FieldDescriptor& field) {
    return field.name() == "number";
  };
  Everything once = to;
  mask->Apply(from, once, ignored);
  Everything twice = once;
  mask->Apply(from, twice, ignored);
  if (!google::protobuf::util::MessageDifferencer::Equals(once, twice)) std::abort();
  if (once.child().number() != to.child().number()) std::abort();
  return 0;
}
