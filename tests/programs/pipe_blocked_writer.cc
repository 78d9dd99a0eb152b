// varies: cpu#*/r* (an interrupted write gives the count of its part, and goes on with the rest)
// pipe(7): a thread waits in write on a full pipe; all that it wrote arrives, once and in order.
// modes: not twice (the blocked write goes on by itself between the two checkpoints)
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  std::string text(200'000, ' ');
  for (size_t i = 0; i < text.size(); i++) text[i] = char(i % 251);
  ssize_t written = 0;
  std::thread writer = thread_in(SYS_write, [&] {
    // A write that was interrupted after a part gives the count of that part, as write(2) says.
    while (written < ssize_t(text.size()))
      written += must(write(ends[1], &text[written], text.size() - written), "write");
    close(ends[1]);
  });
  ready_and_wait();
  std::string got;
  char buffer[3000];
  for (ssize_t n; (n = must(read(ends[0], buffer, sizeof buffer), "read")) > 0;) got.append(buffer, n);
  writer.join();
  check_equal(got.size(), text.size(), "bytes that arrived");
  check(got == text, "they are not those that were written");
  pass();
}
