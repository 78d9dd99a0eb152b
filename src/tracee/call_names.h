// Names of system calls, for messages.
#pragma once

#include <string>

namespace cairn::tracee {

// "rt_sigaction", or "system call 500" where the table lacks it.
std::string call_name(long number);

}  // namespace cairn::tracee
