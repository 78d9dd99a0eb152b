// mlockall(2) MCL_FUTURE: what is mapped later is locked too.
// needs: root
#include <sys/mman.h>

#include "program.h"

static bool is_locked(void* address) {
  char start[32];
  snprintf(start, sizeof start, "%lx-", reinterpret_cast<unsigned long>(address));
  const std::string maps = read_file("/proc/self/smaps");
  const size_t at = maps.find(start), flags = maps.find("VmFlags:", at);
  check(at != std::string::npos, "no mapping at %s", start);
  return maps.substr(flags, maps.find('\n', flags) - flags).find(" lo") != std::string::npos;
}

int main() {
  must(mlockall(MCL_FUTURE), "mlockall");
  ready_and_wait();
  char* later = must(static_cast<char*>(mmap(nullptr, 5 * 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), "mmap");
  check(is_locked(later), "a new mapping is not locked");
  pass();
}
