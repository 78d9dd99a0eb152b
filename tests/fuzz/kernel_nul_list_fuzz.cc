// cmdline and environ
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    size_t bytes = 0;
    for (const auto& string : cairn::kernel::parse_nul_list(text)) {
      cairn::fuzz::require(string.find(char{0}) == std::string::npos);
      bytes += string.size() + 1;
    }
    cairn::fuzz::require(bytes == text.size() || bytes == text.size() + 1);
  });
}
