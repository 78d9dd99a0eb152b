// fcntl(2) F_NOTIFY: a signal for each change in a directory; for which changes shows nowhere.
// refused: told of changes in the directory \(dnotify\)
#include <signal.h>
#include <sys/stat.h>

#include "program.h"

static volatile sig_atomic_t changes = 0;

int main() {
  must(mkdir("watched", 0755), "mkdir");
  const int directory = must(open("watched", O_RDONLY | O_DIRECTORY), "open");
  signal(SIGIO, [](int) { changes = changes + 1; });
  if (fcntl(directory, F_NOTIFY, DN_CREATE) != 0) skip("no dnotify here");
  ready_and_wait();
  close(must(open("watched/file", O_WRONLY | O_CREAT, 0644), "open"));
  for (const int64_t end = now() + 20 * kSecond; changes == 0; sleep_ms(1)) check(now() < end, "no signal came");
  pass();
}
