// refused: bpf
// needs: root
// bpf(2): a descriptor of a map.
#include <linux/bpf.h>

#include "program.h"

int main() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  const int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
  if (fd < 0) skip("bpf is not allowed");
  ready_and_wait();
  check(fcntl(fd, F_GETFD) != -1, "the map is gone");
  pass();
}
