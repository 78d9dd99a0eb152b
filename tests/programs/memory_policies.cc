// mbind(2): on which NUMA nodes a range of memory shall be; others keep to the policy of their task.
#include <linux/mempolicy.h>
#include <sys/mman.h>

#include "program.h"

constexpr size_t kSize = 4 * 4096;

static char* map(int flags) {
  return must(static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0)), "mmap");
}

static void bind_to_node_0(char* start, size_t size, int mode) {
  const unsigned long node = 1;
  must(syscall(SYS_mbind, start, size, mode, &node, 64, 0), "mbind");
}

static void check_policy(const char* address, int expected, unsigned long expected_nodes) {
  int mode = -1;
  unsigned long nodes[16] = {};
  must(syscall(SYS_get_mempolicy, &mode, nodes, 1024, address, MPOL_F_ADDR), "get_mempolicy");
  check_equal(mode, expected, "policy");
  check_equal(nodes[0], expected_nodes, "nodes");
}

int main() {
  char* const free = map(MAP_PRIVATE);
  char* const bound = map(MAP_PRIVATE);
  const unsigned long node = 1;
  if (syscall(SYS_mbind, bound, kSize, MPOL_BIND | MPOL_F_STATIC_NODES, &node, 64, 0) != 0) skip("no NUMA policies");
  memset(bound, 'b', kSize);
  char* const partly = map(MAP_PRIVATE);
  bind_to_node_0(partly + 4096, 4096, MPOL_INTERLEAVE);
  char* const local = map(MAP_PRIVATE);
  must(syscall(SYS_mbind, local, kSize, MPOL_LOCAL, nullptr, 0, 0), "mbind");
  const pid_t heir = child_in(SYS_openat, [&] {
    bind_to_node_0(bound, kSize, MPOL_PREFERRED);
    wait_for_go();
    check_policy(bound, MPOL_PREFERRED, 1);
    check_equal(bound[kSize - 1], 'b', "content");
    check_policy(partly + 4096, MPOL_INTERLEAVE, 1);
  });
  ready_and_wait();
  check_policy(free, MPOL_DEFAULT, 0);
  check_policy(bound, MPOL_BIND | MPOL_F_STATIC_NODES, 1);
  check_equal(bound[kSize - 1], 'b', "content");
  check_policy(partly, MPOL_DEFAULT, 0);
  check_policy(partly + 4096, MPOL_INTERLEAVE, 1);
  check_policy(partly + 8192, MPOL_DEFAULT, 0);
  check_policy(local, MPOL_LOCAL, 0);
  check_exit(heir);
  pass();
}
