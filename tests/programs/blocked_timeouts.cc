// Waits with a timeout, begun before: nanosleep, poll, futex, epoll_wait, select: none ends early, none with EINTR.
// deadline: 3
// modes: not again (its deadlines pass between the two restores)
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <functional>
#include <vector>

#include "program.h"

static const int kMilliseconds = int(soon() / 1'000'000);

int main() {
  const int epoll = must(epoll_create1(0), "epoll_create1");
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  const struct {
    const char* name;
    long call;  // in which the C library lets it wait
    std::function<int()> wait;
  } waits[] = {
      {"nanosleep", SYS_clock_nanosleep,
       [] {
         timespec time{kMilliseconds / 1000, 0};
         return nanosleep(&time, nullptr);
       }},
      {"poll", SYS_poll, [] { return poll(nullptr, 0, kMilliseconds); }},
      {"epoll_wait", SYS_epoll_wait,
       [=] {
         epoll_event event;
         return epoll_wait(epoll, &event, 1, kMilliseconds);
       }},
      {"select", SYS_pselect6,
       [] {
         timeval time{kMilliseconds / 1000, 0};
         return select(0, nullptr, nullptr, nullptr, &time);
       }},
      {"sem_clockwait", SYS_futex,
       [&] {
         timespec end;
         clock_gettime(CLOCK_MONOTONIC, &end);
         end.tv_sec += kMilliseconds / 1000;
         return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &end) == -1 && errno == ETIMEDOUT ? 0 : -1;
       }},
  };
  std::vector<std::thread> threads;
  for (const auto& [name, call, wait] : waits) {
    threads.push_back(thread_in(call, [name = name, wait = wait] {
      const int64_t begin = now();
      const int result = wait();
      check(result == 0, "%s gave %d, errno %d", name, result, errno);
      const int64_t passed = (now() - begin) / 1'000'000;
      check(passed >= kMilliseconds - 100 && passed < 20 * kMilliseconds, "%s took %ld ms", name, passed);
    }));
  }
  ready_and_wait();
  for (std::thread& thread : threads) thread.join();
  pass();
}
