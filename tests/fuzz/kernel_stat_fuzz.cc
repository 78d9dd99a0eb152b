// /proc/PID/stat
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    auto stat = cairn::kernel::parse_stat(text);
    cairn::fuzz::require(stat.comm.size() <= text.size());
    cairn::fuzz::require(stat.field(3) == 0 && stat.field(static_cast<int>(stat.fields.size()) + 4) == 0);
  });
}
