// refused: namespace
// needs: root
// uts_namespaces(7): a child with a host name of its own.
#include <sys/utsname.h>

#include "program.h"

int main() {
  utsname outside{};
  uname(&outside);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t apart = child_in(SYS_read, [&] {
    must(unshare(CLONE_NEWUTS), "unshare");
    must(sethostname("cairn-test", 10), "sethostname");
    must(setdomainname("example", 7), "setdomainname");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    utsname name{};
    uname(&name);
    check_equal(name.nodename, "cairn-test", "host name");
    check_equal(name.domainname, "example", "domain name");
  });
  ready_and_wait();
  utsname name{};
  uname(&name);
  check_equal(name.nodename, outside.nodename, "host name of the parent");
  must(write(ends[1], "x", 1), "write");
  check_exit(apart);
  pass();
}
