// needs: root
// unix(7) SO_PEERCRED, SO_PEERGROUPS: who listened and who connected are stamped with the ids of that moment: a child
// with other ids made a connection and a pair, and gave both away.
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "program.h"

static void check_stamp(int fd, pid_t pid, uid_t user, gid_t group, const char* what) {
  ucred stamp{};
  socklen_t size = sizeof stamp;
  must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &stamp, &size), "SO_PEERCRED");
  check_equal(stamp.pid, pid, what);
  check_equal(stamp.uid, user, what);
  check_equal(stamp.gid, group, what);
}

int main() {
  sockaddr_un address{AF_UNIX, "service"};
  auto* name = reinterpret_cast<sockaddr*>(&address);
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, name, sizeof address), "bind");
  must(chmod("service", 0777), "chmod");
  must(listen(listener, 3), "listen");
  const pid_t other = child_in(SYS_read, [&] {
    const gid_t groups[] = {0x10001, 0x10002};
    must(setgroups(2, groups), "setgroups");
    must(setresgid(5678, 5678, 5678), "setresgid");
    must(setresuid(1234, 1234, 1234), "setresuid");
    const int client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    must(connect(client, name, sizeof address), "connect");
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
    char byte;
    must(read(client, &byte, 1), "child's read");
    check_stamp(client, getppid(), 0, 0, "what the client sees");
    for (int end : pair) check_stamp(end, getpid(), 1234, 5678, "what the pair's ends see");
    gid_t found[4] = {};
    socklen_t size = sizeof found;
    must(getsockopt(pair[0], SOL_SOCKET, 59 /* SO_PEERGROUPS */, found, &size), "SO_PEERGROUPS");
    check_equal(size, sizeof groups, "size of SO_PEERGROUPS");
    check_equal(found[1], groups[1], "second group");
  });
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  ready_and_wait();
  check_stamp(server, other, 1234, 5678, "what the server sees");
  must(write(server, "x", 1), "write");
  check_exit(other);
  pass();
}
