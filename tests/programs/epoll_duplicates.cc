// epoll(7): one description watched under two numbers, and an item whose number was closed while a duplicate lives on.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const int epoll = must(epoll_create1(0), "epoll_create1"), event = must(eventfd(0, 0), "eventfd");
  const int second = must(dup(event), "dup"), closed = must(dup(event), "dup");
  for (int fd : {event, second, closed}) {
    epoll_event item{EPOLLIN, {.u64 = 0x1'0000'0000u + fd}};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &item), "epoll_ctl");
  }
  close(closed);
  must(dup2(must(open("/dev/null", O_RDONLY), "open"), closed), "dup2");  // the number now means something else
  ready_and_wait();
  const uint64_t one = 1;
  must(write(event, &one, sizeof one), "write");
  epoll_event got[8];
  check_equal(epoll_wait(epoll, got, 8, 1000), 3, "items that report");
  uint64_t sum = 0;
  for (int i = 0; i < 3; i++) sum += got[i].data.u64;
  check_equal(sum, 0x3'0000'0000u + event + second + closed, "sum of their data");
  pass();
}
