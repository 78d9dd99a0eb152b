// unix(7) SCM_CREDENTIALS: unread messages of two processes, datagrams and a stream, tell who sent each; one that was
// sent before anybody asked tells nobody.
// modes: not user (only root may send in the name of others)
#include <sys/socket.h>

#include "program.h"

static pid_t sender_of(int fd, char expected) {
  union {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(ucred))];
  } control{};
  char text[64] = {};
  iovec data{text, sizeof text};
  msghdr message{.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  must(recvmsg(fd, &message, MSG_DONTWAIT), "recvmsg");
  check_equal(text[0], expected, "content");
  check(message.msg_controllen >= CMSG_LEN(sizeof(ucred)), "no credentials");
  ucred credentials;
  memcpy(&credentials, CMSG_DATA(&control.header), sizeof credentials);
  check_equal(credentials.uid, credentials.pid == 0 ? 65534 : getuid(), "uid of the sender");
  return credentials.pid;
}

int main() {
  int pairs[2][2];
  const int types[] = {SOCK_DGRAM, SOCK_STREAM};
  const int one = 1;
  for (int i = 0; i < 2; i++) {
    must(socketpair(AF_UNIX, types[i], 0, pairs[i]), "socketpair");
    must(send(pairs[i][0], "0", 1, 0), "send before");
    must(setsockopt(pairs[i][1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one), "SO_PASSCRED");
    must(send(pairs[i][0], "1", 1, 0), "send");
  }
  int quit[2];
  must(pipe(quit), "pipe");
  const pid_t other = child_in(SYS_read, [&] {
    for (auto& pair : pairs) must(send(pair[0], "2", 1, 0), "child's send");
    char byte;
    must(read(quit[0], &byte, 1), "child's read");
  });
  ready_and_wait();
  for (auto& pair : pairs) {
    check_equal(sender_of(pair[1], '0'), 0, "who sent the first");
    check_equal(sender_of(pair[1], '1'), getpid(), "who sent the second");
    check_equal(sender_of(pair[1], '2'), other, "who sent the third");
  }
  must(write(quit[1], "x", 1), "write");
  check_exit(other);
  pass();
}
