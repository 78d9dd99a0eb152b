// keyrings(7): a keyring of the process with a key in it can't be read back.
// refused: it has a keyring for this process
#include <linux/keyctl.h>

#include "program.h"

int main() {
  const long key = syscall(SYS_add_key, "user", "cairn test", "secret", 6, KEY_SPEC_PROCESS_KEYRING);
  if (key < 0) skip("no keys here");
  ready_and_wait();
  char text[16] = {};
  check_equal(syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text), 6, "size of the key");
  pass();
}
