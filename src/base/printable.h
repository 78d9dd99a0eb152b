// Text for a terminal: control characters, which a name in somebody's image may hold, become \xNN. Line ends stay.
#pragma once

#include <string>
#include <string_view>

namespace cairn {

std::string printable(std::string_view text);

}  // namespace cairn
