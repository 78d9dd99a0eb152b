// refused: has its system calls dispatched to itself .* without a selector
// prctl(2) PR_SET_SYSCALL_USER_DISPATCH: no call from outside the C library can be made in such a task.
#include <link.h>
#include <sys/prctl.h>

#include "program.h"

constexpr int kSetDispatch = 59, kOn = 1;  // PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON of linux/prctl.h, 5.11

// The executable code around an address.
struct Code {
  uintptr_t address, start = 0, size = 0;
};

static int find_code(dl_phdr_info* object, size_t, void* data) {
  Code& code = *(Code*)data;
  for (int n = 0; n < object->dlpi_phnum; ++n) {
    const ElfW(Phdr)& part = object->dlpi_phdr[n];
    const uintptr_t start = object->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && code.address - start < part.p_memsz) code = {code.address, start, part.p_memsz};
  }
  return 0;
}

int main() {
  Code library{(uintptr_t)&prctl};
  dl_iterate_phdr(find_code, &library);
  check(library.size != 0, "the C library is nowhere");
  must(prctl(kSetDispatch, kOn, library.start, library.size, nullptr), "PR_SET_SYSCALL_USER_DISPATCH");
  ready_and_wait();
  pass();
}
