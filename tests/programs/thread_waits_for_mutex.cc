// futex(2): threads wait for a private mutex, a shared one of a parent, and a condition variable; each is woken.
#include <condition_variable>
#include <mutex>

#include "program.h"

int main() {
  std::mutex mutex;
  std::condition_variable condition;
  int stage = 0;
  std::unique_lock lock(mutex);
  std::thread for_mutex = thread_in(SYS_futex, [&] {
    std::lock_guard own(mutex);
    stage++;
  });
  std::mutex second;
  std::thread for_condition = thread_in(SYS_futex, [&] {
    std::unique_lock own(second);
    condition.wait(own, [&] { return stage == 1; });
    stage++;
  });
  ready_and_wait();
  check_equal(stage, 0, "stage while the mutex is held");
  lock.unlock();
  for_mutex.join();
  {
    std::lock_guard own(second);
    condition.notify_all();
  }
  for_condition.join();
  check_equal(stage, 2, "stage");
  pass();
}
