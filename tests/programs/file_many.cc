// dup(2), open(2): two thousand descriptors with gaps, above the usual limit of 1024.
#include <sys/resource.h>

#include "program.h"

int main() {
  const rlimit limit{5000, 5000};
  rlimit old;
  must(getrlimit(RLIMIT_NOFILE, &old), "getrlimit");
  if (old.rlim_max < limit.rlim_cur) skip("the hard limit of descriptors is too low");
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  const int fd = must(open("numbers", O_RDWR | O_CREAT, 0600), "open");
  must(ftruncate(fd, 10'000), "ftruncate");
  for (int number = 1000; number < 5000; number += 2) {
    const int own = must(open("numbers", O_RDONLY), "open");
    must(lseek(own, number, SEEK_SET), "lseek");
    if (own != number) {
      must(dup2(own, number), "dup2");
      close(own);
    }
  }
  ready_and_wait();
  for (int number = 1000; number < 5000; number += 2) {
    check_equal(lseek(number, 0, SEEK_CUR), number, "position");
    check_equal(fcntl(number + 1, F_GETFD), -1, "flags of a gap");
  }
  pass();
}
