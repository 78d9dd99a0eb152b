// madvise(2), mlock(2), prctl PR_SET_VMA: what was said about mappings is still true (the rest of the proof is smaps).
#include <sys/mman.h>
#include <sys/prctl.h>

#include "program.h"

static char* map(size_t pages) {
  return must(
      static_cast<char*>(mmap(nullptr, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      "mmap");
}

int main() {
  const int advices[] = {MADV_DONTFORK,   MADV_WIPEONFORK, MADV_DONTDUMP, MADV_RANDOM,
                         MADV_SEQUENTIAL, MADV_NOHUGEPAGE, MADV_MERGEABLE};
  char* areas[7];
  for (int i = 0; i < 7; i++) {
    areas[i] = map(8);
    memset(areas[i], 'a' + i, 8 * 4096);
    if (madvise(areas[i], 6 * 4096, advices[i]) != 0 && errno != EINVAL) fail("madvise %d", advices[i]);
  }
  char* locked = map(4);
  must(mlock(locked, 8192), "mlock");
  must(mlock2(locked + 8192, 4096, MLOCK_ONFAULT), "mlock2");
  prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map(4), 8192, "a name");  // EINVAL without CONFIG_ANON_VMA_NAME
  ready_and_wait();
  for (int i = 0; i < 7; i++) check_equal(areas[i][4096], 'a' + i, "content");
  check_exit(child([&] {
    check_equal(areas[1][0], 0, "a wiped page in a child");
    check_equal(areas[1][7 * 4096], 'b', "the page behind it");
    check(msync(areas[0], 4096, MS_ASYNC) == -1 && errno == ENOMEM, "the child has what must not be forked");
  }));
  pass();
}
