#include "kernel/storage.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "kernel/calls.h"
#include "kernel/described_object.h"
#include "kernel/seam.h"

namespace cairn::kernel {

bool try_lock_exclusive(int fd) {
  long result = call("flock", SYS_flock, fd, LOCK_EX | LOCK_NB);
  if (result == -EWOULDBLOCK) return false;
  if (result < 0) fail("flock", describe_descriptor(fd), result);
  return true;
}

bool try_make_directory(const std::string& path, mode_t mode) {
  long result = call("mkdirat", SYS_mkdirat, AT_FDCWD, arg(path.c_str()), mode);
  if (result == -EEXIST) return false;
  if (result < 0) fail("mkdir", path, result);
  return true;
}

int try_rename(const std::string& from, const std::string& to, unsigned flags) {
  return static_cast<int>(
      call("renameat2", SYS_renameat2, AT_FDCWD, arg(from.c_str()), AT_FDCWD, arg(to.c_str()), flags));
}

void change_mode(int fd, mode_t mode) {
  long result = call("fchmod", SYS_fchmod, fd, mode);
  if (result < 0) fail("chmod", describe_descriptor(fd), result);
}

void change_owner(int fd, uid_t owner, gid_t group) {
  long result = call("fchown", SYS_fchown, fd, owner, group);
  if (result < 0) fail("chown", describe_descriptor(fd), result);
}

void set_times(int fd, const timespec& accessed, const timespec& modified) {
  const timespec times[] = {accessed, modified};
  long result = call("utimensat", SYS_utimensat, fd, 0, arg(times), 0);
  if (result < 0) fail("set times of", describe_descriptor(fd), result);
}

std::optional<uint64_t> try_seek_data(int fd, uint64_t offset) {
  long result = call("lseek", SYS_lseek, fd, static_cast<long>(offset), SEEK_DATA);
  if (result == -ENXIO) return std::nullopt;
  if (result < 0) fail("lseek", describe_descriptor(fd), result);
  return static_cast<uint64_t>(result);
}

dev_t kernel_memory_device() {
  static const dev_t kDevice = fstat(memfd("cairn", 0, 0).get()).st_dev;
  return kDevice;
}

bool try_preallocate(int fd, off_t offset, off_t size) {
  return call("fallocate", SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, offset, size) == 0;
}

long file_system_type(int fd) {
  struct statfs status {};
  long result = call("fstatfs", SYS_fstatfs, fd, arg(&status));
  if (result < 0) fail("fstatfs", describe_descriptor(fd), result);
  return status.f_type;
}

void random_bytes(void* data, size_t size) {
  // Up to 256 bytes are never cut short once the pool is initialised (getrandom(2)).
  CAIRN_ASSERT(size <= 256);
  long got = checked("getrandom", SYS_getrandom, arg(data), static_cast<long>(size), 0);
  CAIRN_ASSERT(static_cast<size_t>(got) == size);
}

}  // namespace cairn::kernel
