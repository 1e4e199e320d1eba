// The command line: `--flag value`, `--flag=value`, `-f value` and switches,
// before, between or after the arguments; `--` ends the flags.
//
// A parser of our own rather than a library's: the flags of a custom method
// are the fields of its request, known only once the server has described it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::cli {

// A wrong use of the command line: exit code 2.
absl::Status UsageError(std::string message);
bool IsUsageError(const absl::Status& status);

// A flag that a command has.
struct Flag {
  std::string name;        // without the dashes
  std::string value_name;  // for help; empty: a switch, which takes no value
  std::string help;
  char letter = 0;             // the short form, where there is one
  bool takes_literal = false;  // a switch that may be followed by `true` or `false`
};

// What was given on a command line.
class Flags {
 public:
  bool Has(std::string_view name) const { return values_.contains(name); }
  // Whether a switch is on.
  bool IsOn(std::string_view name) const { return Get(name) == "true"; }
  // The last value given, else `fallback`.
  std::string Get(std::string_view name, std::string_view fallback = "") const;
  // All values given, in order.
  std::vector<std::string> All(std::string_view name) const;
  // A whole number from `least` to `most`, else a usage error.
  absl::StatusOr<int64_t> Int(std::string_view name, int64_t fallback, int64_t least,
                              int64_t most) const;
  // A time span such as `30s` or `2m`, above zero; else a usage error.
  absl::StatusOr<double> Seconds(std::string_view name, double fallback) const;

  const std::vector<std::string>& args() const { return args_; }
  // All flags with their values, in the order given.
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

 private:
  friend class FlagParser;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> args_;
};

class FlagParser {
 public:
  explicit FlagParser(std::vector<Flag> flags) : flags_(std::move(flags)) {}

  // Parses; an unknown flag is an error that names near matches. With
  // `lenient`, an unknown long flag is kept, with the next word as its value
  // unless that is a flag itself, and an unknown short one is passed over.
  absl::StatusOr<Flags> Parse(const std::vector<std::string>& words, bool lenient = false) const;

  const std::vector<Flag>& flags() const { return flags_; }

 private:
  const Flag* Find(std::string_view name) const;

  std::vector<Flag> flags_;
};

// The flags as help shows them, a line each.
std::string DescribeFlags(const std::vector<Flag>& flags);

}  // namespace caravan::cli
