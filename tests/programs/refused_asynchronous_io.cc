// refused: the ring of an asynchronous I/O context
// io_setup(2): a context of the kernel's asynchronous I/O with an event that was not fetched.
#include <linux/aio_abi.h>

#include "program.h"

int main() {
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 8, &context) != 0) skip("asynchronous I/O is not allowed");
  const int fd = must(open("written", O_RDWR | O_CREAT, 0600), "open");
  iocb request{};
  request.aio_data = 0xdddd'0000'0000'0001;
  request.aio_lio_opcode = IOCB_CMD_PWRITE;
  request.aio_fildes = fd;
  request.aio_buf = reinterpret_cast<uint64_t>("text");
  request.aio_nbytes = 4;
  iocb* requests[] = {&request};
  must(syscall(SYS_io_submit, context, 1, requests), "io_submit");
  ready_and_wait();
  io_event event{};
  check_equal(must(syscall(SYS_io_getevents, context, 1, 1, &event, nullptr), "io_getevents"), 1, "events");
  check_equal(uint64_t{event.data}, 0xdddd'0000'0000'0001, "data of the event");
  pass();
}
