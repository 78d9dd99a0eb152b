// refused: which has lost its name, holds 1 messages
// mq_overview(7): a message in a queue without a name can't be read without taking it away.
#include <mqueue.h>

#include "program.h"

int main() {
  const std::string name = "/cairn." + std::to_string(getpid());
  mq_attr attributes{.mq_maxmsg = 2, .mq_msgsize = 8};
  const mqd_t queue = must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  must(mq_unlink(name.c_str()), "mq_unlink");
  must(mq_send(queue, "x", 1, 0), "mq_send");
  ready_and_wait();
  char text[8];
  check_equal(must(mq_receive(queue, text, sizeof text, nullptr), "mq_receive"), 1, "size of the message");
  pass();
}
