// Structured logs: one JSON object a line on standard error.
//
//   telemetry::Log(LogLevel::kWarning, "The policy was not reloaded",
//                  {{"file", path}, {"error", status.message()}});
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace caravan::telemetry {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A named value. Names are in snake_case; `request_id`, `trace_id`,
// `principal`, `method` and `error` mean the same everywhere. The value of a
// name that says secret (password, token, secret, authorization, key) is not
// written.
struct LogField {
  template <typename T>
  LogField(std::string_view name, const T& value) : name(name) {  // NOLINT
    if constexpr (std::is_same_v<T, bool>) {
      this->value = value;
    } else if constexpr (std::is_integral_v<T>) {
      this->value = static_cast<int64_t>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      this->value = static_cast<double>(value);
    } else {
      this->value = std::string_view(value);
    }
  }

  std::string_view name;
  std::variant<std::string_view, int64_t, double, bool> value;
};

// Writes a line, in one write(2), if `level` is logged. The message is a fixed
// sentence; what varies is in the fields.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// The least level that is logged; kInfo at first.
void SetLogLevel(LogLevel level);
bool IsLogged(LogLevel level);

// Where lines (without newline) go instead of standard error, for tests; null
// restores it.
void SetLogSink(std::function<void(std::string_view line)> sink);

// A URL without its password: postgresql://user:...@host/database.
std::string RedactUrl(std::string_view url);

// Sends what gRPC's core logs to Log(), at most 10 lines a second: a peer can
// make it log a line for each bad header. Tells how many were left out.
void InstallGrpcLog();

}  // namespace caravan::telemetry
