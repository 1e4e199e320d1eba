#include "clients/cli/progress.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace caravan::cli {

Progress::Progress(Environment& environment, int64_t total)
    : environment_(environment),
      total_(std::max<int64_t>(total, 1)),
      start_(environment.now()),
      shown_(start_) {}

void Progress::Update(int64_t done, int64_t accepted, int64_t refused) {
  const absl::Time now = environment_.now();
  const auto interval = environment_.err_is_terminal ? absl::Milliseconds(100) : absl::Seconds(5);
  if (now - shown_ < interval) return;
  shown_ = now;
  const double part = std::clamp(static_cast<double>(done) / static_cast<double>(total_), 0.0, 1.0);
  const double seconds = std::max(absl::ToDoubleSeconds(now - start_), 0.001);
  const std::string text =
      absl::StrFormat("%3.0f%%  %d rows accepted, %d refused, %.0f rows/s", part * 100, accepted,
                      refused, static_cast<double>(accepted + refused) / seconds);
  if (!environment_.err_is_terminal) {
    *environment_.err << text << "\n";
    return;
  }
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(part * kWidth);
  *environment_.err << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ')
                    << "] " << text << "\033[K" << std::flush;
  bar_ = true;
}

void Progress::Clear() {
  if (bar_) *environment_.err << "\r\033[K" << std::flush;
  bar_ = false;
}

}  // namespace caravan::cli
