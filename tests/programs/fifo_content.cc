// fifo(7): a named pipe with content, its ends opened apart; the path still leads to the same pipe.
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkfifo("queue", 0640), "mkfifo");
  const int reader = must(open("queue", O_RDONLY | O_NONBLOCK), "open to read");
  const int writer = must(open("queue", O_WRONLY | O_CLOEXEC), "open to write");
  must(write(writer, "in the fifo", 11), "write");
  ready_and_wait();
  const int third = must(open("queue", O_WRONLY | O_NONBLOCK), "open again");
  must(write(third, " and more", 9), "write");
  char text[64] = {};
  must(read(reader, text, sizeof text), "read");
  check_equal(text, "in the fifo and more", "content");
  close(third);
  close(writer);
  check_equal(read(reader, text, sizeof text), 0, "read without writers");
  pass();
}
