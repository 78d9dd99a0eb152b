// getauxval(3): what the kernel told the program at its start, among it 16 random bytes and the vdso, is still true.
#include <sys/auxv.h>

#include "program.h"

int main() {
  const unsigned long types[] = {AT_RANDOM, AT_SYSINFO_EHDR, AT_PHDR, AT_ENTRY, AT_HWCAP, AT_EXECFN, AT_MINSIGSTKSZ};
  unsigned long values[7];
  for (int i = 0; i < 7; i++) values[i] = getauxval(types[i]);
  char random[16];
  memcpy(random, reinterpret_cast<void*>(values[0]), sizeof random);
  ready_and_wait();
  for (int i = 0; i < 7; i++) check_equal(getauxval(types[i]), values[i], "a value");
  check(memcmp(random, reinterpret_cast<void*>(values[0]), sizeof random) == 0, "the random bytes have changed");
  check(memcmp(reinterpret_cast<void*>(values[1]), "\177ELF", 4) == 0, "there is no vdso at its place");
  pass();
}
