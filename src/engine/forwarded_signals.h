// The signals that whoever stands in for a restored job, cairn in the foreground or cairn-init, passes on to it.
#pragma once

#include <signal.h>

namespace cairn::engine {

inline constexpr int kForwardedSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};

}  // namespace cairn::engine
