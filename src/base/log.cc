#include "base/log.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>

#include "base/printable.h"

namespace cairn::log {
namespace {
std::atomic<Level> current_level = Level::kNormal;

std::string line_of(std::string_view text) { return fmt::format("cairn: {}\n", printable(text)); }

}  // namespace

void set_level(Level level) { current_level = level; }
Level level() { return current_level; }

void write(Level, std::string_view text) {
  std::string line = line_of(text);
  for (size_t done = 0; done < line.size();) {
    ssize_t written = ::write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (written > 0) done += static_cast<size_t>(written);
    if (written < 0 && errno != EINTR) return;
  }
}

// A pipe that is ready takes PIPE_BUF bytes without waiting for its reader.
void offer(Level, std::string_view text) {
  std::string line = line_of(text);
  pollfd error{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&error, 1, 0) != 1 || (error.revents & POLLOUT) == 0) return;
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), std::min<size_t>(line.size(), PIPE_BUF));
}

}  // namespace cairn::log
