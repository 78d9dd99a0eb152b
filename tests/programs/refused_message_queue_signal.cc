// refused: notified of a message in the queue .* with a value that shows nowhere
// mq_notify(3): a process that gets a signal for the next message; which value that brings can't be seen.
// own: semaphores
#include <mqueue.h>
#include <signal.h>

#include "program.h"

int main() {
  const std::string name = "/cairn." + std::to_string(getpid());
  mq_attr attributes{.mq_maxmsg = 2, .mq_msgsize = 8};
  const mqd_t queue = must(mq_open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
  sigevent event{};
  event.sigev_signo = SIGUSR1;
  event.sigev_value.sival_int = 42;
  must(mq_notify(queue, &event), "mq_notify");
  ready_and_wait();
  must(mq_send(queue, "x", 1, 0), "mq_send");
  siginfo_t info;
  must(sigwaitinfo(&set, &info), "sigwaitinfo");
  check_equal(info.si_value.sival_int, 42, "value");
  must(mq_unlink(name.c_str()), "mq_unlink");
  pass();
}
