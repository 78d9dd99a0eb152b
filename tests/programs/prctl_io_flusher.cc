// prctl(2) PR_SET_IO_FLUSHER: a task that handles block I/O.
#include <sys/prctl.h>

#include "program.h"

int main() {
  if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0) skip("no right to be an I/O flusher");
  ready_and_wait();
  check_equal(must(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0), "PR_GET_IO_FLUSHER"), 1, "I/O flusher");
  pass();
}
