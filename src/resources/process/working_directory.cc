// fs_struct: working directory, root directory and umask, shared by tasks that were cloned with CLONE_FS. Shown by
// /proc/PID/cwd, root and status. The directories are kept by their paths, as chdir(2) and chroot(2) take them; one
// that has been deleted, or lies where no path leads, is refused.
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/working_directory.pb.h"

namespace cairn::resources {
namespace {

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// The path behind a link of /proc/TID. What it is called must lead there.
std::string path_of(DescribeContext& context, const TaskView& task, const char* link, const char* what) {
  std::string path = task.proc().read_link(link);
  auto is = kernel::try_stat_at(task.proc().fd(), link);
  auto found = kernel::try_stat_at(AT_FDCWD, path);
  if (is && is->st_nlink == 0) {
    context.obstacle(fmt::format("its {} {} has been deleted", what, path), "let it go to another directory first",
                     "deleted files");
  } else if (!is || !found || !same_file(*is, *found)) {
    context.obstacle(fmt::format("its {} can't be reached by its path {}", what, path),
                     "unmount what covers it, or run cairn in its mount namespace", "mounts");
  }
  return path;
}

void require_directory(CheckContext& context, const std::string& path, const char* what) {
  auto found = kernel::try_stat_at(AT_FDCWD, path);
  if (found && S_ISDIR(found->st_mode)) return;
  context.add({what + (" " + path), "a directory", false, found ? "something else" : "nothing"});
}

class WorkingDirectoryKind final : public AttributeKind<image::WorkingDirectory, Level::kFs> {
 public:
  Reading<image::WorkingDirectory> describe(DescribeContext& context, const TaskView& task,
                                            tracee::Batch&) const override {
    image::WorkingDirectory state;
    state.set_directory(path_of(context, task, "cwd", "working directory"));
    state.set_root(path_of(context, task, "root", "root directory"));
    state.set_umask(static_cast<uint32_t>(task.status().octal("Umask")));
    return [state] { return std::optional(state); };
  }

  // Both paths are those that cairn sees: the new root comes last.
  void apply(RestoreContext&, const image::WorkingDirectory& state, RestoredTask& task) const override {
    tracee::Batch& batch = task.room(3, state.directory().size() + state.root().size() + 64);
    batch.call(SYS_chdir, batch.put(state.directory()));
    if (state.root() != "/") batch.call(SYS_chroot, batch.put(state.root()));
    batch.call(SYS_umask, state.umask());
  }

  void check(CheckContext& context, const image::WorkingDirectory& state) const override {
    require_directory(context, state.directory(), "working directory");
    if (state.root() != "/") require_directory(context, state.root(), "root directory");
  }
};

}  // namespace

const Kind& working_directory_kind() {
  static const WorkingDirectoryKind kKind;
  return kKind;
}

}  // namespace cairn::resources
