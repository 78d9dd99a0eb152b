// unix(7): connections that wait in the backlog, and have brought nothing yet, are accepted later, in turn.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "service"};
  auto* name = reinterpret_cast<sockaddr*>(&address);
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket"),
            own = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, name, sizeof address), "bind");
  must(listen(listener, 4), "listen");
  const pid_t other = child_in(SYS_read, [&] {
    close(own);
    const int client = must(socket(AF_UNIX, SOCK_STREAM, 0), "child's socket");
    must(connect(client, name, sizeof address), "child's connect");
    char text[8] = {};
    must(read(client, text, sizeof text), "child's read");
    check_equal(text, "first", "what the child got");
  });
  must(connect(own, name, sizeof address), "connect");
  ready_and_wait();
  const char* greetings[] = {"first", "second"};
  const pid_t clients[] = {other, getpid()};
  for (int i = 0; i < 2; i++) {
    const int server = must(accept(listener, nullptr, nullptr), "accept");
    ucred credentials{};
    socklen_t size = sizeof credentials;
    must(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &credentials, &size), "SO_PEERCRED");
    check_equal(credentials.pid, clients[i], "who connected");
    must(write(server, greetings[i], strlen(greetings[i])), "write");
  }
  check_exit(other);
  char text[8] = {};
  must(read(own, text, sizeof text), "read");
  check_equal(text, "second", "what came to the second");
  pass();
}
