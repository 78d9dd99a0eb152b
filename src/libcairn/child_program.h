// Runs the cairn program as a child and gathers what it prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cairn::libcairn {

struct Finished {
  std::string output;         // of its standard output
  std::optional<int> status;  // a wait status; empty when the host program ignores SIGCHLD or reaped it itself
  std::string start_problem;  // not empty: it could not be started
};

// By posix_spawn: the host program is not copied, its signal handlers and threads don't matter. The child gets the
// signal mask and dispositions of a fresh program, no descriptors but 0 to 2, and nothing to read.
Finished run_program(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace cairn::libcairn
