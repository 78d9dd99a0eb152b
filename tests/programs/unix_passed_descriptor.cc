// unix(7) SCM_RIGHTS: descriptors in flight, one of which no process holds otherwise, arrive with their message.
#include <sys/socket.h>

#include "program.h"

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(2 * sizeof(int))];
};

int main() {
  int pair[2], pipe_ends[2];
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
  must(pipe(pipe_ends), "pipe");
  const int only = must(open("only in flight", O_RDWR | O_CREAT, 0600), "open");
  must(write(only, "content", 7), "write");
  Control control{};
  iovec data{const_cast<char*>("two"), 3};
  msghdr message{.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.header = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  const int sent[2] = {pipe_ends[1], only};
  memcpy(CMSG_DATA(&control.header), sent, sizeof sent);
  must(sendmsg(pair[0], &message, 0), "sendmsg");
  close(only);
  ready_and_wait();
  char buffer[8] = {};
  data = {buffer, sizeof buffer};
  check_equal(must(recvmsg(pair[1], &message, MSG_DONTWAIT), "recvmsg"), 3, "bytes");
  check_equal(control.header.cmsg_len, CMSG_LEN(2 * sizeof(int)), "length of the control message");
  int got[2];
  memcpy(got, CMSG_DATA(&control.header), sizeof got);
  must(write(got[0], "through", 7), "write to the passed end");
  check_equal(must(read(pipe_ends[0], buffer, 7), "read"), 7, "bytes through the pipe");
  check_equal(lseek(got[1], 0, SEEK_CUR), 7, "position of the passed file");
  pass();
}
