// Files and directories below /proc/PID of a process of the tree, such as an open /proc/self/status. They name a
// process, so they are opened again once it is born. Those that show memory hold on to the address space of that
// moment, which is the one that the process keeps.
//
// Refused by name: files of processes outside the tree or gone, and what names single descriptors, threads or mappings
// (fd/N, fdinfo/N, task/TID, map_files/...), which come to be later.
#include <fcntl.h>

#include <array>
#include <charconv>
#include <string_view>

#include "resources/file_path.h"
#include "resources/files/process_file.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr std::string_view kProc = "/proc/";
constexpr std::array<std::string_view, 4> kLater = {"fd/", "fdinfo/", "task/", "map_files/"};

struct Name {
  pid_t pid = 0;
  std::string rest;
};

Name split(const std::string& link) {
  const char* end = link.data() + link.size();
  Name name;
  const char* rest = std::from_chars(link.data() + kProc.size(), end, name.pid).ptr;
  if (rest != end && *rest == '/') ++rest;
  name.rest = std::string(rest, end);
  return name;
}

class ProcessFileKind final : public DescriptionKind<image::ProcessFile> {
 public:
  bool recognises(const DescriptionView& view) const override { return is_of_process(view); }

  image::ProcessFile describe(DescribeContext& context, const DescriptionView& view) const override {
    image::ProcessFile state;
    Name name = split(view.link());
    RecordId process = context.process_in_proc(view.stat().st_dev, name.pid);
    if (!process || view.link().ends_with(" (deleted)")) {
      context.obstacle(fmt::format("{} belongs to a process that is outside the tree, or gone", view.link()),
                       "close it before the checkpoint", "files of /proc");
    }
    for (std::string_view later : kLater) {
      if (!name.rest.starts_with(later)) continue;
      context.obstacle(fmt::format("{}: files of single descriptors and threads can't be opened again", view.link()),
                       "close it before the checkpoint", "files of /proc");
    }
    state.mutable_process()->set_id(process.value);
    state.set_name(name.rest);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    if ((view.flags() & O_PATH) == 0) state.set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    return state;
  }

  OwnedFd create(RestoreContext& context, const image::ProcessFile& state) const override {
    std::string path = fmt::format("{}/{}", context.path_in_tree("/proc"),
                                   context.tree().process({state.process().id()}).state->pid());
    if (!state.name().empty()) path += "/" + state.name();
    OwnedFd fd = kernel::open(path, static_cast<int>(state.flags()) & ~O_ASYNC);
    if (state.position() != 0) kernel::seek(fd.get(), state.position(), SEEK_SET);
    return fd;
  }
};

}  // namespace

const Kind& process_file_kind() {
  static const ProcessFileKind kKind;
  return kKind;
}

}  // namespace cairn::resources
