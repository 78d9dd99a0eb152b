// mq_overview(7): an empty message queue that has lost its name, with ends of all sorts in two processes.
#include <mqueue.h>
#include <sys/stat.h>

#include "program.h"

static const std::string name = "/cairn." + std::to_string(getpid());

static mqd_t make(mq_attr attributes, mode_t mode) {
  return must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, mode, &attributes), "mq_open");
}

static std::string receive(mqd_t queue, unsigned& priority) {
  char text[64];
  return {text, (size_t)must(mq_receive(queue, text, sizeof text, &priority), "mq_receive")};
}

int main() {
  const mqd_t queue = make({.mq_maxmsg = 3, .mq_msgsize = 17}, 0640);
  must(fchmod(queue, 0400), "fchmod");  // nobody but root can open it for writing any more
  const mqd_t reader = must(mq_open(name.c_str(), O_RDONLY | O_NONBLOCK), "mq_open");
  must(mq_unlink(name.c_str()), "mq_unlink");
  const pid_t other = child_in(SYS_mq_timedreceive, [&] {
    unsigned priority = 0;
    check_equal(receive(queue, priority), "hello", "message");
    check_equal(priority, 7, "priority");
    must(mq_send(queue, "back", 4, 0), "mq_send");
  });
  ready_and_wait();
  struct stat stat;
  must(fstat(queue, &stat), "fstat");
  check_equal(stat.st_mode & 07777, 0400, "mode");
  check_equal(stat.st_nlink, 0, "links");
  mq_attr attributes;
  must(mq_getattr(reader, &attributes), "mq_getattr");
  check_equal(attributes.mq_flags, O_NONBLOCK, "flags of the reader");
  check_equal(attributes.mq_maxmsg, 3, "most messages");
  check_equal(attributes.mq_msgsize, 17, "size of a message");
  must(mq_send(queue, "hello", 5, 7), "mq_send");
  check_exit(other);
  unsigned priority = 0;
  check_equal(receive(reader, priority), "back", "answer");
  check(mq_open(name.c_str(), O_RDONLY) == -1 && errno == ENOENT, "the queue has a name again");
  pass();
}
