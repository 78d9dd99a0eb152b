#include "cli/json.h"

#include <fmt/format.h>

namespace cairn::cli {
namespace {

// The shortest forms only, no surrogates, nothing above U+10FFFF (RFC 3629): the first byte tells the length and the
// range of the second.
struct Utf8Lead {
  unsigned char first, last;
  size_t length;
  unsigned char second_first, second_last;
};
constexpr Utf8Lead kUtf8Leads[] = {
    {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

bool continues(std::string_view text, const Utf8Lead& lead) {
  if (text.size() < lead.length) return false;
  for (size_t i = 1; i < lead.length; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    unsigned char low = i == 1 ? lead.second_first : 0x80, high = i == 1 ? lead.second_last : 0xbf;
    if (byte < low || byte > high) return false;
  }
  return true;
}

// Bytes of the well-formed character that `text` begins with, or 0.
size_t character_length(std::string_view text) {
  auto byte = static_cast<unsigned char>(text[0]);
  for (const Utf8Lead& lead : kUtf8Leads) {
    if (byte >= lead.first && byte <= lead.last) return continues(text, lead) ? lead.length : 0;
  }
  return 0;
}

std::string escaped(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    default:
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? fmt::format("\\u{:04x}", c) : std::string(1, c);
  }
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    size_t length = character_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1) {
      out += escaped(text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

JsonObject& JsonObject::json(std::string_view key, std::string_view value) {
  if (!members_.empty()) members_ += ", ";
  members_ += json_string(key);
  members_ += ": ";
  members_ += value;
  return *this;
}

}  // namespace cairn::cli
