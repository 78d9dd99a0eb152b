// modify_ldt(2): segments of all sorts in a table of the process's own, the last possible one too; a child that has
// emptied its table.
#include <asm/ldt.h>

#include <vector>

#include "program.h"

static std::vector<uint64_t> table() {
  std::vector<uint64_t> entries(LDT_ENTRIES);
  const size_t size = entries.size() * sizeof(entries[0]);
  check_equal(must(syscall(SYS_modify_ldt, 0, entries.data(), size), "modify_ldt"), size, "bytes of the table");
  return entries;
}

static void add(user_desc segment) { must(syscall(SYS_modify_ldt, 0x11, &segment, sizeof segment), "modify_ldt"); }

int main() {
  uint64_t first;
  const long size = syscall(SYS_modify_ldt, 0, &first, sizeof first);
  if (size < 0 && errno == ENOSYS) skip("this kernel has no modify_ldt(2)");
  check_equal(size, 0, "size of no table");
  add({.entry_number = 1, .base_addr = 0xfedc'ba98, .limit = 0xedcba, .seg_32bit = 1, .limit_in_pages = 1});
  add({.entry_number = 2, .base_addr = 0x1234, .limit = 0x12345, .seg_32bit = 1, .contents = 1, .useable = 1});
  add({.entry_number = 3, .limit = 7, .seg_32bit = 1, .contents = 2, .read_exec_only = 1});
  add({.entry_number = 700, .limit = 9, .seg_32bit = 1, .contents = 3, .seg_not_present = 1});
  add({.entry_number = LDT_ENTRIES - 1, .base_addr = 0x8000'0000, .seg_32bit = 1, .read_exec_only = 1});
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t emptied = child_in(SYS_read, [&] {
    for (const unsigned number : {1, 2, 3, 700, LDT_ENTRIES - 1})
      add({.entry_number = number, .read_exec_only = 1, .seg_not_present = 1});
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check(table() == std::vector<uint64_t>(LDT_ENTRIES), "the child's table isn't empty");
  });
  const std::vector<uint64_t> before = table();
  check(before[3] != 0 && before[4] == 0 && before[700] != 0 && before[LDT_ENTRIES - 1] != 0, "entries are missing");
  ready_and_wait();
  check(table() == before, "the table of segments has changed");
  must(write(ends[1], "x", 1), "write");
  check_exit(emptied);
  pass();
}
