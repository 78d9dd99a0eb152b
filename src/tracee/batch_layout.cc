#include "tracee/batch_layout.h"

// NOLINTBEGIN(readability-identifier-naming): symbols of assembler code
extern "C" {
extern const std::byte cairn_stub_begin[], cairn_stub_end[];
extern const std::byte cairn_stub_stepped_end[], cairn_stub_signalled_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace cairn::tracee {

std::span<const std::byte> batch_code() { return {cairn_stub_begin, cairn_stub_end}; }
size_t stepped_end_offset() { return static_cast<size_t>(cairn_stub_stepped_end - cairn_stub_begin); }
size_t signalled_end_offset() { return static_cast<size_t>(cairn_stub_signalled_end - cairn_stub_begin); }

}  // namespace cairn::tracee
