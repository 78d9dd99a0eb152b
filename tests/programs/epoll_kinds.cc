// epoll(7): items of several kinds come back with their events and all 64 bits of their data.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "program.h"

static int watch(int epoll, int fd, uint32_t events, uint64_t data) {
  epoll_event event{events, {.u64 = data}};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  return fd;
}

int main() {
  const int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int pipe_ends[2], pair[2];
  must(pipe(pipe_ends), "pipe");
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  const int event = watch(epoll, must(eventfd(0, 0), "eventfd"), EPOLLIN, 0xe000'0000'0000'0001);
  const int timer = watch(epoll, must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd"), EPOLLIN, 0xe000'0000'0000'0002);
  watch(epoll, pipe_ends[0], EPOLLIN | EPOLLPRI, 0xe000'0000'0000'0003);
  watch(epoll, pair[0], EPOLLIN | EPOLLRDHUP, 0xe000'0000'0000'0004);
  ready_and_wait();
  epoll_event got[8];
  check_equal(epoll_wait(epoll, got, 8, 0), 0, "items ready at first");
  const uint64_t one = 1;
  const itimerspec soon{{}, {0, 1}};
  must(write(event, &one, sizeof one), "write eventfd");
  must(timerfd_settime(timer, 0, &soon, nullptr), "timerfd_settime");
  must(write(pipe_ends[1], "x", 1), "write pipe");
  must(shutdown(pair[1], SHUT_WR), "shutdown");
  pollfd expired{timer, POLLIN, 0};
  check_equal(poll(&expired, 1, 10'000), 1, "timers that expire");
  check_equal(epoll_wait(epoll, got, 8, 1000), 4, "items ready");
  uint64_t seen = 0;
  for (int i = 0; i < 4; i++) {
    check((got[i].data.u64 & ~0xfull) == 0xe000'0000'0000'0000, "data %#lx", uint64_t{got[i].data.u64});
    seen |= 1u << (got[i].data.u64 & 15);
    if ((got[i].data.u64 & 15) == 4) check_equal(got[i].events, uint32_t(EPOLLIN | EPOLLRDHUP), "events of the socket");
  }
  check_equal(seen, 0x1eu, "who reported");
  pass();
}
