// Waits with a timeout, begun before: nanosleep, poll, futex, epoll_wait, select: none ends early, none with EINTR.
// modes: not again (its deadlines pass between the two restores)
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <functional>
#include <vector>

#include "program.h"

constexpr int kMilliseconds = 3000;

int main() {
  const int epoll = must(epoll_create1(0), "epoll_create1");
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  const std::pair<const char*, std::function<int()>> waits[] = {
      {"nanosleep",
       [] {
         timespec time{3, 0};
         return nanosleep(&time, nullptr);
       }},
      {"poll", [] { return poll(nullptr, 0, kMilliseconds); }},
      {"epoll_wait",
       [=] {
         epoll_event event;
         return epoll_wait(epoll, &event, 1, kMilliseconds);
       }},
      {"select",
       [] {
         timeval time{3, 0};
         return select(0, nullptr, nullptr, nullptr, &time);
       }},
      {"sem_clockwait",
       [&] {
         timespec end;
         clock_gettime(CLOCK_MONOTONIC, &end);
         end.tv_sec += 3;
         return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &end) == -1 && errno == ETIMEDOUT ? 0 : -1;
       }},
  };
  std::vector<std::thread> threads;
  for (const auto& [name, wait] : waits) {
    threads.emplace_back([name = name, wait = wait] {
      const int64_t begin = now();
      const int result = wait();
      check(result == 0, "%s gave %d, errno %d", name, result, errno);
      const int64_t passed = (now() - begin) / 1'000'000;
      check(passed >= kMilliseconds - 100 && passed < 60'000, "%s took %ld ms", name, passed);
    });
  }
  sleep_ms(50);
  ready_and_wait();
  for (std::thread& thread : threads) thread.join();
  pass();
}
