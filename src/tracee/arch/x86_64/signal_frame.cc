// struct rt_sigframe of arch/x86/include/asm/sigframe.h, as rt_sigreturn reads it in Linux 5.x and 6.x: a return
// address, struct ucontext (its layout is that of glibc's ucontext_t up to uc_sigmask), and wherever the context's
// pointer says an XSAVE area in the standard format, framed by two magic numbers.
#include "tracee/signal_frame.h"

#include <cpuid.h>
#include <sys/ucontext.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cairn::tracee {
namespace {

constexpr size_t kReturnAddress = 8;
constexpr size_t kContextSize = 304;  // struct ucontext: flags, link, stack (40), sigcontext (256), mask (8)
constexpr size_t kBareSize = kReturnAddress + kContextSize;
static_assert(offsetof(ucontext_t, uc_sigmask) == 296);

constexpr uint64_t kExtendedState = 1, kHasStackSegment = 2, kStrictStackSegment = 4;  // UC_FP_XSTATE and its kin
constexpr int kInvalidStackFlags = 0x7000;  // sigaltstack() refuses them, rt_sigreturn ignores the refusal

// struct _fpx_sw_bytes, in the FXSAVE area's reserved bytes.
struct SoftwareBytes {
  uint32_t magic = 0x46505853;  // FP_XSTATE_MAGIC1
  uint32_t extended_size = 0;
  uint64_t features = 0;
  uint32_t size = 0;
  uint32_t padding[7] = {};
};
static_assert(sizeof(SoftwareBytes) == 48);
constexpr size_t kSoftwareBytes = 464;
constexpr size_t kXstateHeader = 512;
constexpr size_t kMaximumXstate = 1 << 20;
constexpr uint32_t kTrailingMagic = 0x46505845;  // FP_XSTATE_MAGIC2
constexpr int kPkruFeature = 9, kTileDataFeature = 18;

uint64_t word_at(const std::vector<std::byte>& bytes, size_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Where the standard format ends with these features. The register set has room for all that the machine knows; a task
// that never used AMX has a smaller area, and rt_sigreturn ignores a frame that exceeds it.
size_t xstate_end(uint64_t features) {
  size_t end = kXstateHeader + 64;
  for (unsigned feature = 2; feature < 63; ++feature) {
    unsigned size = 0, offset = 0, ecx = 0, edx = 0;
    if ((features >> feature & 1) == 0) continue;
    __cpuid_count(0xd, feature, size, offset, ecx, edx);
    end = std::max(end, size_t{offset} + size);
  }
  return end;
}

// The features a frame may carry: all, but AMX tile data only where it is in use.
uint64_t frame_features(const std::vector<std::byte>& xstate) {
  uint64_t enabled = word_at(xstate, kSoftwareBytes);
  uint64_t in_use = word_at(xstate, kXstateHeader);
  return enabled & ~(~in_use & uint64_t{1} << kTileDataFeature);
}

std::vector<std::byte> extended_state(const std::vector<std::byte>& xstate) {
  uint64_t features = frame_features(xstate);
  size_t size = std::min(xstate_end(features), xstate.size());
  CAIRN_ASSERT(size >= kXstateHeader + 64 && size < kMaximumXstate);
  std::vector<std::byte> area(size + sizeof(kTrailingMagic));
  std::memcpy(area.data(), xstate.data(), size);
  SoftwareBytes software;
  software.size = static_cast<uint32_t>(size);
  software.extended_size = static_cast<uint32_t>(size + sizeof(kTrailingMagic));
  software.features = features;
  std::memcpy(area.data() + kSoftwareBytes, &software, sizeof(software));
  // The kernel keeps PKRU outside of its XSAVE buffer, so the register set has the value but may lack the bit.
  uint64_t valid = word_at(area, kXstateHeader) | (features & uint64_t{1} << kPkruFeature);
  std::memcpy(area.data() + kXstateHeader, &valid, sizeof(valid));
  std::memcpy(area.data() + size, &kTrailingMagic, sizeof(kTrailingMagic));
  return area;
}

void fill_registers(gregset_t& to, const user_regs_struct& from) {
  to[REG_R8] = static_cast<long long>(from.r8);
  to[REG_R9] = static_cast<long long>(from.r9);
  to[REG_R10] = static_cast<long long>(from.r10);
  to[REG_R11] = static_cast<long long>(from.r11);
  to[REG_R12] = static_cast<long long>(from.r12);
  to[REG_R13] = static_cast<long long>(from.r13);
  to[REG_R14] = static_cast<long long>(from.r14);
  to[REG_R15] = static_cast<long long>(from.r15);
  to[REG_RDI] = static_cast<long long>(from.rdi);
  to[REG_RSI] = static_cast<long long>(from.rsi);
  to[REG_RBP] = static_cast<long long>(from.rbp);
  to[REG_RBX] = static_cast<long long>(from.rbx);
  to[REG_RDX] = static_cast<long long>(from.rdx);
  to[REG_RAX] = static_cast<long long>(from.rax);
  to[REG_RCX] = static_cast<long long>(from.rcx);
  to[REG_RSP] = static_cast<long long>(from.rsp);
  to[REG_RIP] = static_cast<long long>(from.rip);
  to[REG_EFL] = static_cast<long long>(from.eflags);
  to[REG_CSGSFS] = static_cast<long long>((from.cs & 0xffff) | (from.ss & 0xffff) << 48);
}

std::vector<std::byte> frame_bytes(RemoteAddress restorer, const user_regs_struct& registers, uint64_t mask,
                                   uint64_t extended_state_address) {
  ucontext_t context{};
  context.uc_flags = kHasStackSegment | kStrictStackSegment;
  if (extended_state_address != 0) context.uc_flags |= kExtendedState;
  context.uc_stack.ss_flags = kInvalidStackFlags;
  fill_registers(context.uc_mcontext.gregs, registers);
  std::memcpy(&context.uc_mcontext.fpregs, &extended_state_address, sizeof(extended_state_address));
  std::memcpy(&context.uc_sigmask, &mask, sizeof(mask));
  std::vector<std::byte> bytes(kBareSize);
  std::memcpy(bytes.data(), &restorer.value, kReturnAddress);
  std::memcpy(bytes.data() + kReturnAddress, &context, kContextSize);
  return bytes;
}

}  // namespace

size_t signal_frame_size(const CpuState& state) { return kBareSize + 64 + state.xstate.size() + sizeof(uint32_t); }

std::vector<std::byte> signal_frame(RemoteAddress address, RemoteAddress restorer, const CpuState& state) {
  user_regs_struct registers = state.registers;
  rewind_call(registers);
  uint64_t area = (address.value + kBareSize + 63) & ~uint64_t{63};
  std::vector<std::byte> bytes = frame_bytes(restorer, registers, state.signal_mask, area);
  std::vector<std::byte> extended = extended_state(state.xstate);
  bytes.resize(area - address.value);
  bytes.insert(bytes.end(), extended.begin(), extended.end());
  return bytes;
}

std::vector<std::byte> bare_signal_frame(RemoteAddress restorer, const user_regs_struct& registers, uint64_t mask) {
  return frame_bytes(restorer, registers, mask, 0);
}

}  // namespace cairn::tracee
