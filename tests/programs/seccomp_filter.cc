// refused: seccomp
// seccomp(2): a filter of a child still forbids a call, lets others pass, and strict children stay strict.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t filtered = child_in(SYS_read, [&] {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 123),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{4, code};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "PR_SET_SECCOMP");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check(syscall(SYS_getpriority, 0, 0) == -1 && errno == 123, "the filter lets a forbidden call pass");
    check_equal(prctl(PR_GET_SECCOMP), SECCOMP_MODE_FILTER, "mode");
  });
  const pid_t strict = child_in(SYS_read, [&] {
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), "PR_SET_SECCOMP");
    char byte;
    const ssize_t n = read(ends[0], &byte, 1);
    syscall(SYS_exit, n == 1 ? 0 : 1);
  });
  ready_and_wait();
  must(write(ends[1], "xx", 2), "write");
  check_exit(filtered);
  check_exit(strict);
  pass();
}
