// needs: root
// credentials(7): a child with other real, effective, saved and file system ids, other groups, no capabilities.
#include <grp.h>
#include <sys/fsuid.h>

#include "program.h"

int main() {
  const pid_t dropped = child_in(SYS_openat, [&] {
    const gid_t groups[] = {7, 0x8000'0001, 0xffff'fff0};
    must(setgroups(3, groups), "setgroups");
    must(setresgid(0x9000'0001, 0x9000'0002, 0x9000'0003), "setresgid");
    must(setresuid(0xa000'0001, 0xa000'0002, 0xa000'0003), "setresuid");
    wait_for_go();
    uid_t uids[3];
    gid_t gids[3], groups_now[8];
    getresuid(&uids[0], &uids[1], &uids[2]);
    getresgid(&gids[0], &gids[1], &gids[2]);
    bool right = uids[0] == 0xa000'0001 && uids[1] == 0xa000'0002 && uids[2] == 0xa000'0003;
    right = right && gids[0] == 0x9000'0001 && gids[1] == 0x9000'0002 && gids[2] == 0x9000'0003;
    right = right && getgroups(8, groups_now) == 3 && memcmp(groups, groups_now, sizeof groups) == 0;
    right = right && setfsuid(-1) == int(0xa000'0002) && setfsgid(-1) == int(0x9000'0002);
    right = right && open("/etc/shadow", O_RDONLY) == -1 && setuid(0) == -1;
    _exit(right ? 0 : 1);  // it may no longer write the status
  });
  ready_and_wait();
  check_exit(dropped);
  check_equal(getuid(), 0u, "uid of the parent");
  pass();
}
