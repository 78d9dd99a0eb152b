// A task in vfork sleeps in the kernel (state D) where PTRACE_INTERRUPT doesn't reach it. Its registers can't be had;
// /proc/TID/syscall tells which call it is in.
#include <linux/sched.h>
#include <sys/syscall.h>

#include <charconv>

#include "kernel/calls.h"
#include "tracee/tree_seizer.h"

namespace cairn::tracee {
namespace {

struct BlockedCall {
  long number = -1;
  uint64_t first_argument = 0;
};

// "56 0x4111 0x0 ..."; "running" and "-1 ..." are no calls.
BlockedCall parse(const std::string& text) {
  BlockedCall call;
  const char* end = text.data() + text.size();
  auto [rest, status] = std::from_chars(text.data(), end, call.number);
  if (status != std::errc() || end - rest < 4) return {};
  constexpr size_t kPrefix = 3;  // " 0x"
  std::from_chars(rest + kPrefix, end, call.first_argument, 16);
  return call;
}

uint64_t clone3_flags(HostPid thread, uint64_t arguments) {
  uint64_t flags = 0;
  iovec local = {&flags, sizeof(flags)}, remote = {reinterpret_cast<void*>(arguments), sizeof(flags)};
  kernel::try_process_vm_readv(thread, {&local, 1}, {&remote, 1});
  return flags;
}

// None also when it can't be read: in the middle of an exec a program isn't dumpable, and tells it to root only.
std::optional<std::string> blocked_in(HostPid process, HostPid thread) {
  auto directory = kernel::ProcDir::open(process, thread);
  try {
    return directory ? directory->try_read("syscall") : std::nullopt;
  } catch (const Error& error) {
    if (error.error_number() != EACCES && error.error_number() != EPERM) throw;
    return std::nullopt;
  }
}

}  // namespace

bool is_in_vfork(HostPid process, HostPid thread) {
  auto text = blocked_in(process, thread);
  if (!text) return false;
  BlockedCall call = parse(*text);
  if (call.number == SYS_vfork) return true;
  if (call.number == SYS_clone) return (call.first_argument & CLONE_VFORK) != 0;
  return call.number == SYS_clone3 && (clone3_flags(thread, call.first_argument) & CLONE_VFORK) != 0;
}

}  // namespace cairn::tracee
