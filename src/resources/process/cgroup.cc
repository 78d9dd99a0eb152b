// cgroups(7): where a process is in each hierarchy, by path. It comes back to that place, which is a precondition
// unless cairn itself is there. What the groups allow and have counted belongs to the host. Threads of one process in
// different groups are refused.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/cgroups.h"
#include "resources/kind.h"
#include "resources/process/cgroup.pb.h"

namespace cairn::resources {
namespace {

using kernel::CgroupPlace;

const std::vector<CgroupPlace>& own_places() {
  static const std::vector<CgroupPlace> kPlaces = kernel::parse_cgroups(kernel::read_file("/proc/self/cgroup"));
  return kPlaces;
}

std::optional<std::string> directory_of(const image::CgroupPlace& place) {
  return kernel::directory_of({place.hierarchy(), place.path()});
}

class CgroupKind final : public AttributeKind<image::Cgroup, Level::kProcess> {
 public:
  Reading<image::Cgroup> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    std::string text = task.process().proc.read("cgroup");
    refuse_scattered_threads(context, task, text);
    return [state = state_of(context, kernel::parse_cgroups(text), "move it to another one")] {
      return std::optional(state);
    };
  }

  // In the hierarchies of version 1 a zombie is nowhere.
  std::optional<image::Cgroup> describe_remains(DescribeContext& context,
                                                const kernel::ProcDir& zombie) const override {
    std::vector<CgroupPlace> lines = kernel::parse_cgroups(zombie.read("cgroup"));
    std::erase_if(lines, [](const CgroupPlace& line) { return !line.hierarchy.empty(); });
    return state_of(context, lines, "let its parent wait for it");
  }

  void apply(RestoreContext&, const image::Cgroup& state, RestoredTask& task) const override {
    for (const image::CgroupPlace& place : state.places()) {
      if (is_own(place)) continue;
      auto directory = directory_of(place);
      if (!directory) throw Error(fmt::format("the cgroup hierarchy of {} is not mounted", place.path()));
      std::string path = *directory + "/cgroup.procs", pid = std::to_string(task.process().value);
      OwnedFd file = kernel::open(path, O_WRONLY);
      within([&] { return path; }, [&] { kernel::write_all(file.get(), pid.data(), pid.size()); });
    }
  }

  void check(CheckContext& context, const image::Cgroup& state) const override {
    for (const image::CgroupPlace& place : state.places()) {
      if (is_own(place)) continue;
      auto directory = directory_of(place);
      std::string name =
          fmt::format("cgroup {}{}{}", place.hierarchy(), place.hierarchy().empty() ? "" : ":", place.path());
      if (!directory || !kernel::try_stat_at(AT_FDCWD, *directory))
        context.add({name, "to be there, or to be cairn's own", false, "there is none"});
      else if (kernel::call("faccessat2", SYS_faccessat2, AT_FDCWD, kernel::arg((*directory + "/cgroup.procs").c_str()),
                            W_OK, AT_EACCESS) != 0)
        context.add({name, "the right to put processes into it", false, "none"});
    }
  }

 private:
  static image::Cgroup state_of(DescribeContext& context, const std::vector<CgroupPlace>& lines, const char* remedy) {
    image::Cgroup state;
    for (const CgroupPlace& line : lines) {
      if (line.path.ends_with(" (deleted)"))
        context.obstacle(fmt::format("its cgroup {} has been removed", line.path), remedy, "cgroups");
      image::CgroupPlace& place = *state.add_places();
      place.set_hierarchy(line.hierarchy);
      place.set_path(line.path);
    }
    return state;
  }

  static bool is_own(const image::CgroupPlace& place) {
    return std::ranges::find(own_places(), CgroupPlace{place.hierarchy(), place.path()}) != own_places().end();
  }

  static void refuse_scattered_threads(DescribeContext& context, const TaskView& task, const std::string& text) {
    for (const tracee::Task& thread : task.process().tasks) {
      if (thread.thread() == task.thread()) continue;
      auto other = task.process().proc.try_read(fmt::format("task/{}/cgroup", thread.thread().value));
      if (other && *other != text)
        return context.obstacle("its threads are in different cgroups", "put them into one", "cgroups");
    }
  }
};

}  // namespace

const Kind& cgroup_kind() {
  static const CgroupKind kKind;
  return kKind;
}

}  // namespace cairn::resources
