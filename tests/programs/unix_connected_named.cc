// unix(7): both ends of a connection that came through a listener at a path: names, peer names, data, between
// processes.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "meeting"};
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  must(listen(listener, 1), "listen");
  const pid_t client = child_in(SYS_recvfrom, [&] {
    close(listener);
    const int own = must(socket(AF_UNIX, SOCK_STREAM, 0), "child's socket");
    must(connect(own, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    must(send(own, "hello ", 6, 0), "child's send");
    char text[8] = {};
    must(recv(own, text, sizeof text, 0), "child's recv");
    check_equal(text, "answer", "what the child got");
    must(send(own, "again", 5, 0), "child's second send");
    sockaddr_un peer{};
    socklen_t length = sizeof peer;
    must(getpeername(own, reinterpret_cast<sockaddr*>(&peer), &length), "getpeername");
    check_equal(peer.sun_path, "meeting", "the peer's name");
  });
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  ready_and_wait();
  must(send(server, "answer", 6, 0), "send");
  check_exit(client);
  char text[16] = {};
  check_equal(must(recv(server, text, sizeof text, MSG_WAITALL), "recv"), 11, "bytes");
  check_equal(text, "hello again", "what the server got");
  pass();
}
