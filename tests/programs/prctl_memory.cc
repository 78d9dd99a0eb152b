// Attributes of an address space and of where its memory lies: PR_SET_MDWE, PR_SET_DUMPABLE, set_mempolicy(2),
// membarrier(2), PR_SET_THP_DISABLE of a child only.
// modes: not user (it waits by /proc/PID/syscall, which a process that is not dumpable shows to root only)
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "program.h"

constexpr int kSetMdwe = 65, kGetMdwe = 66;

static int barrier(int command) { return int(syscall(SYS_membarrier, command, 0, 0)); }

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t other = child_in(SYS_read, [&] {
    const bool has_mdwe = prctl(kSetMdwe, 1, 0, 0, 0) == 0;
    must(prctl(PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE");
    must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "PR_SET_THP_DISABLE");
    must(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), "membarrier");
    unsigned long node = 1;
    const bool has_nodes = syscall(SYS_set_mempolicy, MPOL_PREFERRED, &node, 64) == 0;
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(prctl(kGetMdwe, 0, 0, 0, 0), has_mdwe ? 1 : -1, "MDWE");
    if (has_mdwe) {
      void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      check(mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EACCES, "memory became executable");
    }
    check_equal(prctl(PR_GET_DUMPABLE), 0, "dumpable");
    check_equal(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1, "no huge pages");
    check_equal(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), 0, "barrier that was registered");
    check(barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0, "barrier that needs no registration");
    int mode = -1;
    unsigned long nodes[16] = {};
    if (has_nodes) {
      must(syscall(SYS_get_mempolicy, &mode, nodes, 1024, 0, 0), "get_mempolicy");
      check_equal(mode, MPOL_PREFERRED, "policy");
      check_equal(nodes[0], 1u, "nodes");
    }
  });
  ready_and_wait();
  check_equal(prctl(PR_GET_DUMPABLE), 1, "dumpable");
  check_equal(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0, "no huge pages");
  check(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == -1 && errno == EPERM, "a barrier that was not registered");
  must(write(ends[1], "x", 1), "write");
  check_exit(other);
  pass();
}
