// The system calls by which an image is put on disk and given its name; the ordinary file calls stand in calls.h.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace cairn::kernel {

// flock(2) with LOCK_EX | LOCK_NB; false when somebody else holds the lock. It lasts until the last duplicate of the
// descriptor is closed.
bool try_lock_exclusive(int fd);
// False when the path exists already, whatever it is.
bool try_make_directory(const std::string& path, mode_t mode);
// renameat2(2): 0 or a negative errno value.
int try_rename(const std::string& from, const std::string& to, unsigned flags);
void change_mode(int fd, mode_t mode);
void change_owner(int fd, uid_t owner, gid_t group);
void set_times(int fd, const timespec& accessed, const timespec& modified);
// lseek(2) with SEEK_DATA: where the next data at or after `offset` begins; empty when there are only holes.
std::optional<uint64_t> try_seek_data(int fd, uint64_t offset);
// The device number of the kernel's own tmpfs, which no path leads to: the files behind memfds, anonymous shared memory
// and System V segments.
dev_t kernel_memory_device();
// fallocate(2) with FALLOC_FL_KEEP_SIZE; false when it can't be had.
bool try_preallocate(int fd, off_t offset, off_t size);
// The magic number of the file system, fstatfs(2).
long file_system_type(int fd);
// getrandom(2), from the pool of /dev/urandom.
void random_bytes(void* data, size_t size);

}  // namespace cairn::kernel
