#include "cli/progress_line.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "cli/units.h"

namespace cairn::cli {
namespace {

constexpr std::chrono::milliseconds kFirst{1000}, kBetween{100};

std::string describe(const std::string& what, const engine::Progress& progress) {
  if (progress.total == 0) return fmt::format("{}: {}: {}", what, progress.step, human_bytes(progress.done));
  uint64_t percent = static_cast<uint64_t>(100.0 * static_cast<double>(progress.done) / progress.total);
  return fmt::format("{}: {}: {} of {} ({} %)", what, progress.step, human_bytes(progress.done),
                     human_bytes(progress.total), percent);
}

}  // namespace

ProgressLine::ProgressLine(std::string what, const Common& common)
    : what_(std::move(what)), wanted_(!common.quiet && isatty(STDERR_FILENO) == 1), next_(Clock::now() + kFirst) {}

ProgressLine::~ProgressLine() {
  if (shown_) put("\r\033[K");
}

engine::ProgressCallback ProgressLine::callback() {
  if (!wanted_) return {};
  return [this](const engine::Progress& progress) { show(progress); };
}

void ProgressLine::show(const engine::Progress& progress) {
  auto now = Clock::now();
  if (now < next_) return;
  next_ = now + kBetween;
  shown_ = true;
  put("\r\033[K" + describe(what_, progress));
}

void ProgressLine::put(const std::string& text) {
  pollfd terminal{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&terminal, 1, 0) != 1 || (terminal.revents & POLLOUT) == 0) return;
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace cairn::cli
