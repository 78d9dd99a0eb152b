// Sizes, times and counts as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::cli {

std::string human_bytes(uint64_t bytes);                    // "912 bytes", "3.1 MiB"
std::string human_duration(std::chrono::nanoseconds time);  // "0.42 ms", "12 ms", "3.4 s"
// "1 process", "2 processes"; `plural` is `singular` + "s" when empty.
std::string counted(size_t count, std::string_view singular, std::string_view plural = {});

}  // namespace cairn::cli
