#include "graph/outside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string_view>

#include "kernel/calls.h"

namespace cairn::graph {
namespace {

bool is_nameless(std::string_view link) { return link.starts_with('/') && link.ends_with(" (deleted)"); }

std::string first_line(const std::optional<std::string>& text) {
  if (!text) return "?";
  return text->substr(0, text->find('\n'));
}

Outside::Holder holder(HostPid pid) {
  auto process = kernel::ProcDir::open(pid);
  return {pid, process ? first_line(process->try_read("comm")) : "?"};
}

// A fork of ours (the guard) has duplicates of what we have, another cairn what it has looked at for a moment.
bool is_cairn(const kernel::ProcDir& process) {
  static const std::string kOurs = kernel::read_link_at(AT_FDCWD, "/proc/self/exe");
  return process.try_read_link("exe") == kOurs;
}

template <typename Key>
std::optional<Outside::Holder> find(const std::multimap<Key, HostPid>& index, const Key& key) {
  auto place = index.find(key);
  return place == index.end() ? std::nullopt : std::optional(holder(place->second));
}

bool is_refusal(int error_number) { return error_number == EACCES || error_number == EPERM; }
bool is_gone(int error_number) { return error_number == ENOENT || error_number == ESRCH; }

}  // namespace

std::string Outside::Holder::text() const { return fmt::format("process {} ({})", pid.value, command); }

Outside::Outside(std::set<HostPid> inside) : inside_(std::move(inside)) {}

void Outside::each_process(void (Outside::*index)(const kernel::ProcDir&)) {
  for (HostPid pid : kernel::ProcDir::list_processes()) {
    if (inside_.contains(pid) || pid.value == ::getpid()) continue;
    auto process = kernel::ProcDir::open(pid);
    if (!process) continue;
    try {
      (this->*index)(*process);
    } catch (const Error& error) {
      if (is_refusal(error.error_number())) {
        sees_all_ = false;
      } else if (!is_gone(error.error_number())) {
        throw;
      }
    }
  }
}

void Outside::index_descriptors() {
  if (!has_descriptors_) each_process(&Outside::index_descriptors_of);
  has_descriptors_ = true;
}

void Outside::index_descriptors_of(const kernel::ProcDir& process) {
  if (is_cairn(process)) return;
  auto directory = kernel::try_open_at(process.fd(), "fd", O_RDONLY | O_DIRECTORY);
  if (!directory) return;
  for (const std::string& name : kernel::list_directory(directory->get())) {
    auto link = kernel::try_read_link_at(directory->get(), name);
    if (!link) continue;
    // Only nameless files are looked at: stat can hang where a file server has gone.
    if (is_nameless(*link)) {
      if (auto stat = kernel::try_stat_at(directory->get(), name)) {
        nameless_.emplace(File(stat->st_dev, stat->st_ino), process.pid());
      }
    }
    by_link_.emplace(std::move(*link), process.pid());
  }
}

void Outside::index_mappings() {
  if (!has_mappings_) each_process(&Outside::index_mappings_of);
  has_mappings_ = true;
}

void Outside::index_mappings_of(const kernel::ProcDir& process) {
  if (is_cairn(process)) return;
  auto text = process.try_read("maps");
  if (!text || text->find(" (deleted)") == std::string::npos) return;
  for (const kernel::MapsEntry& entry : kernel::parse_maps(*text)) {
    if (!entry.deleted) continue;
    mapped_.emplace(File(makedev(entry.device_major, entry.device_minor), entry.inode), process.pid());
  }
}

std::vector<HostPid> Outside::holders_of(const std::string& link) {
  index_descriptors();
  std::vector<HostPid> found;
  auto [begin, end] = by_link_.equal_range(link);
  for (auto place = begin; place != end; ++place) found.push_back(place->second);
  return found;
}

std::optional<Outside::Holder> Outside::holder_of(const std::string& link) {
  index_descriptors();
  return find(by_link_, link);
}

std::optional<Outside::Holder> Outside::holder_of_nameless(dev_t device, ino_t inode) {
  index_descriptors();
  return find(nameless_, File(device, inode));
}

std::optional<Outside::Holder> Outside::mapper_of_nameless(dev_t device, ino_t inode) {
  index_mappings();
  return find(mapped_, File(device, inode));
}

void Outside::index_ids() {
  if (has_ids_) return;
  has_ids_ = true;
  each_process(&Outside::index_ids_of);
  if (auto self = kernel::ProcDir::open({::getpid()})) index_ids_of(*self);
}

void Outside::index_ids_of(const kernel::ProcDir& process) {
  auto stat = process.try_stat();
  if (!stat) return;
  for (pid_t id : {process.pid().value, stat->group(), stat->session()}) ids_.try_emplace(id, process.pid());
}

std::optional<Outside::Holder> Outside::user_of_id(pid_t id) {
  index_ids();
  auto place = ids_.find(id);
  return place == ids_.end() ? std::nullopt : std::optional(holder(place->second));
}

bool Outside::sees_all() {
  index_descriptors();
  return sees_all_;
}

}  // namespace cairn::graph
