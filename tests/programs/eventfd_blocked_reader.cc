// eventfd(2): a thread waits in read on an empty counter and gets what is written later.
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const int fd = must(eventfd(0, 0), "eventfd");
  uint64_t value = 0;
  std::thread reader = thread_in(SYS_read, [&] { must(read(fd, &value, sizeof value), "blocked read"); });
  ready_and_wait();
  const uint64_t written = 0x7'0000'0003;
  must(write(fd, &written, sizeof written), "write");
  reader.join();
  check_equal(value, written, "what the reader got");
  pass();
}
