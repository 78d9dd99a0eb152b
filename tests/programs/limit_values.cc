// getrlimit(2): soft and hard limits beyond 32 bits, and one that bites.
#include <sys/resource.h>

#include "program.h"

int main() {
  const struct {
    __rlimit_resource resource;
    rlimit value;
  } limits[] = {
      {RLIMIT_NOFILE, {200, 300}},
      {RLIMIT_CORE, {0x1'0000'0000, 0x7'0000'0000}},
      {RLIMIT_STACK, {16 << 20, RLIM_INFINITY}},
      {RLIMIT_FSIZE, {0x2'0000'0000, 0x3'0000'0000}},
      {RLIMIT_CPU, {5'000'000'000, 6'000'000'000}},
      {RLIMIT_DATA, {0x4'0000'0000, 0x5'0000'0000}},
      {RLIMIT_SIGPENDING, {77, 99}},
  };
  for (const auto& limit : limits) must(setrlimit(limit.resource, &limit.value), "setrlimit");
  ready_and_wait();
  for (const auto& limit : limits) {
    rlimit value;
    must(getrlimit(limit.resource, &value), "getrlimit");
    check_equal(value.rlim_cur, limit.value.rlim_cur, "soft limit");
    check_equal(value.rlim_max, limit.value.rlim_max, "hard limit");
  }
  check(fcntl(0, F_DUPFD, 200) == -1 && errno == EINVAL, "a descriptor above the limit");
  pass();
}
