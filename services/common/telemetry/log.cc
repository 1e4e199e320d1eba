#include "services/common/telemetry/log.h"

#include <grpc/support/log.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/common/api/text.h"

namespace caravan::telemetry {
namespace {

constexpr int kGrpcLinesPerSecond = 10;

std::atomic<LogLevel> g_level{LogLevel::kInfo};

std::mutex g_sink_mutex;
std::function<void(std::string_view)>& Sink() {
  static auto* sink = new std::function<void(std::string_view)>;
  return *sink;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void AppendJsonString(std::string_view text, std::string* line) {
  if (!api::IsValidUtf8(text)) {
    AppendJsonString(api::ToValidUtf8(text), line);
    return;
  }
  line->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\':
        line->push_back('\\');
        line->push_back(c);
        break;
      case '\n':
        line->append("\\n");
        break;
      case '\t':
        line->append("\\t");
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          absl::StrAppendFormat(line, "\\u%04x", c);
        } else {
          line->push_back(c);
        }
    }
  }
  line->push_back('"');
}

bool IsSecretName(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const std::string_view word : {"password", "token", "secret", "authorization", "cookie"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return lower == "key" || absl::EndsWith(lower, "_key");
}

void AppendField(const LogField& field, std::string* line) {
  line->push_back(',');
  AppendJsonString(field.name, line);
  line->push_back(':');
  if (IsSecretName(field.name)) {
    line->append("\"(secret)\"");
    return;
  }
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    AppendJsonString(*text, line);
  } else if (const auto* integer = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(line, *integer);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    if (std::isfinite(*number)) {
      absl::StrAppend(line, *number);
    } else {
      line->append("null");
    }
  } else {
    line->append(std::get<bool>(field.value) ? "true" : "false");
  }
}

void WriteToStandardError(const std::string& line) {
  // Where standard error cannot be written, there is nobody to tell.
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = write(STDERR_FILENO, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += n;
  }
}

// Allows so many lines in each second, and counts the others.
class LineLimit {
 public:
  // Whether a line may be written; `suppressed` is how many were not, since the
  // last one that was.
  bool Allow(int64_t* suppressed) {
    const int64_t now = absl::ToUnixSeconds(absl::Now());
    std::lock_guard lock(mutex_);
    if (now != second_) {
      second_ = now;
      lines_ = 0;
    }
    if (lines_ == kGrpcLinesPerSecond) {
      ++suppressed_;
      return false;
    }
    ++lines_;
    *suppressed = std::exchange(suppressed_, 0);
    return true;
  }

 private:
  std::mutex mutex_;
  int64_t second_ = 0;
  int lines_ = 0;
  int64_t suppressed_ = 0;
};

void LogFromGrpc(gpr_log_func_args* args) {
  static LineLimit& limit = *new LineLimit;
  const LogLevel level = args->severity == GPR_LOG_SEVERITY_ERROR  ? LogLevel::kError
                         : args->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo
                                                                   : LogLevel::kDebug;
  if (!IsLogged(level)) return;
  int64_t suppressed = 0;
  if (!limit.Allow(&suppressed)) return;
  const char* slash = std::strrchr(args->file, '/');
  const std::string source =
      absl::StrCat(slash == nullptr ? args->file : slash + 1, ":", args->line);
  if (suppressed > 0) {
    Log(level, "gRPC core",
        {{"text", args->message}, {"source", source}, {"left_out", suppressed}});
  } else {
    Log(level, "gRPC core", {{"text", args->message}, {"source", source}});
  }
}

}  // namespace

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()),
      "\",\"level\":\"", LevelName(level), "\",\"message\":");
  AppendJsonString(message, &line);
  for (const LogField& field : fields) AppendField(field, &line);
  line.push_back('}');
  {
    std::lock_guard lock(g_sink_mutex);
    if (Sink()) {
      Sink()(line);
      return;
    }
  }
  line.push_back('\n');
  WriteToStandardError(line);
}

void SetLogLevel(LogLevel level) { g_level.store(level, std::memory_order_relaxed); }

bool IsLogged(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

void SetLogSink(std::function<void(std::string_view line)> sink) {
  std::lock_guard lock(g_sink_mutex);
  Sink() = std::move(sink);
}

std::string RedactUrl(std::string_view url) {
  std::string text(url);
  // A password may also be a parameter: ...?password=x&...
  for (size_t at = 0; (at = text.find("password=", at)) != std::string::npos;) {
    at += std::strlen("password=");
    text.replace(at, std::min(text.find('&', at), text.size()) - at, "...");
  }
  const size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const size_t user = scheme + 3;
  const size_t end = std::min(text.find_first_of("/?#", user), text.size());
  const size_t at = text.rfind('@', end);
  const size_t colon = text.find(':', user);
  if (at == std::string::npos || at < user || colon > at) return text;
  return text.replace(colon + 1, at - colon - 1, "...");
}

void InstallGrpcLog() {
  gpr_set_log_function(&LogFromGrpc);
  gpr_log_verbosity_init();  // until then, nothing is logged
}

}  // namespace caravan::telemetry
