// needs: root
// capabilities(7): each of the five sets and the securebits of a child.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "program.h"

struct Sets {
  __user_cap_data_struct data[2];
};

static Sets get() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Sets sets{};
  must(syscall(SYS_capget, &header, sets.data), "capget");
  return sets;
}

int main() {
  const pid_t changed = child_in(SYS_openat, [&] {
    must(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP), "PR_SET_SECUREBITS");
    must(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT), "PR_CAPBSET_DROP");
    must(prctl(PR_CAPBSET_DROP, CAP_AUDIT_READ), "PR_CAPBSET_DROP");
    Sets sets = get();
    sets.data[0].effective = 1 << CAP_KILL | 1 << CAP_DAC_OVERRIDE;
    sets.data[0].inheritable = 1 << CAP_CHOWN | 1 << CAP_KILL;
    sets.data[1].inheritable = 1 << (CAP_BPF - 32);
    sets.data[1].effective = 0;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    must(syscall(SYS_capset, &header, sets.data), "capset");
    must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), "PR_CAP_AMBIENT_RAISE");
    const Sets before = get();
    wait_for_go();
    const Sets after = get();
    check(memcmp(&before, &after, sizeof before) == 0, "the sets have changed");
    check_equal(prctl(PR_GET_SECUREBITS), SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP, "securebits");
    check_equal(prctl(PR_CAPBSET_READ, CAP_SYS_BOOT), 0, "a dropped bound");
    check_equal(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1, "a bound that was kept");
    check_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1, "an ambient capability");
  });
  ready_and_wait();
  check_exit(changed);
  pass();
}
