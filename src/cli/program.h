// The whole program, apart from main().
#pragma once

namespace cairn::cli {

// Understands the arguments, runs the command and returns the exit status of ARCHITECTURE.md, "Failing well".
int run_program(int argc, char** argv);

}  // namespace cairn::cli
