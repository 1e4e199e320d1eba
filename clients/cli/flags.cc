#include "clients/cli/flags.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "clients/cli/text.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

constexpr std::string_view kUsageReason = "USAGE";

}  // namespace

absl::Status UsageError(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, kUsageReason, std::move(message));
}

bool IsUsageError(const absl::Status& status) { return api::ReasonOf(status) == kUsageReason; }

std::string Flags::Get(std::string_view name, std::string_view fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(fallback) : found->second.back();
}

std::vector<std::string> Flags::All(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<int64_t> Flags::Int(std::string_view name, int64_t fallback, int64_t least,
                                   int64_t most) const {
  if (!Has(name)) return fallback;
  int64_t value;
  if (!absl::SimpleAtoi(Get(name), &value) || value < least || value > most) {
    return UsageError(absl::StrCat("--", name, " must be a number from ", least, " to ", most,
                                   ", and is \"", Get(name), "\""));
  }
  return value;
}

absl::StatusOr<double> Flags::Seconds(std::string_view name, double fallback) const {
  if (!Has(name)) return fallback;
  absl::Duration value;
  if (!absl::ParseDuration(Get(name), &value) || value <= absl::ZeroDuration()) {
    return UsageError(absl::StrCat("--", name, " must be a time span such as 30s or 2m, and is \"",
                                   Get(name), "\""));
  }
  return absl::ToDoubleSeconds(value);
}

const Flag* FlagParser::Find(std::string_view name) const {
  const auto found =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& f) { return f.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

absl::StatusOr<Flags> FlagParser::Parse(const std::vector<std::string>& words, bool lenient) const {
  Flags result;
  const auto add = [&](const std::string& name, std::string value) {
    result.given_.emplace_back(name, value);
    result.values_[name].push_back(std::move(value));
  };
  const auto is_literal = [](std::string_view word) { return word == "true" || word == "false"; };
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      result.args_.insert(result.args_.end(), words.begin() + static_cast<ptrdiff_t>(i) + 1,
                          words.end());
      break;
    }
    // `-` alone is an argument: the standard input.
    if (word.size() < 2 || word[0] != '-') {
      result.args_.push_back(word);
      continue;
    }
    const bool is_long = word[1] == '-';
    const size_t equals = is_long ? word.find('=') : std::string::npos;
    const bool has_value = equals != std::string::npos;
    std::string value = has_value ? word.substr(equals + 1) : "";
    const std::string name = is_long ? word.substr(2, has_value ? equals - 2 : equals) : "";
    const Flag* flag = nullptr;
    if (is_long) {
      flag = Find(name);
    } else {
      for (const auto& candidate : flags_) {
        if (candidate.letter == word[1]) flag = &candidate;
      }
    }
    if (flag == nullptr) {
      if (lenient && !is_long) continue;
      if (!lenient) {
        std::vector<std::string> names;
        for (const auto& candidate : flags_) names.push_back(candidate.name);
        return UsageError(absl::StrCat("unknown flag ", is_long ? "--" + name : word,
                                       is_long ? DidYouMean(name, names) : ""));
      }
      if (!has_value) {
        const bool next_is_value =
            i + 1 < words.size() && (words[i + 1].size() < 2 || words[i + 1][0] != '-');
        value = next_is_value ? words[++i] : "true";
      }
      add(name, std::move(value));
      continue;
    }
    if (flag->value_name.empty()) {
      if (!is_long && word.size() > 2) {
        return UsageError(absl::StrCat("unknown flag ", word, "; give short flags one by one"));
      }
      if (!has_value) {
        value = "true";
        if (flag->takes_literal && i + 1 < words.size() && is_literal(words[i + 1])) {
          value = words[++i];
        }
      }
      if (!is_literal(value)) {
        return UsageError(absl::StrCat("--", flag->name, " is true or false, not \"", value, "\""));
      }
    } else if (!has_value) {
      if (!is_long && word.size() > 2) {
        value = word.substr(word[2] == '=' ? 3 : 2);
      } else if (i + 1 < words.size()) {
        value = words[++i];
      } else {
        return UsageError(absl::StrCat("--", flag->name, " needs a value: ", flag->value_name));
      }
    }
    add(flag->name, std::move(value));
  }
  return result;
}

std::string DescribeFlags(const std::vector<Flag>& flags) {
  std::string result;
  for (const auto& flag : flags) {
    std::string head =
        flag.letter ? absl::StrCat("  -", std::string(1, flag.letter), ", ") : "      ";
    absl::StrAppend(&head, "--", flag.name, flag.value_name.empty() ? "" : " ", flag.value_name);
    if (head.size() > 32) {
      absl::StrAppend(&result, head, "\n", std::string(34, ' '), flag.help, "\n");
    } else {
      absl::StrAppendFormat(&result, "%-34s%s\n", head, flag.help);
    }
  }
  return result;
}

}  // namespace caravan::cli
