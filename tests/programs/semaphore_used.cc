// semop(2): semaphores are the host's; who has nothing to undo in them goes on using them by their number.
// own: semaphores
#include <sys/sem.h>

#include "program.h"

int main() {
  const int set = must(semget(IPC_PRIVATE, 2, IPC_CREAT | 0600), "semget");
  sembuf add{1, 5, 0};
  must(semop(set, &add, 1), "semop");
  ready_and_wait();
  check_equal(must(semctl(set, 1, GETVAL), "GETVAL"), 5, "value");
  sembuf take{1, -5, SEM_UNDO};
  must(semop(set, &take, 1), "semop");
  check_equal(must(semctl(set, 1, GETVAL), "GETVAL"), 0, "value");
  pass();
}
