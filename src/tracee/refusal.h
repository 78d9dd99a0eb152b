// Why a task can't be seized, in words for the user.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"

namespace cairn::tracee {

struct Refusal {
  std::string reason, remedy;
  bool passes = false;  // in a moment, by itself
};

// After PTRACE_SEIZE has failed with `error` (positive). Empty when the task is gone or dead, which is nobody's fault.
std::optional<Refusal> explain_refusal(HostPid process, HostPid thread, int error);

// Empty unless the task has a seccomp filter: calls that we make in it would be filtered (and may kill it), since
// PTRACE_O_SUSPEND_SECCOMP was refused.
std::optional<Refusal> seccomp_refusal(HostPid process, HostPid thread);

// The id of the process that traces the task, or 0.
HostPid tracer_of(HostPid process, HostPid thread);

bool is_kernel_thread(HostPid process);

}  // namespace cairn::tracee
