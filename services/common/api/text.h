// Text that comes from outside: UTF-8, and how error messages show it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace caravan::api {

// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates).
bool IsValidUtf8(std::string_view text);

// `text` with each malformed byte replaced by U+FFFD.
std::string ToValidUtf8(std::string_view text);

// The number of characters (Unicode code points) of valid UTF-8.
size_t CountCharacters(std::string_view text);

// The least valid UTF-8 text that is greater, by bytes, than every text which
// starts with `prefix`. Empty: there is none.
std::string PrefixEnd(std::string_view prefix);

// `value` in single quotes for an error message: valid UTF-8, control
// characters replaced, cut off after 60 characters.
std::string Quoted(std::string_view value);

// The candidates that `name` was probably meant to be, nearest first, three at
// the most.
std::vector<std::string> NearNames(std::string_view name,
                                   const std::vector<std::string>& candidates);

}  // namespace caravan::api
