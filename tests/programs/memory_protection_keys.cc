// pkeys(7): allocated keys stay so, with gaps between them, and what is free can be allocated.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int first = pkey_alloc(0, 0);
  if (first < 0) skip("no protection keys here");
  const int second = must(pkey_alloc(0, PKEY_DISABLE_WRITE), "pkey_alloc");
  const int third = must(pkey_alloc(0, 0), "pkey_alloc");
  must(pkey_free(first), "pkey_free");
  const pid_t other = child_in(SYS_openat, [&] {
    must(pkey_free(second), "pkey_free");
    must(pkey_free(third), "pkey_free");
    wait_for_go();
    check_equal(must(pkey_alloc(0, 0), "pkey_alloc"), first, "key of a child that has none");
  });
  ready_and_wait();
  check_equal(pkey_get(second), PKEY_DISABLE_WRITE, "rights");
  check_equal(must(pkey_alloc(0, 0), "pkey_alloc"), first, "lowest free key");
  check_equal(must(pkey_alloc(0, 0), "pkey_alloc"), third + 1, "next free key");
  must(pkey_free(second), "pkey_free");
  must(pkey_free(third), "pkey_free");
  check_exit(other);
  pass();
}
