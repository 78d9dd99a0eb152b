// clone(2): a child process that shares memory, descriptors, directory and signal handlers without being a thread.
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "program.h"

static int ends[2];
static std::atomic<int> stage = 0;

static int share(void*) {
  char byte;
  must(read(ends[0], &byte, 1), "child's read");
  const int fd = must(open("made", O_RDWR | O_CREAT, 0666), "child's open");
  must(dup2(fd, 77), "child's dup2");
  must(chdir("below"), "child's chdir");
  signal(SIGUSR1, SIG_IGN);
  stage = 1;
  return 6;
}

int main() {
  must(mkdir("below", 0755), "mkdir");
  must(pipe(ends), "pipe");
  constexpr size_t kStack = 256 << 10;
  char* stack = must(
      static_cast<char*>(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  const pid_t other =
      must(clone(share, stack + kStack, CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD, nullptr), "clone");
  wait_until_in(other, SYS_read);
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  check_exit(other, 6);
  check_equal(stage.load(), 1, "stage in common memory");
  must(write(77, "common", 6), "write to the child's descriptor");
  check_equal(access("../made", F_OK), 0, "the common directory");
  raise(SIGUSR1);  // it would kill us had the child not set the common action
  pass();
}
