// refused: userfaultfd
// needs: root
// userfaultfd(2): a thread that serves the page faults of another.
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
  if (fd < 0) skip("userfaultfd is not allowed");
  uffdio_api api{UFFD_API, 0, 0};
  must(ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
  char* area =
      must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  uffdio_register range{{reinterpret_cast<uint64_t>(area), 4096}, UFFDIO_REGISTER_MODE_MISSING, 0};
  must(ioctl(fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
  ready_and_wait();
  std::thread server([&] {
    uffd_msg message;
    must(read(fd, &message, sizeof message), "read");
    static char page[4096] = {'u'};
    uffdio_copy copy{reinterpret_cast<uint64_t>(area), reinterpret_cast<uint64_t>(page), 4096, 0, 0};
    must(ioctl(fd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
  });
  check_equal(*static_cast<volatile char*>(area), 'u', "the served page");
  server.join();
  pass();
}
