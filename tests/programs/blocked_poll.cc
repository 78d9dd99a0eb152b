// poll(2), select(2), ppoll(2), pselect(2), epoll_wait(2): threads that wait without a timeout see what comes, and no
// EINTR.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "program.h"

static int ends[2];

static void wait_by_select() {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  check_equal(must(select(ends[0] + 1, &set, nullptr, nullptr, nullptr), "select"), 1, "ready in select");
  check(FD_ISSET(ends[0], &set), "select names another descriptor");
}

static void wait_by_epoll() {
  const int epoll = must(epoll_create1(0), "epoll_create1");
  epoll_event event{EPOLLIN, {.u64 = 0x8000'0000'0000'0001}};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
  check_equal(must(epoll_wait(epoll, &event, 1, -1), "epoll_wait"), 1, "ready in epoll");
  check_equal(uint64_t{event.data.u64}, 0x8000'0000'0000'0001, "data");
}

int main() {
  must(pipe(ends), "pipe");
  pollfd item{ends[0], POLLIN, 0}, item2 = item;
  std::thread threads[] = {
      thread_in(SYS_poll, [&] { check_equal(must(poll(&item, 1, -1), "poll"), 1, "ready in poll"); }),
      thread_in(SYS_ppoll,
                [&] { check_equal(must(ppoll(&item2, 1, nullptr, nullptr), "ppoll"), 1, "ready in ppoll"); }),
      thread_in(SYS_pselect6, wait_by_select),
      thread_in(SYS_epoll_wait, wait_by_epoll),
  };
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  for (std::thread& thread : threads) thread.join();
  check_equal(item.revents, POLLIN, "events of poll");
  pass();
}
