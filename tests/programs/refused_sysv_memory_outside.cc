// refused: it is System V shared memory
// shmget(2): an attached segment of the host's ipc namespace, which others may use too.
#include <sys/ipc.h>
#include <sys/shm.h>

#include "program.h"

int main() {
  const int id = must(shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600), "shmget");
  char* memory = must(static_cast<char*>(shmat(id, nullptr, 0)), "shmat");
  must(shmctl(id, IPC_RMID, nullptr), "IPC_RMID");
  memory[4096] = 's';
  ready_and_wait();
  check_equal(memory[4096], 's', "content");
  pass();
}
