// accept(2), recv(2), connect(2) to a full backlog: socket calls in progress are completed by what comes later.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "service"};
  const auto* name = reinterpret_cast<sockaddr*>(&address);
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, name, sizeof address), "bind");
  must(listen(listener, 5), "listen");
  int pair[2], accepted = -1;
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair");
  char text[16] = {};
  std::thread acceptor = thread_in(SYS_accept, [&] { accepted = must(accept(listener, nullptr, nullptr), "accept"); });
  std::thread receiver = thread_in(SYS_recvfrom, [&] { must(recv(pair[1], text, sizeof text, 0), "recv"); });
  ready_and_wait();
  const int client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(connect(client, name, sizeof address), "connect");
  must(send(pair[0], "packet", 6, 0), "send");
  acceptor.join();
  receiver.join();
  check_equal(text, "packet", "what was received");
  must(write(client, "hi", 2), "write");
  check_equal(read(accepted, text, sizeof text), 2, "bytes through the accepted connection");
  pass();
}
