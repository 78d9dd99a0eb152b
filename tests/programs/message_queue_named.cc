// mq_overview(7): a message queue that has a name stays the host's, with its messages; its ends are opened anew: one
// that reads, one that writes, one that came to be through /proc.
// own: semaphores
#include <mqueue.h>

#include "program.h"

int main() {
  const std::string name = "/cairn." + std::to_string(getpid());
  mq_attr attributes{.mq_maxmsg = 5, .mq_msgsize = 32};
  const mqd_t made = must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  const mqd_t reader = must(mq_open(name.c_str(), O_RDONLY), "mq_open");
  const mqd_t writer = must(mq_open(name.c_str(), O_WRONLY | O_NONBLOCK), "mq_open");
  const std::string link = "/proc/self/fd/" + std::to_string(made);
  const int again = must(open(link.c_str(), O_RDONLY), "open");
  char text[32];
  must(lseek(made, 0, SEEK_SET), "lseek");
  must(read(made, text, 6), "read");
  must(mq_send(writer, "low", 3, 1), "mq_send");
  must(mq_send(writer, "high", 4, 32767), "mq_send");
  ready_and_wait();
  check_equal(lseek(made, 0, SEEK_CUR), 6, "position in the text");
  std::string messages;
  for (const unsigned expected : {32767u, 1u}) {
    unsigned priority = 0;
    const ssize_t size = must(mq_receive(reader, text, sizeof text, &priority), "mq_receive");
    check_equal(priority, expected, "priority");
    messages.append(text, (size_t)size);
  }
  check_equal(messages, "highlow", "messages");
  check(mq_receive(writer, text, sizeof text, nullptr) == -1 && errno == EBADF, "the writer reads");
  check(mq_send(reader, "x", 1, 0) == -1 && errno == EBADF, "the reader writes");
  // As they were, for whoever is restored from the same image.
  must(mq_send(writer, "low", 3, 1), "mq_send");
  must(mq_send(writer, "high", 4, 32767), "mq_send");
  mq_attr now;
  must(mq_getattr(again, &now), "mq_getattr");
  check_equal(now.mq_maxmsg, 5, "most messages");
  pass();
}
