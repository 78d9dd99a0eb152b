// modify_ldt(2): segment registers of two threads that name entries of the table, and a child without any table.
#include <asm/ldt.h>
#include <sys/mman.h>

#include "program.h"

constexpr uint16_t selector_of(unsigned entry) { return (uint16_t)(entry << 3 | 7); }

static void add(unsigned number, void* base) {
  user_desc segment{};
  segment.entry_number = number;
  segment.base_addr = (unsigned)(uintptr_t)base;
  segment.limit = 0xfff;
  segment.seg_32bit = 1;
  if (syscall(SYS_modify_ldt, 0x11, &segment, sizeof segment) == 0) return;
  if (errno == ENOSYS) skip("this kernel has no modify_ldt(2)");
  fail("modify_ldt: %s", strerror(errno));
}

struct Selectors {
  uint16_t ds, es, gs;
};

static Selectors selectors() {
  Selectors is;
  asm volatile("mov %%ds, %0\nmov %%es, %1\nmov %%gs, %2" : "=r"(is.ds), "=r"(is.es), "=r"(is.gs));
  return is;
}

static uint64_t behind_gs() {
  uint64_t value;
  asm volatile("mov %%gs:8, %0" : "=r"(value));
  return value;
}

int main() {
  int child_ends[2], thread_ends[2];
  must(pipe(child_ends), "pipe");
  must(pipe(thread_ends), "pipe");
  const pid_t plain = child_in(SYS_read, [&] {
    char byte;
    must(read(child_ends[0], &byte, 1), "read");
    uint64_t entry;
    check_equal(syscall(SYS_modify_ldt, 0, &entry, sizeof entry), 0, "size of the child's table");
  });
  auto* memory = must(
      (uint64_t*)mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0), "mmap");
  memory[1] = 0x1234'5678'9abc'def0;
  memory[5] = 0xfedc'ba98'7654'3210;
  add(5, memory);
  add(9, memory + 4);
  const pid_t heir = child_in(SYS_read, [&] {  // it inherits the table
    asm volatile("mov %0, %%gs" : : "r"(selector_of(9)));
    char byte;
    must(read(child_ends[0], &byte, 1), "read");
    check_equal(behind_gs(), 0xfedc'ba98'7654'3210, "what lies behind gs of the child");
  });
  std::thread thread = thread_in(SYS_read, [&] {
    asm volatile("mov %0, %%gs\nmov %0, %%es" : : "r"(selector_of(9)));
    char byte;
    must(read(thread_ends[0], &byte, 1), "read");
    check_equal(selectors().gs, selector_of(9), "gs of the thread");
    check_equal(selectors().es, selector_of(9), "es of the thread");
    check_equal(behind_gs(), 0xfedc'ba98'7654'3210, "what lies behind gs of the thread");
  });
  asm volatile("mov %0, %%gs\nmov %1, %%ds" : : "r"(selector_of(5)), "r"(selector_of(9)));
  ready_and_wait();
  check_equal(selectors().gs, selector_of(5), "gs");
  check_equal(selectors().ds, selector_of(9), "ds");
  check_equal(selectors().es, 0, "es");
  check_equal(behind_gs(), 0x1234'5678'9abc'def0, "what lies behind gs");
  must(write(child_ends[1], "xx", 2), "write");
  must(write(thread_ends[1], "x", 1), "write");
  check_exit(plain);
  check_exit(heir);
  thread.join();
  pass();
}
