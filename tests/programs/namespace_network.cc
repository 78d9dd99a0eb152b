// refused: namespace
// needs: root
// network_namespaces(7): a child in an empty network of its own, with a listening socket on its own loopback.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t apart = child_in(SYS_read, [&] {
    must(unshare(CLONE_NEWNET), "unshare");
    const int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    must(ioctl(listener, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    sockaddr_in address{AF_INET, htons(80), {htonl(INADDR_LOOPBACK)}};
    must(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    must(listen(listener, 5), "listen");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    const int client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    must(accept(listener, nullptr, nullptr), "accept");
  });
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  check_exit(apart);
  pass();
}
