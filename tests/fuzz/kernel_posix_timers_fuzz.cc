// /proc/PID/timers
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) { cairn::kernel::parse_posix_timers(text); });
}
