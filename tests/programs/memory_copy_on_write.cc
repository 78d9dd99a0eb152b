// fork(2): private memory of parent, child and grandchild that was common and then changed by each of them.
#include <sys/mman.h>

#include "program.h"

constexpr size_t kPages = 1000;

static void check_pages(const char* memory, char own, size_t own_page, char inherited, size_t inherited_page) {
  for (size_t page = 0; page < kPages; page++) {
    const char expected = page == own_page ? own : page == inherited_page ? inherited : 'c';
    check(memory[page * 4096] == expected, "page %zu is %c, expected %c", page, memory[page * 4096], expected);
  }
}

int main() {
  char* memory =
      must(static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
           "mmap");
  memset(memory, 'c', kPages * 4096);
  int changed[2];
  must(pipe(changed), "pipe");
  const pid_t other = child_in(SYS_openat, [&] {
    memory[10 * 4096] = 's';
    const pid_t grandchild = child_in(SYS_openat, [&] {
      memory[20 * 4096] = 'g';
      must(write(changed[1], "x", 1), "write");
      wait_for_go();
      check_pages(memory, 'g', 20, 's', 10);
    });
    wait_for_go();
    check_pages(memory, 's', 10, 'c', 0);
    memory[11 * 4096] = '!';
    check_exit(grandchild);
  });
  char byte;
  must(read(changed[0], &byte, 1), "read");
  memory[30 * 4096] = 'p';  // changed by an ancestor after its descendants were born
  ready_and_wait();
  check_pages(memory, 'p', 30, 'c', 0);
  check_exit(other);
  check_equal(memory[11 * 4096], 'c', "what the child wrote now, seen by the parent");
  pass();
}
