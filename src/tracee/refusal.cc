#include "tracee/refusal.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "kernel/procfs.h"

namespace cairn::tracee {
namespace {

constexpr int kFlagsField = 9;
constexpr const char* kOurCommand = "cairn";   // it holds a tree for a moment only
constexpr int64_t kKernelThread = 0x00200000;  // PF_KTHREAD

std::optional<std::string> read_text(HostPid process, HostPid thread, const std::string& file) {
  auto directory = kernel::ProcDir::open(process, thread);
  return directory ? directory->try_read(file) : std::nullopt;
}

std::string command_of(HostPid process) {
  auto text = read_text(process, process, "comm");
  if (!text) return "?";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

Refusal no_permission(HostPid thread) {
  return {fmt::format("ptrace(2) of task {} is not permitted", thread.value),
          "run cairn as the same user or as root; a process that has changed its ids or is not dumpable, and "
          "/proc/sys/kernel/yama/ptrace_scope, take CAP_SYS_PTRACE"};
}

}  // namespace

std::optional<Refusal> seccomp_refusal(HostPid process, HostPid thread) {
  auto text = read_text(process, thread, "status");
  if (!text) return {};
  kernel::KeyValues status = kernel::KeyValues::parse(*text);
  if (!status.has("Seccomp") || status.number("Seccomp") == 0) return {};
  return Refusal{fmt::format("task {} is under seccomp, and cairn may not suspend its filter", thread.value),
                 "run cairn with CAP_SYS_ADMIN and without a seccomp filter of its own (outside of a container)"};
}

HostPid tracer_of(HostPid process, HostPid thread) {
  auto text = read_text(process, thread, "status");
  return {text ? static_cast<pid_t>(kernel::KeyValues::parse(*text).number("TracerPid")) : 0};
}

bool is_kernel_thread(HostPid process) {
  auto text = read_text(process, process, "stat");
  return text && (kernel::parse_stat(*text).field(kFlagsField) & kKernelThread) != 0;
}

std::optional<Refusal> explain_refusal(HostPid process, HostPid thread, int error) {
  if (error == ESRCH) return {};
  auto text = read_text(process, thread, "stat");
  if (!text || kernel::parse_stat(*text).has_ended()) return {};
  if (is_kernel_thread(process)) return Refusal{"it is a kernel thread", "name a user process"};
  if (HostPid tracer = tracer_of(process, thread); tracer.value != 0) {
    std::string command = command_of(tracer);
    return Refusal{fmt::format("it is traced by process {} ({})", tracer.value, command),
                   fmt::format("detach or end the tracer {} first", tracer.value), command == kOurCommand};
  }
  if (error == EPERM) return no_permission(thread);
  return Refusal{fmt::format("PTRACE_SEIZE of task {}: {}", thread.value, std::strerror(error)), "try again"};
}

}  // namespace cairn::tracee
