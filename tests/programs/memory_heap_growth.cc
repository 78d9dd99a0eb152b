// brk(2): the heap has its content, and grows from where it ended.
#include "program.h"

int main() {
  char* begin = static_cast<char*>(sbrk(1 << 20));
  memset(begin, 'h', 1 << 20);
  char* end = static_cast<char*>(sbrk(0));
  ready_and_wait();
  check_equal(sbrk(0), end, "end of the heap");
  char* more = static_cast<char*>(sbrk(4 << 20));
  check_equal(more, end, "begin of what was added");
  memset(more, 'n', 4 << 20);
  check_equal(begin[0], 'h', "old content");
  check_equal(end[-1], 'h', "old content at the end");
  check_equal(brk(begin), 0, "shrinking");
  check_equal(sbrk(0), begin, "end after shrinking");
  pass();
}
