#include "resources/terminals.h"

#include <linux/kcmp.h>
#include <sys/sysmacros.h>

#include "kernel/calls.h"
#include "resources/terminals.pb.h"

namespace cairn::resources {
namespace {

// Documentation/admin-guide/devices.txt; the numbers of Unix 98 slaves go on in the minor number.
constexpr unsigned kMultiplexerMajor = 5, kMultiplexerMinor = 2;
constexpr unsigned kSlaveMajor = 136;
constexpr const char* kIndex = "tty-index";

// The number of the terminal whose master this is, as fdinfo tells (Linux 4.11).
std::optional<unsigned> master_of(const kernel::ProcDir& process, int number) {
  auto link = process.try_read_link(fmt::format("fd/{}", number));
  if (!link || !link->ends_with("/ptmx")) return std::nullopt;
  auto text = process.try_read(fmt::format("fdinfo/{}", number));
  if (!text) return std::nullopt;
  kernel::KeyValues fdinfo = kernel::KeyValues::parse(*text);
  if (!fdinfo.has(kIndex)) return std::nullopt;
  return static_cast<unsigned>(fdinfo.number(kIndex));
}

// All masters of the tree, found once.
struct Masters {
  std::optional<std::map<unsigned, DescriptorOfTree>> found;

  void find(DescribeContext& context) {
    found.emplace();
    for (const tracee::HeldProcess& process : context.processes()) {
      if (process.zombie) continue;
      for (int number : process.proc.list_numbers("fd")) {
        if (auto pty = master_of(process.proc, number)) found->try_emplace(*pty, process.pid, number);
      }
    }
  }
};

// Who has a descriptor with this link that is the one.
std::optional<HostPid> outsider_with(DescribeContext& context, const std::string& link,
                                     const std::function<bool(const kernel::ProcDir&, int)>& is_it) {
  for (HostPid pid : context.outside().holders_of(link)) {
    auto process = kernel::ProcDir::open(pid);
    auto numbers = process ? process->try_list_numbers("fd") : std::nullopt;  // it isn't held, and may end meanwhile
    for (int number : numbers.value_or(std::vector<int>())) {
      if (is_it(*process, number)) return pid;
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_pty_master(const DescriptionView& view) {
  return view.is(S_IFCHR) && (view.flags() & O_PATH) == 0 &&
         view.stat().st_rdev == makedev(kMultiplexerMajor, kMultiplexerMinor);
}

bool is_pty_slave(const DescriptionView& view) {
  return view.is(S_IFCHR) && (view.flags() & O_PATH) == 0 && pty_of_device(view.stat().st_rdev);
}

std::optional<unsigned> pty_of_device(dev_t device) {
  if (major(device) != kSlaveMajor) return std::nullopt;
  return minor(device);
}

std::optional<DescriptorOfTree> find_master(DescribeContext& context, unsigned pty) {
  auto& masters = context.once<Masters>();
  if (!masters.found) masters.find(context);
  auto place = masters.found->find(pty);
  if (place == masters.found->end()) return std::nullopt;
  return place->second;
}

RecordId pty_of_master(DescribeContext& context, const DescriptorOfTree& master) {
  const graph::Record* record = context.records().find(context.description(master.first, master.second));
  if (record == nullptr || &record->state.schema() != &image::TerminalEnd::schema()) return {};
  return {record->as<image::TerminalEnd>().pty().id()};
}

std::optional<HostPid> master_outside(DescribeContext& context, const std::string& multiplexer, unsigned pty) {
  auto ours = find_master(context, pty);
  if (!ours) return std::nullopt;
  return outsider_with(context, multiplexer, [&](const kernel::ProcDir& process, int number) {
    if (master_of(process, number) != pty) return false;
    int order = kernel::try_kcmp(ours->first, process.pid(), KCMP_FILE, static_cast<unsigned long>(ours->second),
                                 static_cast<unsigned long>(number));
    bool has_gone = order == -ESRCH || order == -EBADF;  // it isn't held: it may end, or close, meanwhile
    return order <= 0 && !has_gone;
  });
}

std::optional<HostPid> slave_outside(DescribeContext& context, const std::string& path, const struct stat& node) {
  return outsider_with(context, path, [&](const kernel::ProcDir& process, int number) {
    auto link = process.try_read_link(fmt::format("fd/{}", number));
    if (link != path) return false;
    auto found = kernel::try_stat_at(process.fd(), fmt::format("fd/{}", number));
    return found && found->st_dev == node.st_dev && found->st_ino == node.st_ino;
  });
}

}  // namespace cairn::resources
