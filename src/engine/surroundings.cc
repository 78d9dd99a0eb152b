#include "engine/surroundings.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "engine/init.h"
#include "kernel/calls.h"

namespace cairn::engine {
namespace {

// Those that an envelope adds.
bool comes_from_envelope(const std::string& link) {
  return link == "ns/user" || link == "ns/mnt" || link.starts_with("ns/pid");
}

struct Mount {
  std::string point, root, file_system;
  uint32_t device_major = 0, device_minor = 0;
  auto operator<=>(const Mount&) const = default;
};

std::multiset<Mount> mounts_in(const std::string& mountinfo) {
  std::multiset<Mount> mounts;
  for (const kernel::MountEntry& entry : kernel::parse_mountinfo(mountinfo)) {
    mounts.insert({entry.mount_point, entry.root, entry.file_system, entry.device_major, entry.device_minor});
  }
  return mounts;
}

// Without those that it has yet to reap.
std::vector<HostPid> living_children(const kernel::ProcDir& process) {
  std::vector<HostPid> living;
  std::istringstream ids(process.try_read(fmt::format("task/{}/children", process.pid().value)).value_or(""));
  for (pid_t id = 0; ids >> id;) {
    auto child = kernel::try_stat_of({id});
    if (child && !child->has_ended()) living.push_back({id});
  }
  return living;
}

}  // namespace

HostPid root_of_tree(HostPid named) {
  auto proc = kernel::ProcDir::open(named);
  if (!proc || !is_init(*proc)) return named;
  std::vector<HostPid> children = living_children(*proc);
  if (children.empty()) return named;
  if (children.size() > 1) {
    throw Error(fmt::format("process {} is cairn-init and has several children ({} and others); name one of them",
                            named.value, children.front().value),
                Failure::kUsage);
  }
  return children.front();
}

std::optional<kernel::ProcDir> init_of(HostPid process) {
  HostPid self{::getpid()};
  auto own = kernel::try_read_link_at(AT_FDCWD, "/proc/self/ns/pid");
  for (HostPid pid = process; pid.value > 1 && pid != self;) {
    auto proc = kernel::ProcDir::open(pid);
    auto stat = proc ? proc->try_stat() : std::nullopt;
    if (!stat || proc->try_read_link("ns/pid") == own) return std::nullopt;
    if (is_init(*proc)) return proc;
    pid = {stat->parent()};
  }
  return std::nullopt;
}

Surroundings::Surroundings(HostPid root) : init_(init_of(root)) {
  if (init_) pids_ = kernel::PidNamespace::of(init_->pid());
}

std::optional<std::string> Surroundings::expected(const std::string& link) const {
  if (init_ && comes_from_envelope(link)) return init_->try_read_link(link);
  return kernel::try_read_link_at(AT_FDCWD, "/proc/self/" + link);
}

std::vector<std::string> Surroundings::added_mounts() const {
  std::vector<std::string> added;
  if (!init_) return added;
  std::multiset<Mount> known = mounts_in(kernel::read_file("/proc/self/mountinfo"));
  bool has_proc = false;  // the one that comes with the pid namespace
  for (const Mount& mount : mounts_in(init_->read("mountinfo"))) {
    if (auto place = known.find(mount); place != known.end()) {
      known.erase(place);
      continue;
    }
    bool is_proc = mount.point == "/proc" && mount.file_system == "proc";
    if (!is_proc || has_proc) added.push_back(mount.point);
    has_proc = has_proc || is_proc;
  }
  return added;
}

std::string Surroundings::path(const std::string& path) const { return init_ ? path_below(init_->pid(), path) : path; }

std::optional<HostPid> Surroundings::find(dev_t procfs, NamespacePid number) const {
  if (!init_) return HostPid{number.value};
  auto its = kernel::try_stat_at(init_->fd(), "root/proc");
  return its && its->st_dev == procfs ? pids_.find(number) : HostPid{number.value};
}

}  // namespace cairn::engine
