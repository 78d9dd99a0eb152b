// getdents64(2): a directory read half way goes on with the entries that are left, each once.
#include <dirent.h>
#include <sys/stat.h>

#include <set>

#include "program.h"

int main() {
  must(mkdir("many", 0755), "mkdir");
  for (int i = 0; i < 2000; i++) close(must(creat(("many/" + std::to_string(i)).c_str(), 0600), "creat"));
  const int fd = must(open("many", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
  std::set<std::string> names;
  const auto read_some = [&] {
    char buffer[1024];
    const long size = must(syscall(SYS_getdents64, fd, buffer, sizeof buffer), "getdents64");
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      check(names.insert(entry->d_name).second, "%s comes twice", entry->d_name);
      at += entry->d_reclen;
    }
    return size > 0;
  };
  for (int i = 0; i < 10; i++) read_some();
  ready_and_wait();
  while (read_some()) {
  }
  check_equal(names.size(), 2002u, "entries");
  pass();
}
