#include "services/gateway/grpc_timeout.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace caravan::gateway {
namespace {

constexpr size_t kMaxDigits = 8;
constexpr int64_t kMaxNumber = 99'999'999;

struct Unit {
  char symbol;
  int64_t nanoseconds;
};
constexpr Unit kUnits[] = {{'n', 1},
                           {'u', 1'000},
                           {'m', 1'000'000},
                           {'S', 1'000'000'000},
                           {'M', 60'000'000'000},
                           {'H', 3'600'000'000'000}};
constexpr int64_t kLongest = int64_t{3'155'760'000} * 1'000'000'000;

}  // namespace

std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  int64_t number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  for (const Unit& unit : kUnits) {
    if (unit.symbol != text.back()) continue;
    if (number > kLongest / unit.nanoseconds) return std::chrono::nanoseconds(kLongest);
    return std::chrono::nanoseconds(number * unit.nanoseconds);
  }
  return std::nullopt;
}

std::string FormatGrpcTimeout(std::chrono::nanoseconds timeout) {
  const int64_t nanoseconds = std::clamp<int64_t>(timeout.count(), 1, kLongest);
  for (const Unit& unit : kUnits) {
    const int64_t number = (nanoseconds + unit.nanoseconds - 1) / unit.nanoseconds;
    if (number <= kMaxNumber) return absl::StrCat(number, std::string_view(&unit.symbol, 1));
  }
  return "99999999H";
}

}  // namespace caravan::gateway
