// mmap(2): a mapping that reaches beyond the end of its file: SIGBUS there before and after, content once it grows.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "program.h"

static sigjmp_buf back;

static bool bus_error_at(const char* address) {
  struct sigaction action {};
  action.sa_handler = [](int) { siglongjmp(back, 1); };
  sigaction(SIGBUS, &action, nullptr);
  if (sigsetjmp(back, 1)) return true;
  [[maybe_unused]] const volatile char byte = *const_cast<const volatile char*>(address);
  return false;
}

int main() {
  const int fd = must(open("short", O_RDWR | O_CREAT, 0600), "open");
  must(write(fd, "short", 5), "write");
  char* map = must(static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  char* copy = must(static_cast<char*>(mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)), "mmap");
  copy[1] = 'H';
  check(bus_error_at(map + 8192), "no SIGBUS beyond the file at first");
  ready_and_wait();
  check(bus_error_at(map + 8192) && bus_error_at(copy + 8192), "no SIGBUS beyond the file");
  must(ftruncate(fd, 4 * 4096), "ftruncate");
  check(!bus_error_at(map + 8192), "SIGBUS inside the file");
  check_equal(std::string(copy, 5), "sHort", "content of the copy");
  pass();
}
