// socket(7) SO_RCVTIMEO: a receive with a timeout gets what comes in time, without EINTR; so does a timed epoll_wait.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "program.h"

int main() {
  int pair[2], ends[2];
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
  must(pipe(ends), "pipe");
  const timeval patience{500, 0};
  must(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
  const int epoll = must(epoll_create1(0), "epoll_create1");
  epoll_event event{EPOLLIN, {.u64 = 9}};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
  char text[8] = {};
  std::thread receiver = thread_in(SYS_recvfrom, [&] { must(recv(pair[1], text, sizeof text, 0), "recv"); });
  epoll_event got{};
  std::thread waiter = thread_in(
      SYS_epoll_wait, [&] { check_equal(must(epoll_wait(epoll, &got, 1, 500'000), "epoll_wait"), 1, "events"); });
  ready_and_wait();
  must(send(pair[0], "in time", 7, 0), "send");
  must(write(ends[1], "x", 1), "write");
  receiver.join();
  waiter.join();
  check_equal(text, "in time", "content");
  check_equal(uint64_t{got.data.u64}, 9u, "data of the event");
  pass();
}
