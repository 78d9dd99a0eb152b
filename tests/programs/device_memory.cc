// null(4), zero(4), full(4), urandom(4): the memory devices keep doing what they do.
#include "program.h"

int main() {
  const int null = must(open("/dev/null", O_RDWR | O_APPEND), "open null"),
            zero = must(open("/dev/zero", O_RDONLY), "open");
  const int full = must(open("/dev/full", O_WRONLY | O_CLOEXEC), "open full"),
            random = must(open("/dev/urandom", O_RDONLY), "open");
  ready_and_wait();
  char bytes[64] = {1};
  check_equal(read(null, bytes, sizeof bytes), 0, "read of null");
  check_equal(write(null, bytes, sizeof bytes), sizeof bytes, "write to null");
  check_equal(read(zero, bytes, sizeof bytes), sizeof bytes, "read of zero");
  check(bytes[0] == 0 && bytes[63] == 0, "zero gives something else");
  check(write(full, bytes, 1) == -1 && errno == ENOSPC, "full is not full");
  uint64_t first = 0, second = 0;
  must(read(random, &first, sizeof first), "read of urandom");
  must(read(random, &second, sizeof second), "read of urandom");
  check(first != second, "urandom repeats itself");
  pass();
}
