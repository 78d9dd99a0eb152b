// "Key: value" files, read in every way, and the epoll items among their lines.
#include "fuzz_text.h"
#include "kernel/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view text) {
    using cairn::kernel::KeyValues;
    auto values = KeyValues::parse(text);
    cairn::fuzz::require(values.lines().size() == values.entries().size());
    auto any = [](auto read) {
      try {
        read();
      } catch (const cairn::Error&) {
      }
    };
    for (const auto& entry : values.entries()) {
      const std::string& key = entry.first;
      cairn::fuzz::require(values.has(key));
      any([&] { values.number(key); });
      any([&] { values.hex(key); });
      any([&] { values.octal(key); });
      any([&] { values.numbers(key); });
    }
    cairn::kernel::parse_epoll_items(values);
  });
}
