// Checks of a message that its descriptor declares: required fields, limits,
// formats, references by form, enums, dates.
#pragma once

#include <memory>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/errors.h"

namespace caravan::api {

class Validator {
 public:
  // The rules of a message; worked out once per descriptor and kept. A contract
  // with a limit that makes no sense ends the process: it is checked by a test.
  static const Validator& For(const google::protobuf::Descriptor& message);

  struct Options {
    // Fields marked REQUIRED must be set.
    bool required = true;
    // OUTPUT_ONLY fields are checked too; they are ignored on input otherwise.
    bool output_only = false;
  };

  // Adds every violation; `prefix` is put before each path (`pilot_zone.`).
  // Standard methods whose request embeds a resource that is not complete
  // (Update) check that with `required` false, and the whole after merging.
  void Check(const google::protobuf::Message& message, const std::string& prefix,
             const Options& options, Violations& violations) const;

  ~Validator();

 private:
  struct FieldRule;
  struct Rules;
  class Cache;
  explicit Validator(const google::protobuf::Descriptor& message);
  void CheckField(const FieldRule& rule, const google::protobuf::Message& message,
                  const std::string& prefix, const Options& options, Violations& violations) const;

  std::unique_ptr<Rules> rules_;
};

}  // namespace caravan::api
