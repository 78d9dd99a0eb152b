// Ends this program as the job ended that it restored, so that whoever started `cairn restore` sees the job's status.
#pragma once

namespace cairn::cli {

// For a wait status: exits with the same code, or dies of the same signal (without a core of our own).
[[noreturn]] void end_like(int wait_status);
// Of this signal, without a core. Comes back where that can't be: pid 1 of a namespace lives on.
void die_of(int signal);

}  // namespace cairn::cli
