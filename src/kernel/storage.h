// The system calls by which an image is put on disk and given its name; the ordinary file calls stand in calls.h.
#pragma once

#include <sys/types.h>

#include <cstddef>
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
// fallocate(2) with FALLOC_FL_KEEP_SIZE; false when it can't be had.
bool try_preallocate(int fd, off_t offset, off_t size);
// The magic number of the file system, fstatfs(2).
long file_system_type(int fd);
// getrandom(2), from the pool of /dev/urandom.
void random_bytes(void* data, size_t size);

}  // namespace cairn::kernel
