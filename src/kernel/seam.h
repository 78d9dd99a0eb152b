// The one place through which every kernel call of the supervisor passes, so that the fault sweep can count the calls
// and make the Nth fail, or kill the supervisor there (tests/faults). Typed wrappers stand in calls.h and ptrace.h.
#pragma once

#include <string>

namespace cairn::kernel {

// Makes system call `number` and returns its result, or a negative errno value. `name` is used in messages and by the
// fault sweep. A call is retried on EINTR unless `number` can be interrupted on purpose (wait, poll, ppoll, nanosleep).
long call(const char* name, long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

// The same, where any failure is an Error "<name>: <errno text>".
long checked(const char* name, long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

inline long arg(const void* pointer) { return reinterpret_cast<long>(pointer); }

// Reads CAIRN_FAULT from the environment ("N:ERRNO" fails the Nth call, "N:kill" sends ourselves SIGKILL there,
// "N:stop" SIGSTOP, so that a test can do something to the target just then; "count" prints the number of calls at
// exit, "list" each call); done once by main(). Only for tests; without it the seam costs a compare.
void arm_faults_from_environment();

}  // namespace cairn::kernel
