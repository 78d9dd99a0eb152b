// shmat(2): a segment of System V shared memory with id, key, owner and content; attached in two processes, for reading
// too, and in part.
// own: semaphores
// modes: not user (it is told to root only)
// modes: not namespaces (it is told to root only)
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "program.h"

constexpr size_t kPage = 4096, kSize = 5 * kPage + 100;
constexpr key_t kKey = 0x7a1234bc;

static shmid_ds state_of(int id) {
  shmid_ds state;
  must(shmctl(id, IPC_STAT, &state), "IPC_STAT");
  return state;
}

int main() {
  for (int n = 0; n < 3; ++n) must(shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "shmget");  // the host's
  const int id = must(shmget(kKey, kSize, IPC_CREAT | IPC_EXCL | 0640), "shmget");
  shmid_ds wanted = state_of(id);
  wanted.shm_perm.uid = 1234;
  wanted.shm_perm.gid = 2345;
  must(shmctl(id, IPC_SET, &wanted), "IPC_SET");
  volatile char* memory = must((char*)shmat(id, nullptr, 0), "shmat");
  volatile char* to_read = must((char*)shmat(id, nullptr, SHM_RDONLY), "shmat");
  char* part = must((char*)shmat(id, nullptr, 0), "shmat");
  must(munmap(part, kPage), "munmap");
  must(munmap(part + 3 * kPage, kPage), "munmap");
  must(mprotect(part + 4 * kPage, kPage, PROT_READ), "mprotect");
  for (size_t at : {size_t{0}, kPage, 4 * kPage, kSize - 1}) memory[at] = (char)('a' + at / kPage);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t other = child_in(SYS_read, [&] {
    must(shmdt(part), "shmdt");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(memory[kPage], 'B', "what the parent has written");
    memory[2 * kPage] = 'C';
  });
  const auto attached = state_of(id).shm_nattch;
  ready_and_wait();
  check_equal(shmget(kKey, 0, 0), id, "id of the key");
  const shmid_ds state = state_of(id);
  check_equal(state.shm_segsz, kSize, "size");
  check_equal(state.shm_nattch, attached, "attachments");
  check_equal(state.shm_perm.mode & 01777, 0640, "mode");
  check_equal(state.shm_perm.uid, 1234, "owner");
  check_equal(state.shm_perm.gid, 2345, "group");
  for (size_t at : {size_t{0}, kPage, 4 * kPage, kSize - 1})
    check_equal(to_read[at], 'a' + (int)(at / kPage), "content");
  check_equal(memory[2 * kPage], 0, "content");
  memory[kPage] = 'B';
  check_equal(part[kPage], 'B', "what is seen in the part");
  must(write(ends[1], "x", 1), "write");
  check_exit(other);
  check_equal(to_read[2 * kPage], 'C', "what the child has written");
  check(mprotect((void*)to_read, kPage, PROT_READ | PROT_WRITE) == -1, "the attachment for reading can be written to");
  must(mprotect(part + 4 * kPage, kPage, PROT_READ | PROT_WRITE), "mprotect");
  must(shmdt((void*)memory), "shmdt");
  must(shmdt((void*)to_read), "shmdt");
  check_equal(state_of(id).shm_nattch, 3, "parts of the attachment that is left");
  must(shmctl(id, IPC_RMID, nullptr), "IPC_RMID");
  pass();
}
