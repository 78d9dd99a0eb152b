// fork(2): sixty children, each with a pipe of its own to the parent.
#include <vector>

#include "program.h"

int main() {
  constexpr int kChildren = 60;
  std::vector<pid_t> children;
  std::vector<int> ends;
  for (int i = 0; i < kChildren; i++) {
    int down[2], up[2];
    must(pipe2(down, O_CLOEXEC), "pipe2");
    must(pipe2(up, O_CLOEXEC), "pipe2");
    children.push_back(child_in(SYS_read, [&] {
      int number = 0;
      must(read(down[0], &number, sizeof number), "child's read");
      number = number * 1000 + i;
      must(write(up[1], &number, sizeof number), "child's write");
    }));
    close(down[0]);
    close(up[1]);
    ends.push_back(down[1]);
    ends.push_back(up[0]);
  }
  ready_and_wait();
  for (int i = 0; i < kChildren; i++) must(write(ends[2 * i], &i, sizeof i), "write");
  for (int i = 0; i < kChildren; i++) {
    int number = 0;
    must(read(ends[2 * i + 1], &number, sizeof number), "read");
    check_equal(number, i * 1001, "answer");
    check_exit(children[i]);
  }
  pass();
}
