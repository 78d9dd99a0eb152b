#include "image/uuid.h"

#include <array>
#include <cstdint>

#include "kernel/storage.h"

namespace cairn::image {
namespace {

constexpr bool is_dash(size_t position) { return position == 8 || position == 13 || position == 18 || position == 23; }

constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

std::string random_uuid() {
  std::array<uint8_t, 16> bytes;
  kernel::random_bytes(bytes.data(), bytes.size());
  bytes[6] = (bytes[6] & 0x0f) | 0x40;  // version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80;  // the variant of RFC 4122
  std::string text;
  for (uint8_t byte : bytes) {
    if (is_dash(text.size())) text += '-';
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_dash(i) ? text[i] != '-' : kHexDigits.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace cairn::image
