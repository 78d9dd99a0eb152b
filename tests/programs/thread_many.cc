// Threads: fifty of them keep their ids and names, and can be joined.
#include <sys/prctl.h>

#include <vector>

#include "program.h"

int main() {
  constexpr int kThreads = 50;
  std::vector<std::thread> threads;
  std::atomic<pid_t> ids[kThreads] = {};
  std::atomic<bool> on = false;
  for (int i = 0; i < kThreads; i++) {
    threads.emplace_back([&, i] {
      prctl(PR_SET_NAME, ("thread " + std::to_string(i)).c_str());
      ids[i] = gettid();
      on.wait(false);
      char name[17] = {};
      prctl(PR_GET_NAME, name);
      check_equal(name, "thread " + std::to_string(i), "name");
      check_equal(gettid(), ids[i].load(), "id");
    });
  }
  for (int i = 0; i < kThreads; i++)
    while (ids[i] == 0) sleep_ms(1);
  for (int i = 0; i < kThreads; i++) wait_until_in(ids[i], SYS_futex);
  ready_and_wait();
  for (int i = 0; i < kThreads; i++) {
    const std::string comm = "/proc/self/task/" + std::to_string(ids[i]) + "/comm";
    check_equal(read_file(comm), "thread " + std::to_string(i) + "\n", "comm");
  }
  on = true;
  on.notify_all();
  for (std::thread& thread : threads) thread.join();
  pass();
}
