// refused: first thread has exited
// pthread_exit(3) of the main thread: the process goes on without its leader.
#include <pthread.h>

#include "program.h"

int main() {
  const pid_t leader = gettid();
  std::thread([leader] {
    const std::string state = "/proc/self/task/" + std::to_string(leader) + "/stat";
    while (read_file(state).find(") Z ") == std::string::npos) sleep_ms(1);
    ready_and_wait();
    check(read_file(state).find(") Z ") != std::string::npos, "the leader is no zombie: %s", read_file(state).c_str());
    check_equal(getpid(), leader, "process id");
    check(gettid() != leader, "thread id is %d", gettid());
    pass();
  }).detach();
  pthread_exit(nullptr);
}
