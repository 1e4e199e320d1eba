// Flags whose values are those of an enum of the contracts.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/flags.h"
#include "clients/cli/session.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"

namespace caravan::cli {

// A value of an enum of the contracts, however it is written: `first-attempt`.
template <class Enum>
absl::StatusOr<Enum> EnumFlag(const Flags& flags, std::string_view flag,
                              std::string_view otherwise = "") {
  const auto* descriptor = google::protobuf::GetEnumDescriptor<Enum>();
  const std::string written = flags.Get(flag, otherwise);
  const auto* value = descriptor->FindValueByName(
      absl::AsciiStrToUpper(absl::StrReplaceAll(written, {{"-", "_"}})));
  if (value != nullptr && value->number() != 0) return static_cast<Enum>(value->number());
  std::string names;
  for (int i = 0; i < descriptor->value_count(); ++i) {
    if (descriptor->value(i)->number() == 0) continue;
    absl::StrAppend(
        &names, names.empty() ? "" : ", ",
        absl::StrReplaceAll(absl::AsciiStrToLower(descriptor->value(i)->name()), {{"_", "-"}}));
  }
  return UsageError(absl::StrCat("--", flag, " is '", written, "'; must be one of ", names));
}

}  // namespace caravan::cli
