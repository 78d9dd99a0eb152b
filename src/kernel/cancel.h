// A signal that asks cairn to stop becomes an error (ECANCELED) of its next kernel call: then it undoes what any other
// error makes it undo.
#pragma once

namespace cairn::kernel {

// May be called by a signal handler.
void cancel(int signal) noexcept;
// The signal that has asked, or 0.
int canceled_by() noexcept;
// The error of a call may have been of no account: an Error when somebody has asked.
void stop_if_canceled();
// What follows can't be undone: from now on nobody is listened to.
void end_of_canceling() noexcept;

}  // namespace cairn::kernel
