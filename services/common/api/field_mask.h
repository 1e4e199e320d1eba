// Update masks (AIP-134, AIP-161).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace caravan::api {

// Fields that an update must leave as they are, at any depth: OUTPUT_ONLY,
// IDENTIFIER, etag.
using IsIgnored = absl::FunctionRef<bool(const google::protobuf::FieldDescriptor& field)>;

// The fields that an update replaces. A path leads through singular messages
// (`office.address`) and may end in a map's key (`labels.env`, or
// `` labels.`a.b` ``) or go on in the message of that key. `*` stands for every
// field.
class UpdateMask {
 public:
  // Replaces nothing.
  UpdateMask() = default;

  // INVALID_ARGUMENT with reason INVALID_UPDATE_MASK, blaming `field` and naming
  // each path that leads nowhere. `message` must outlive the mask.
  static absl::StatusOr<UpdateMask> Parse(const google::protobuf::FieldMask& mask,
                                          const google::protobuf::Descriptor* message,
                                          std::string_view field = "update_mask");

  // What an absent mask means: the fields that are set in `message`. Of a message
  // within, those that are set in it, so that what is not mentioned stays;
  // well-known types, lists and maps count as one value.
  static UpdateMask OfSetFields(const google::protobuf::Message& message);

  // Whether it replaces nothing.
  bool empty() const { return paths_.empty(); }

  // The paths, as in a FieldMask; `*` is spelt out.
  std::vector<std::string> paths() const;

  // Whether a top-level field is replaced, wholly or in part.
  bool Touches(const google::protobuf::FieldDescriptor& field) const;

  // Replaces the fields of the mask in `to` by those of `from`; what is not set
  // there is cleared. A message is replaced but for what is ignored in it, and
  // the entries of lists and maps come without what is ignored. Both are of the
  // mask's type.
  void Apply(const google::protobuf::Message& from, google::protobuf::Message& to,
             IsIgnored ignored) const;

 private:
  struct Step {
    const google::protobuf::FieldDescriptor* field = nullptr;
    bool keyed = false;  // the entry of a map with this key, not the whole field
    std::string key;
  };
  using Path = std::vector<Step>;

  static std::string ParsePath(std::string_view text, const google::protobuf::Descriptor& message,
                               Path& path);
  static void CollectSet(const google::protobuf::Message& message, Path& prefix,
                         std::vector<Path>& paths);
  static void ApplyPath(const Path& path, size_t at, const google::protobuf::Message& from,
                        google::protobuf::Message& to, IsIgnored ignored);
  static void ApplyKey(const Path& path, size_t at, const google::protobuf::Message& from,
                       google::protobuf::Message& to, IsIgnored ignored);

  std::vector<Path> paths_;
};

}  // namespace caravan::api
