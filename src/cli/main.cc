#include "cli/program.h"
#include "kernel/seam.h"

int main(int argc, char** argv) {
  cairn::kernel::arm_faults_from_environment();
  return cairn::cli::run_program(argc, argv);
}
