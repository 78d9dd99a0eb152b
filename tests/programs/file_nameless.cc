// open(2) O_TMPFILE: a file that never had a name; and one whose opened name is gone while another link lives.
// not yet: a removed name of a file that has another is refused by name
#include <sys/stat.h>

#include "program.h"

int main() {
  const int nameless = must(open(".", O_TMPFILE | O_RDWR, 0600), "open O_TMPFILE");
  must(write(nameless, "never named", 11), "write");
  const int linked = must(open("first", O_RDWR | O_CREAT, 0600), "open");
  must(write(linked, "renamed", 7), "write");
  must(link("first", "second"), "link");
  must(unlink("first"), "unlink");
  ready_and_wait();
  char text[16] = {};
  must(pread(nameless, text, 11, 0), "pread");
  check_equal(text, "never named", "content");
  must(linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(nameless)).c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW),
       "linkat");
  must(pwrite(linked, "RE", 2, 0), "pwrite");
  check_equal(read_file("second"), "REnamed", "content of the link that is left");
  pass();
}
