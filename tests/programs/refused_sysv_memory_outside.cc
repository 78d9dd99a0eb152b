// refused: it has 2 attachments, of which 1 are in the tree
// shmat(2): a process that doesn't belong to the tree is attached too: an orphan that went to another parent.
#include <sys/ipc.h>
#include <sys/shm.h>

#include "program.h"

int main() {
  const int id = must(shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600), "shmget");
  volatile char* memory = must(static_cast<char*>(shmat(id, nullptr, 0)), "shmat");
  must(shmctl(id, IPC_RMID, nullptr), "IPC_RMID");
  memory[4096] = 's';
  int begun[2];
  must(pipe2(begun, O_CLOEXEC), "pipe2");
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      close(begun[0]);
      while (getppid() == self || getpgid(getppid()) == self) sleep_ms(1);
      close(begun[1]);
      const int64_t end = now() + 50 * kSecond;
      while (memory[0] == 0 && now() < end) sleep_ms(1);
    });
  });
  check_exit(parent);
  close(begun[1]);
  char byte;
  check_equal(must(read(begun[0], &byte, 1), "read"), 0, "bytes from the outsider");
  close(begun[0]);
  ready_and_wait();
  check_equal(memory[4096], 's', "content");
  memory[0] = 1;
  pass();
}
