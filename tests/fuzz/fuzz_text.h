// What the fuzzers of text parsers share: an Error is a fine answer, anything else that leaves the parser is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace cairn::fuzz {

template <typename Body>
int text(const uint8_t* data, size_t size, Body body) {
  try {
    body(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const Error&) {
  }
  return 0;
}

// Stops the fuzzer when a parsed value breaks a promise of the parser's header.
inline void require(bool promise) {
  if (!promise) __builtin_trap();
}

}  // namespace cairn::fuzz
