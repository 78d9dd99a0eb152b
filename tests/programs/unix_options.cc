// socket(7): buffer sizes, timeouts, low water, priority and credentials of a unix pair.
#include <sys/socket.h>
#include <sys/time.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  const auto set = [&](int option, auto value) {
    must(setsockopt(pair[0], SOL_SOCKET, option, &value, sizeof value), "setsockopt");
  };
  set(SO_SNDBUF, 77'777);
  set(SO_RCVBUF, 55'555);
  set(SO_PRIORITY, 5);
  set(SO_PASSCRED, 1);
  set(SO_PEEK_OFF, 0);
  set(SO_RCVTIMEO, timeval{0, 100'000});
  set(SO_SNDTIMEO, timeval{0x1'0000'0000, 0});
  set(SO_LINGER, linger{1, 70'000});
  set(SO_TIMESTAMP, 1);
  ready_and_wait();
  const auto get = [&](int option) {
    int value = 0;
    socklen_t size = sizeof value;
    must(getsockopt(pair[0], SOL_SOCKET, option, &value, &size), "getsockopt");
    return value;
  };
  check_equal(get(SO_SNDBUF), 2 * 77'777, "SO_SNDBUF");
  check_equal(get(SO_RCVBUF), 2 * 55'555, "SO_RCVBUF");
  check_equal(get(SO_PRIORITY), 5, "SO_PRIORITY");
  check_equal(get(SO_PASSCRED), 1, "SO_PASSCRED");
  check_equal(get(SO_PEEK_OFF), 0, "SO_PEEK_OFF");
  check_equal(get(SO_TIMESTAMP), 1, "SO_TIMESTAMP");
  timeval send{};
  socklen_t size = sizeof send;
  must(getsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &send, &size), "SO_SNDTIMEO");
  check_equal(send.tv_sec, 0x1'0000'0000, "seconds of SO_SNDTIMEO");
  char byte;
  const int64_t begin = now();
  check(read(pair[0], &byte, 1) == -1 && errno == EAGAIN, "the timeout is lost");
  check(now() - begin >= 100'000'000, "it came too early");
  pass();
}
