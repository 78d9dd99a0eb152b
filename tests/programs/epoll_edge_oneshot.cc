// epoll(7): an edge-triggered item reports new edges; a one-shot item that has fired stays silent until it is re-armed.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const int epoll = must(epoll_create1(0), "epoll_create1");
  const int edge = must(eventfd(0, EFD_NONBLOCK), "eventfd"), shot = must(eventfd(1, 0), "eventfd");
  epoll_event for_edge{EPOLLIN | EPOLLET, {.u64 = 1}}, for_shot{EPOLLIN | EPOLLONESHOT, {.u64 = 2}}, got[4];
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, edge, &for_edge), "add edge");
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, shot, &for_shot), "add one-shot");
  check_equal(epoll_wait(epoll, got, 4, 0), 1, "first round");
  check_equal(uint64_t{got[0].data.u64}, 2u, "who is first");
  ready_and_wait();
  check_equal(epoll_wait(epoll, got, 4, 0), 0, "items that fire without cause");
  const uint64_t one = 1;
  must(write(edge, &one, sizeof one), "write");
  check_equal(epoll_wait(epoll, got, 4, 1000), 1, "after an edge");
  check_equal(uint64_t{got[0].data.u64}, 1u, "who has the edge");
  check_equal(epoll_wait(epoll, got, 4, 0), 0, "after the edge was told");
  must(epoll_ctl(epoll, EPOLL_CTL_MOD, shot, &for_shot), "re-arm");
  check_equal(epoll_wait(epoll, got, 4, 1000), 1, "after re-arming");
  pass();
}
