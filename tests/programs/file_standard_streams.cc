// stdio(3): buffered text that was not written yet comes out once, after what was written before.
#include <sys/stat.h>

#include "program.h"

int main() {
  FILE* stream = fopen("buffered", "w+");
  fputs("written ", stream);
  fflush(stream);
  fputs("buffered ", stream);
  dprintf(1, "to stdout\n");
  ready_and_wait();
  fputs("late", stream);
  check_equal(fclose(stream), 0, "fclose");
  check_equal(read_file("buffered"), "written buffered late", "content");
  dprintf(1, "and more\n");
  check_equal(read_file(in_directory("stdout")), "to stdout\nand more\n", "stdout");
  char byte;
  check_equal(read(0, &byte, 1), 0, "read of stdin");
  pass();
}
