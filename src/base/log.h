// Messages for the person who runs cairn, on standard error. Results go to standard output and never through here.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace cairn::log {

enum class Level { kQuiet, kNormal, kVerbose };

void set_level(Level level);
Level level();

// For what must be read, when nothing is held any more: waits for a reader that is slow.
void write(Level level, std::string_view text);
// Never waits: what can't be taken at once is lost. Who would have to read it may be in the very tree that we hold.
void offer(Level level, std::string_view text);

// What the user should know although nothing failed.
template <typename... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kNormal) offer(Level::kNormal, fmt::format(format, std::forward<Args>(args)...));
}

// What somebody looking for a fault wants to see (--verbose).
template <typename... Args>
void detail(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kVerbose) offer(Level::kVerbose, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace cairn::log
