// refused: which has lost its name, is also open in process
// mq_overview(7): a queue without a name is also open in a process that doesn't belong to the tree: an orphan that went
// to another parent.
#include <mqueue.h>

#include "program.h"

int main() {
  const std::string name = "/cairn." + std::to_string(getpid());
  mq_attr attributes{.mq_maxmsg = 2, .mq_msgsize = 8};
  const mqd_t queue = must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  must(mq_unlink(name.c_str()), "mq_unlink");
  int begun[2];
  must(pipe2(begun, O_CLOEXEC), "pipe2");
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      close(begun[0]);
      while (getppid() == self || getpgid(getppid()) == self) sleep_ms(1);
      close(begun[1]);
      char text[8];
      must(mq_receive(queue, text, sizeof text, nullptr), "outsider's mq_receive");
    });
  });
  check_exit(parent);
  close(begun[1]);
  char byte;
  check_equal(must(read(begun[0], &byte, 1), "read"), 0, "bytes from the outsider");
  close(begun[0]);
  ready_and_wait();
  must(mq_send(queue, "x", 1, 0), "mq_send");
  pass();
}
