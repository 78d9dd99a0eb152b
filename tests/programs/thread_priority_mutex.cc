// pthread_mutexattr_setprotocol(3) PTHREAD_PRIO_INHERIT: a thread waits in FUTEX_LOCK_PI, whose state is in the kernel.
#include <pthread.h>

#include "program.h"

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, &attributes);
  check_equal(pthread_mutex_lock(&mutex), 0, "lock");
  int order = 0;
  std::thread waiter = thread_in(SYS_futex, [&] {
    check_equal(pthread_mutex_lock(&mutex), 0, "the waiter's lock");
    check_equal(order, 1, "order");
    check_equal(pthread_mutex_unlock(&mutex), 0, "the waiter's unlock");
  });
  ready_and_wait();
  order = 1;
  check_equal(pthread_mutex_unlock(&mutex), 0, "unlock");
  waiter.join();
  check_equal(pthread_mutex_trylock(&mutex), 0, "trylock at last");
  pass();
}
