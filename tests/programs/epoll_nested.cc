// epoll(7): an epoll inside an epoll reports through both.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const int inner = must(epoll_create1(0), "epoll_create1"), outer = must(epoll_create1(0), "epoll_create1");
  const int event = must(eventfd(0, 0), "eventfd");
  epoll_event for_event{EPOLLIN, {.u64 = 0xffff'ffff'0000'0001}}, for_inner{EPOLLIN, {.u64 = 0xffff'ffff'0000'0002}};
  must(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &for_inner), "add inner to outer");
  must(epoll_ctl(inner, EPOLL_CTL_ADD, event, &for_event), "add event to inner");
  ready_and_wait();
  epoll_event got[2];
  check_equal(epoll_wait(outer, got, 2, 0), 0, "ready at first");
  const uint64_t one = 1;
  must(write(event, &one, sizeof one), "write");
  check_equal(epoll_wait(outer, got, 2, 1000), 1, "ready in the outer one");
  check_equal(uint64_t{got[0].data.u64}, 0xffff'ffff'0000'0002, "data of the outer one");
  check_equal(epoll_wait(inner, got, 2, 1000), 1, "ready in the inner one");
  check_equal(uint64_t{got[0].data.u64}, 0xffff'ffff'0000'0001, "data of the inner one");
  pass();
}
