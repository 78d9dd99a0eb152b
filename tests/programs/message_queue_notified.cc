// mq_notify(3): a process has asked for the next message of a queue without any sign (SIGEV_NONE), so that no other can
// ask.
// own: semaphores
#include <mqueue.h>
#include <signal.h>

#include "program.h"

static const sigevent none = [] {
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  return event;
}();

static void check_busy(mqd_t queue) {
  check(mq_notify(queue, &none) == -1 && errno == EBUSY, "nobody has asked for the next message");
}

int main() {
  const std::string name = "/cairn." + std::to_string(getpid());
  mq_attr attributes{.mq_maxmsg = 2, .mq_msgsize = 8};
  const mqd_t named = must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  const std::string other = name + ".other";
  const mqd_t nameless = must(mq_open(other.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  must(mq_unlink(other.c_str()), "mq_unlink");
  must(mq_notify(named, &none), "mq_notify");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t child = child_in(SYS_read, [&] {
    must(mq_notify(nameless, &none), "mq_notify");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_busy(named);
  });
  ready_and_wait();
  check_busy(nameless);
  check_busy(named);
  must(write(ends[1], "x", 1), "write");
  check_exit(child);
  must(mq_notify(nameless, &none), "mq_notify after the end of the child");
  must(mq_notify(named, nullptr), "take it back");
  must(mq_notify(named, &none), "mq_notify");
  pass();
}
