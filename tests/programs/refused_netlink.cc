// refused: netlink
// netlink(7): a socket that listens to the kernel's events.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  const int fd = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "socket");
  sockaddr_nl address{AF_NETLINK, 0, 0, RTMGRP_LINK};
  must(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  ready_and_wait();
  check(fcntl(fd, F_GETFD) != -1, "the socket is gone");
  pass();
}
