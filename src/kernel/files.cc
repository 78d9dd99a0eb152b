// The file part of calls.h.
#include <linux/memfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "kernel/calls.h"
#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

bool says_gone(long result) { return result == -ENOENT || result == -ESRCH || result == -ENXIO || result == -ENOTDIR; }

long raw_open(int directory, const std::string& path, int flags, mode_t mode) {
  return call("openat", SYS_openat, directory, arg(path.c_str()), flags | O_CLOEXEC, mode);
}

// Appends all that can be read to `content`; 0, or a negative errno value.
long append_all(int fd, size_t limit, std::string& content) {
  // Most files of /proc fit at once; seq_file hands out the long ones (maps) page by page whatever is asked for.
  char buffer[64 * 1024];
  while (true) {
    long count = call("read", SYS_read, fd, arg(buffer), sizeof(buffer));
    if (count <= 0) return count;
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > limit)
      throw Error(fmt::format("read {}: longer than {} bytes", describe_descriptor(fd), limit));
  }
}

}  // namespace

std::string describe_descriptor(int fd) {
  // Not through the seam: this only words a failure that has happened already.
  char target[4096];
  ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), target, sizeof(target));
  if (length <= 0) return fmt::format("descriptor {}", fd);
  return std::string(target, static_cast<size_t>(length));
}

std::string describe_path(int directory, const std::string& path) {
  if (directory == AT_FDCWD || path.starts_with('/')) return path;
  return path.empty() ? describe_descriptor(directory) : describe_descriptor(directory) + "/" + path;
}

void fail(const char* call, const std::string& object, long negative_errno) {
  throw Error::system(fmt::format("{} {}", call, object), static_cast<int>(-negative_errno));
}

OwnedFd open(const std::string& path, int flags, mode_t mode) { return open_at(AT_FDCWD, path, flags, mode); }

OwnedFd open_at(int directory, const std::string& path, int flags, mode_t mode) {
  long fd = raw_open(directory, path, flags, mode);
  if (fd < 0) fail("open", describe_path(directory, path), fd);
  return OwnedFd(static_cast<int>(fd));
}

std::optional<OwnedFd> try_open_at(int directory, const std::string& path, int flags, mode_t mode) {
  long fd = raw_open(directory, path, flags, mode);
  if (says_gone(fd)) return std::nullopt;
  if (fd < 0) fail("open", describe_path(directory, path), fd);
  return OwnedFd(static_cast<int>(fd));
}

std::string read_all(int fd, size_t limit) {
  std::string content;
  long result = append_all(fd, limit, content);
  if (result < 0) fail("read", describe_descriptor(fd), result);
  return content;
}

std::optional<std::string> try_read_all(int fd, size_t limit) {
  std::string content;
  long result = append_all(fd, limit, content);
  if (result == -ESRCH) return std::nullopt;
  if (result < 0) fail("read", describe_descriptor(fd), result);
  return content;
}

std::string read_file(const std::string& path) { return read_all(open(path, O_RDONLY).get()); }

std::optional<std::string> try_read_link_at(int directory, const std::string& path) {
  std::string target(256, '\0');
  while (true) {
    long length = call("readlinkat", SYS_readlinkat, directory, arg(path.c_str()), arg(target.data()),
                       static_cast<long>(target.size()));
    if (says_gone(length)) return std::nullopt;
    if (length < 0) fail("readlink", describe_path(directory, path), length);
    if (static_cast<size_t>(length) < target.size()) {
      target.resize(static_cast<size_t>(length));
      return target;
    }
    target.resize(target.size() * 4);  // it filled the space: it may have been cut
  }
}

std::string read_link_at(int directory, const std::string& path) {
  auto target = try_read_link_at(directory, path);
  if (!target) fail("readlink", describe_path(directory, path), -ENOENT);
  return *target;
}

void write_all(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    long count = call("write", SYS_write, fd, arg(at), static_cast<long>(size));
    if (count == 0) count = -EIO;
    if (count < 0) fail("write", describe_descriptor(fd), count);
    at += count;
    size -= static_cast<size_t>(count);
  }
}

void pwrite_all(int fd, const void* data, size_t size, off_t offset) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    long count = call("pwrite64", SYS_pwrite64, fd, arg(at), static_cast<long>(size), offset);
    if (count == 0) count = -EIO;
    if (count < 0) fail("write", describe_descriptor(fd), count);
    at += count;
    size -= static_cast<size_t>(count);
    offset += count;
  }
}

void pread_exactly(int fd, void* data, size_t size, off_t offset) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    long count = call("pread64", SYS_pread64, fd, arg(at), static_cast<long>(size), offset);
    if (count < 0) fail("read", describe_descriptor(fd), count);
    if (count == 0)
      throw Error(fmt::format("read {}: ends at byte {}, {} more expected", describe_descriptor(fd), offset, size));
    at += count;
    size -= static_cast<size_t>(count);
    offset += count;
  }
}

struct stat fstat(int fd) {
  struct stat status {};
  long result = call("fstat", SYS_fstat, fd, arg(&status));
  if (result < 0) fail("fstat", describe_descriptor(fd), result);
  return status;
}

std::optional<struct stat> try_stat_at(int directory, const std::string& path, int flags) {
  struct stat status {};
  long result = call("newfstatat", SYS_newfstatat, directory, arg(path.c_str()), arg(&status), flags);
  if (says_gone(result)) return std::nullopt;
  if (result < 0) fail("stat", describe_path(directory, path), result);
  return status;
}

void fsync(int fd) {
  long result = call("fsync", SYS_fsync, fd);
  if (result < 0) fail("fsync", describe_descriptor(fd), result);
}

void ftruncate(int fd, off_t size) {
  long result = call("ftruncate", SYS_ftruncate, fd, size);
  if (result < 0) fail("ftruncate", describe_descriptor(fd), result);
}

void make_directory(const std::string& path, mode_t mode) {
  long result = call("mkdirat", SYS_mkdirat, AT_FDCWD, arg(path.c_str()), mode);
  if (result < 0) fail("mkdir", path, result);
}

void rename(const std::string& from, const std::string& to, unsigned flags) {
  long result = call("renameat2", SYS_renameat2, AT_FDCWD, arg(from.c_str()), AT_FDCWD, arg(to.c_str()), flags);
  if (result < 0) fail("rename", from + " to " + to, result);
}

void unlink_at(int directory, const std::string& path, int flags) {
  long result = call("unlinkat", SYS_unlinkat, directory, arg(path.c_str()), flags);
  if (result < 0) fail("unlink", describe_path(directory, path), result);
}

int fcntl(int fd, int command, long argument) {
  long result = call("fcntl", SYS_fcntl, fd, command, argument);
  if (result < 0) fail(fmt::format("fcntl {} of", command).c_str(), describe_descriptor(fd), result);
  return static_cast<int>(result);
}

OwnedFd duplicate(int fd) { return OwnedFd(fcntl(fd, F_DUPFD_CLOEXEC)); }

off_t seek(int fd, off_t offset, int whence) {
  long result = call("lseek", SYS_lseek, fd, offset, whence);
  if (result < 0) fail("lseek", describe_descriptor(fd), result);
  return result;
}

std::optional<std::vector<std::string>> try_list_directory(int directory) {
  struct Entry {  // struct linux_dirent64, getdents64(2)
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
  };
  std::vector<std::string> names;
  seek(directory, 0, SEEK_SET);
  alignas(Entry) char buffer[32 * 1024];
  while (true) {
    long size = call("getdents64", SYS_getdents64, directory, arg(buffer), sizeof(buffer));
    if (says_gone(size)) return std::nullopt;
    if (size < 0) fail("list", describe_descriptor(directory), size);
    if (size == 0) return names;
    for (long at = 0; at < size;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
      std::string_view name = entry->name;
      if (name != "." && name != "..") names.emplace_back(name);
      at += entry->length;
    }
  }
}

std::vector<std::string> list_directory(int directory) {
  auto names = try_list_directory(directory);
  if (!names) fail("list", describe_descriptor(directory), -ENOENT);
  return *names;
}

OwnedFd memfd(const std::string& name, unsigned flags, off_t size) {
  long fd = call("memfd_create", SYS_memfd_create, arg(name.c_str()), flags | MFD_CLOEXEC);
  if (fd < 0) fail("memfd_create", name, fd);
  OwnedFd owned(static_cast<int>(fd));
  if (size > 0) ftruncate(owned.get(), size);
  return owned;
}

}  // namespace cairn::kernel
