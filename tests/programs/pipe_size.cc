// pipe(7): F_SETPIPE_SZ of 1 MiB holds, and the pipe is nearly full of data in small pieces.
#include "program.h"

int main() {
  int ends[2];
  must(pipe2(ends, O_NONBLOCK), "pipe2");
  must(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), "F_SETPIPE_SZ");
  std::string block(4096, 'a');
  for (int i = 0; i < 250; i++) {
    block[0] = char(i);
    must(write(ends[1], block.data(), block.size()), "write");
  }
  ready_and_wait();
  check_equal(fcntl(ends[0], F_GETPIPE_SZ), 1 << 20, "size");
  for (int i = 0; i < 6; i++) must(write(ends[1], block.data(), block.size()), "write of the rest");
  check(write(ends[1], "x", 1) == -1 && errno == EAGAIN, "more fits in than should");
  for (int i = 0; i < 250; i++) {
    check_equal(must(read(ends[0], block.data(), block.size()), "read"), 4096, "bytes");
    check(block[0] == char(i) && block[4095] == 'a', "block %d is wrong", i);
  }
  pass();
}
