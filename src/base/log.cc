#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <string>

namespace cairn::log {
namespace {
std::atomic<Level> current_level = Level::kNormal;
}  // namespace

void set_level(Level level) { current_level = level; }
Level level() { return current_level; }

void write(Level, std::string_view text) {
  std::string line = fmt::format("cairn: {}\n", text);
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace cairn::log
