// /proc/PID/mountinfo
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    for (const auto& mount : cairn::kernel::parse_mountinfo(text))
      cairn::fuzz::require(mount.mount_point.size() <= text.size());
  });
}
