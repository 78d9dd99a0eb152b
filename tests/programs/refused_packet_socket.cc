// refused: packet|socket
// needs: root
// packet(7).
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  const int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) skip("packet sockets are not allowed");
  ready_and_wait();
  check(fcntl(fd, F_GETFD) != -1, "the socket is gone");
  pass();
}
