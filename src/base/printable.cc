#include "base/printable.h"

#include <fmt/format.h>

namespace cairn {
namespace {

bool is_control(unsigned char character) { return (character < 0x20 && character != '\n') || character == 0x7f; }

// U+0080 to U+009F in UTF-8, one of which (CSI) begins commands to a terminal.
bool begins_wide_control(std::string_view rest) {
  return rest.size() > 1 && rest[0] == '\xc2' && static_cast<unsigned char>(rest[1]) <= 0x9f;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (is_control(static_cast<unsigned char>(text[at])) || begins_wide_control(text.substr(at))) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else {
      result += text[at];
    }
  }
  return result;
}

}  // namespace cairn
