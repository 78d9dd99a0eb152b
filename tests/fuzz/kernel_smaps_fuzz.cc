// /proc/PID/smaps
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    for (const auto& entry : cairn::kernel::parse_smaps(text)) cairn::fuzz::require(entry.mapping.size() > 0);
  });
}
