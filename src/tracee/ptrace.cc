#include "tracee/ptrace.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "kernel/constants.h"
#include "kernel/seam.h"

namespace cairn::tracee::ptrace {
namespace {

constexpr long kSeize = 0x4206, kInterrupt = 0x4207, kSetOptions = 0x4200, kGetEventMessage = 0x4201;
constexpr long kGetSignalInfo = 0x4202, kGetRegset = 0x4204, kSetRegset = 0x4205, kPeekSignals = 0x4209;
constexpr long kGetMask = 0x420a, kSetMask = 0x420b;
constexpr long kGetRseqConfiguration = 0x420f;  // Linux 5.13
constexpr size_t kMaximumXstate = 16384;        // 11008 with AMX

struct PeekArguments {  // struct __ptrace_peeksiginfo_args
  uint64_t offset;
  uint32_t flags;  // 1: shared queue
  int32_t count;
};

long request(const char* name, long number, HostPid task, long address = 0, long data = 0) {
  return kernel::call(name, SYS_ptrace, number, task.value, address, data);
}

bool alive(const char* name, HostPid task, long result) {
  if (result >= 0) return true;
  if (result == -ESRCH) return false;
  throw Error::system(fmt::format("{} of task {}", name, task.value), static_cast<int>(-result));
}

bool checked(const char* name, long number, HostPid task, long address = 0, long data = 0) {
  return alive(name, task, request(name, number, task, address, data));
}

}  // namespace

long try_seize(HostPid task, unsigned options) { return request("PTRACE_SEIZE", kSeize, task, 0, options); }
long try_set_options(HostPid task, unsigned options) {
  return request("PTRACE_SETOPTIONS", kSetOptions, task, 0, options);
}
bool set_options(HostPid task, unsigned options) {
  return alive("PTRACE_SETOPTIONS", task, try_set_options(task, options));
}
bool interrupt(HostPid task) { return checked("PTRACE_INTERRUPT", kInterrupt, task); }

bool resume(HostPid task, Resume how, int signal) {
  if (how == Resume::kContinue) return checked("PTRACE_CONT", PTRACE_CONT, task, 0, signal);
  return checked("PTRACE_SYSCALL", PTRACE_SYSCALL, task, 0, signal);
}
bool detach(HostPid task, int signal) { return checked("PTRACE_DETACH", PTRACE_DETACH, task, 0, signal); }

bool get_registers(HostPid task, user_regs_struct& registers) {
  iovec area = {&registers, sizeof(registers)};
  return checked("PTRACE_GETREGSET(NT_PRSTATUS)", kGetRegset, task, NT_PRSTATUS, kernel::arg(&area));
}

bool set_registers(HostPid task, const user_regs_struct& registers) {
  iovec area = {const_cast<user_regs_struct*>(&registers), sizeof(registers)};
  return checked("PTRACE_SETREGSET(NT_PRSTATUS)", kSetRegset, task, NT_PRSTATUS, kernel::arg(&area));
}

bool get_xstate(HostPid task, std::vector<std::byte>& xstate) {
  std::array<std::byte, kMaximumXstate> buffer;
  iovec area = {buffer.data(), buffer.size()};
  if (!checked("PTRACE_GETREGSET(NT_X86_XSTATE)", kGetRegset, task, NT_X86_XSTATE, kernel::arg(&area))) return false;
  xstate.assign(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(area.iov_len));
  return true;
}

bool set_xstate(HostPid task, const std::vector<std::byte>& xstate) {
  iovec area = {const_cast<std::byte*>(xstate.data()), xstate.size()};
  return checked("PTRACE_SETREGSET(NT_X86_XSTATE)", kSetRegset, task, NT_X86_XSTATE, kernel::arg(&area));
}

std::optional<uint64_t> peek_register(HostPid task, size_t offset) {
  uint64_t value = 0;
  if (!checked("PTRACE_PEEKUSER", PTRACE_PEEKUSER, task, static_cast<long>(offset), kernel::arg(&value))) return {};
  return value;
}

std::optional<uint64_t> get_mask(HostPid task) {
  uint64_t mask = 0;
  if (!checked("PTRACE_GETSIGMASK", kGetMask, task, sizeof(mask), kernel::arg(&mask))) return {};
  return mask;
}

bool set_mask(HostPid task, uint64_t mask) {
  return checked("PTRACE_SETSIGMASK", kSetMask, task, sizeof(mask), kernel::arg(&mask));
}

std::optional<uint64_t> event_message(HostPid task) {
  unsigned long message = 0;
  if (!checked("PTRACE_GETEVENTMSG", kGetEventMessage, task, 0, kernel::arg(&message))) return {};
  return message;
}

std::optional<siginfo_t> signal_info(HostPid task) {
  siginfo_t info{};
  if (!checked("PTRACE_GETSIGINFO", kGetSignalInfo, task, 0, kernel::arg(&info))) return {};
  return info;
}

bool peek_signals(HostPid task, Queue queue, std::vector<siginfo_t>& signals) {
  constexpr int kPiece = 32;
  while (true) {
    std::array<siginfo_t, kPiece> piece;
    PeekArguments arguments = {signals.size(), queue == Queue::kProcess ? 1u : 0u, kPiece};
    long count = request("PTRACE_PEEKSIGINFO", kPeekSignals, task, kernel::arg(&arguments), kernel::arg(piece.data()));
    if (!alive("PTRACE_PEEKSIGINFO", task, count)) return false;
    signals.insert(signals.end(), piece.begin(), piece.begin() + count);
    if (count < kPiece) return true;
  }
}

std::optional<RseqConfiguration> rseq(HostPid task) {
  RseqConfiguration configuration;
  long result = request("PTRACE_GET_RSEQ_CONFIGURATION", kGetRseqConfiguration, task, sizeof(configuration),
                        kernel::arg(&configuration));
  bool has_none = __rseq_size == 0 && (result == -EIO || result == -EINVAL);  // a kernel without CONFIG_RSEQ
  if (has_none) return RseqConfiguration{};
  if (!alive("PTRACE_GET_RSEQ_CONFIGURATION", task, result)) return {};
  return configuration;
}

std::optional<DispatchConfiguration> syscall_dispatch(HostPid task) {
  constexpr const char* kName = "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG";
  DispatchConfiguration configuration;
  auto ask = [&](size_t size) {
    return request(kName, kernel::kPtraceGetSyscallUserDispatchConfig, task, static_cast<long>(size),
                   kernel::arg(&configuration));
  };
  long result = ask(sizeof(configuration));
  if (result == -EIO && ask(0) == -EIO) return {};  // an older kernel; this one would find fault with the size
  if (!alive(kName, task, result) || configuration.mode == 0) return {};
  return configuration;
}

}  // namespace cairn::tracee::ptrace
