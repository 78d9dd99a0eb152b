// One thin function for each system call that Cairn makes. Failures are Errors that name the call and its object;
// functions called try_* return a negative errno value or an empty optional for the outcomes that a caller expects.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/owned_fd.h"
#include "kernel/seam.h"

namespace cairn::kernel {

// Files. Every descriptor that is opened here is close-on-exec.
OwnedFd open(const std::string& path, int flags, mode_t mode = 0);
OwnedFd open_at(int directory, const std::string& path, int flags, mode_t mode = 0);
// Empty for ENOENT, ESRCH, ENXIO and ENOTDIR: the object is gone.
std::optional<OwnedFd> try_open_at(int directory, const std::string& path, int flags, mode_t mode = 0);
// Reads to the end. At most `limit` bytes: more is an Error.
std::string read_all(int fd, size_t limit = size_t{1} << 30);
// Empty for ESRCH: the process whose /proc file this is has gone.
std::optional<std::string> try_read_all(int fd, size_t limit = size_t{1} << 30);
std::string read_file(const std::string& path);
std::string read_link_at(int directory, const std::string& path);
std::optional<std::string> try_read_link_at(int directory, const std::string& path);
void write_all(int fd, const void* data, size_t size);
void pwrite_all(int fd, const void* data, size_t size, off_t offset);
// Reads exactly `size` bytes; an early end of file is an Error.
void pread_exactly(int fd, void* data, size_t size, off_t offset);
struct stat fstat(int fd);
std::optional<struct stat> try_stat_at(int directory, const std::string& path, int flags = 0);
void fsync(int fd);
void ftruncate(int fd, off_t size);
void make_directory(const std::string& path, mode_t mode);
// renameat2(2); `flags` RENAME_NOREPLACE or RENAME_EXCHANGE.
void rename(const std::string& from, const std::string& to, unsigned flags);
void unlink_at(int directory, const std::string& path, int flags = 0);
int fcntl(int fd, int command, long argument = 0);
OwnedFd duplicate(int fd);
off_t seek(int fd, off_t offset, int whence);
std::vector<std::string> list_directory(int directory);                     // rewinds first; names, without . and ..
std::optional<std::vector<std::string>> try_list_directory(int directory);  // empty: what it is about is gone
OwnedFd memfd(const std::string& name, unsigned flags, off_t size);

// Processes.
OwnedFd pidfd_open(HostPid pid, unsigned flags = 0);
std::optional<OwnedFd> try_pidfd_open(HostPid pid, unsigned flags = 0);
// Empty when the descriptor is not open (EBADF) or the task is gone (ESRCH).
std::optional<OwnedFd> try_pidfd_getfd(int pidfd, int fd);
// 0 equal, 1 or 2 ordered, 3 different; kcmp(2). Negative errno on failure.
int try_kcmp(HostPid a, HostPid b, int type, unsigned long index_a = 0, unsigned long index_b = 0);
// True when both of our descriptors refer to one open file description (F_DUPFD_QUERY, Linux 6.10; kcmp before that).
bool same_description(int a, int b);
// Bytes read, or negative errno. Partial reads are possible.
ssize_t try_process_vm_readv(HostPid pid, std::span<const iovec> local, std::span<const iovec> remote);
ssize_t try_process_vm_writev(HostPid pid, std::span<const iovec> local, std::span<const iovec> remote);
// Sends a signal; false when the process is gone.
bool kill(HostPid pid, int signal);
bool tgkill(HostPid process, HostPid thread, int signal);
// waitpid(2) for one known id with WNOHANG or blocking according to `options`; empty when nothing has changed or
// (ECHILD) it isn't ours any more.
struct WaitResult {
  HostPid pid;
  int status;
};
std::optional<WaitResult> wait_for(HostPid pid, int options);
// Polls; returns the number of ready entries, 0 at the deadline.
int poll(std::span<pollfd> entries, std::optional<std::chrono::milliseconds> timeout);

// Passing descriptors over a unix socket (SCM_RIGHTS), at most 253 at a time. An empty payload travels as one zero
// byte, since a stream would drop descriptors that no byte carries. At most 64 KiB of payload are received; no
// descriptors and an empty payload mean that the other end has closed.
void send_descriptors(int socket, std::span<const int> fds, std::span<const std::byte> payload = {});
std::vector<OwnedFd> receive_descriptors(int socket, std::string* payload = nullptr);

}  // namespace cairn::kernel
