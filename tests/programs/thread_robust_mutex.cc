// pthread_mutexattr_setrobust(3): the kernel still knows the list of held mutexes: when the holder dies the next one
// hears.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include <pthread.h>
#include <sys/mman.h>

#include "program.h"

int main() {
  auto* mutex = must(
      static_cast<pthread_mutex_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
      "mmap");
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(mutex, &attributes);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t holder = child_in(SYS_read, [&] {
    pthread_mutex_lock(mutex);
    char byte;
    must(read(ends[0], &byte, 1), "read");
    _exit(7);  // with the mutex held
  });
  ready_and_wait();
  check_equal(pthread_mutex_trylock(mutex), EBUSY, "trylock while the holder lives");
  must(write(ends[1], "x", 1), "write");
  check_exit(holder, 7);
  check_equal(pthread_mutex_lock(mutex), EOWNERDEAD, "lock after the holder's death");
  check_equal(pthread_mutex_consistent(mutex), 0, "making it consistent");
  pass();
}
