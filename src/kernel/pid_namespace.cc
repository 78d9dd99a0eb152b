#include "kernel/pid_namespace.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <iterator>

#include "kernel/calls.h"

namespace cairn::kernel {
namespace {

constexpr unsigned long kGetPidFromPidns = _IOR(0xb7, 0x6, int);  // NS_GET_PID_FROM_PIDNS of linux/nsfs.h, 6.11

NamespacePid last_of(const KeyValues& status, const char* key) {
  std::vector<int64_t> ids = status.numbers(key);
  if (ids.empty()) throw Error(fmt::format("/proc/PID/status has no {}", key));
  return {static_cast<pid_t>(ids.back())};
}

// Of other users' processes we may not know.
std::string space_of(const ProcDir& task) {
  std::string link(64, '\0');
  long length = call("readlinkat", SYS_readlinkat, task.fd(), arg("ns/pid"), arg(link.data()), std::ssize(link));
  link.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return link;
}

std::optional<HostPid> find_thread(const ProcDir& process, NamespacePid wanted) {
  for (int id : process.try_list_numbers("task").value_or(std::vector<int>())) {
    auto thread = ProcDir::open(process.pid(), {id});
    auto text = thread ? thread->try_read("status") : std::nullopt;
    if (text && innermost_ids(KeyValues::parse(*text)).thread == wanted) return thread->pid();
  }
  return std::nullopt;
}

}  // namespace

NamespaceIds innermost_ids(const KeyValues& status) {
  return {last_of(status, "NStgid"), last_of(status, "NSpid"), last_of(status, "NSpgid"), last_of(status, "NSsid")};
}

PidNamespace PidNamespace::of(HostPid member) {
  PidNamespace space;
  std::string path = fmt::format("/proc/{}/ns/pid", member.value);
  std::string link = read_link_at(AT_FDCWD, path);
  if (link == read_link_at(AT_FDCWD, "/proc/self/ns/pid")) return space;
  space.file_ = open(path, O_RDONLY);
  space.link_ = link;
  return space;
}

std::optional<HostPid> PidNamespace::find(NamespacePid id) const {
  if (is_own()) return HostPid{id.value};
  long result = call("ioctl", SYS_ioctl, file_.get(), kGetPidFromPidns, id.value);
  if (result == -ENOTTY || result == -EINVAL) return search(id);
  if (result == -ESRCH) return std::nullopt;
  if (result < 0)
    throw Error::system(fmt::format("find process {} of a pid namespace", id.value), static_cast<int>(-result));
  return HostPid{static_cast<pid_t>(result)};
}

std::optional<HostPid> PidNamespace::search(NamespacePid id) const {
  for (HostPid pid : ProcDir::list_processes()) {
    auto process = ProcDir::open(pid);
    if (!process || space_of(*process) != link_) continue;
    if (auto found = find_thread(*process, id)) return found;
  }
  return std::nullopt;
}

}  // namespace cairn::kernel
