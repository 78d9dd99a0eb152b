// /proc/PID/maps
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    for (const auto& entry : cairn::kernel::parse_maps(text)) {
      cairn::fuzz::require(entry.start < entry.end);
      cairn::fuzz::require(entry.name.size() <= text.size());
    }
  });
}
