// semop(2) SEM_UNDO: what the kernel takes back when the process ends, told of a process with threads here.
// refused: may have changed semaphores of set \d+ that are to be undone
// own: semaphores
#include <sys/sem.h>

#include "program.h"

int main() {
  const int set = must(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
  int hold[2];
  must(pipe(hold), "pipe");
  const pid_t holder = child_in(SYS_openat, [&] {
    std::thread other = thread_in(SYS_read, [&] {
      char byte;
      must(read(hold[0], &byte, 1), "read");
    });
    sembuf add{0, 5, SEM_UNDO};
    must(semop(set, &add, 1), "semop");
    wait_for_go();
    must(write(hold[1], "x", 1), "write");
    other.join();
  });
  ready_and_wait();
  check_exit(holder);
  check_equal(must(semctl(set, 0, GETVAL), "GETVAL"), 0, "value after the end of the holder");
  must(semctl(set, 0, IPC_RMID), "IPC_RMID");
  pass();
}
