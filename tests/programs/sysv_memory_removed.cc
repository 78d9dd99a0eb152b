// shmctl(2) IPC_RMID: a segment that was removed lives until the last one detaches.
// own: semaphores
// modes: not user (it is told to root only)
// modes: not namespaces (it is told to root only)
#include <sys/ipc.h>
#include <sys/shm.h>

#include "program.h"

constexpr key_t kKey = 0x7a1234bd;

int main() {
  const int id = must(shmget(kKey, 8192, IPC_CREAT | IPC_EXCL | 0600), "shmget");
  char* memory = must(static_cast<char*>(shmat(id, nullptr, 0)), "shmat");
  must(shmctl(id, SHM_LOCK, nullptr), "SHM_LOCK");
  must(shmctl(id, IPC_RMID, nullptr), "IPC_RMID");
  memory[4096] = 's';
  ready_and_wait();
  check_equal(memory[4096], 's', "content");
  shmid_ds state;
  must(shmctl(id, IPC_STAT, &state), "IPC_STAT");
  check_equal(state.shm_perm.mode, 0600 | SHM_DEST | SHM_LOCKED, "mode");
  check_equal(state.shm_perm.__key, IPC_PRIVATE, "key");
  check_equal(state.shm_nattch, 1, "attachments");
  must(shmdt(memory), "shmdt");
  check(shmctl(id, IPC_STAT, &state) == -1, "the segment is still there");
  pass();
}
