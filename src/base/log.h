// Messages for the person who runs cairn, on standard error. Results go to standard output and never through here.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace cairn::log {

enum class Level { kQuiet, kNormal, kVerbose };

void set_level(Level level);
Level level();

void write(Level level, std::string_view text);

// What the user should know although nothing failed.
template <typename... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kNormal) write(Level::kNormal, fmt::format(format, std::forward<Args>(args)...));
}

// What somebody looking for a fault wants to see (--verbose).
template <typename... Args>
void detail(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kVerbose) write(Level::kVerbose, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace cairn::log
