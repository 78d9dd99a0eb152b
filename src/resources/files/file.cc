// Regular files and directories that have a name, and whatever was opened with O_PATH: opened again by their path, with
// flags and position. The content is the file system's: a file that was only read must be the same at the restore, one
// that was open for writing may have grown.
//
// A file that lost the name by which it was opened is opened by another one in the same directory; files without any
// name are a kind of their own (nameless_file), and so are those below /proc/PID (process_file). Locks are kept by
// file_locks.
//
// Refused by name: a path that leads elsewhere by now (renamed over, hidden by a mount, another root), removed
// directories, leases. Lost without a trace to see them by: read-ahead advice (posix_fadvise),
// dnotify (F_NOTIFY), and a failed write-back that fsync(2) has yet to report.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "resources/file_locks.h"
#include "resources/file_path.h"
#include "resources/files/file.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

// Made up by the kernel: inodes, sizes and times mean nothing.
constexpr std::array kMadeUp = {long{PROC_SUPER_MAGIC}, long{SYSFS_MAGIC}, long{CGROUP_SUPER_MAGIC},
                                long{CGROUP2_SUPER_MAGIC}};

bool is_among(const auto& list, long magic) { return std::find(list.begin(), list.end(), magic) != list.end(); }

// Another mount of the same file system, or a later look, may show others.
void forget_inode(image::FilePath& path) {
  path.clear_device_major();
  path.clear_device_minor();
  path.clear_inode();
  path.clear_size();
  path.clear_modified_seconds();
  path.clear_modified_nanoseconds();
}

bool is_path_only(int flags) { return (flags & O_PATH) != 0; }

class FileKind final : public DescriptionKind<image::File> {
 public:
  bool recognises(const DescriptionView& view) const override {
    if (!view.link().starts_with('/') || is_of_process(view)) return false;
    if (is_path_only(view.flags())) return true;
    if (view.is(S_IFDIR)) return true;
    return view.is(S_IFREG) && view.stat().st_nlink > 0 && has_ordinary_files(view.file_system());
  }

  image::File describe(DescribeContext& context, const DescriptionView& view) const override {
    image::File state;
    auto path = describe_path(context, view);
    if (!path) return state;
    *state.mutable_path() = std::move(*path);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    state.set_made_up(is_among(kMadeUp, view.file_system()));
    if (state.made_up()) forget_inode(*state.mutable_path());
    if (is_path_only(view.flags()) || view.is_mapping()) return state;
    state.set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    note_locks(context, view);
    return state;
  }

  void check(CheckContext& context, const image::File& state) const override {
    bool writable = (state.flags() & O_ACCMODE) != O_RDONLY;
    bool any = state.made_up() || is_path_only(static_cast<int>(state.flags()));
    check_path(context, state.path(), any ? Change::kAny : writable ? Change::kGrowth : Change::kNone);
    if (!is_path_only(static_cast<int>(state.flags()))) check_permission(context, state);
  }

  // The permission to open was asked for when the program opened it, and is asked for again.
  static void check_permission(CheckContext& context, const image::File& state) {
    int access = state.flags() & O_ACCMODE;
    int mode = access == O_RDONLY ? R_OK : access == O_WRONLY ? W_OK : R_OK | W_OK;
    const std::string& path = state.path().path();
    long result = kernel::call("faccessat2", SYS_faccessat2, AT_FDCWD, kernel::arg(path.c_str()), mode, AT_EACCESS);
    if (result != -EACCES) return;
    context.add({.object = "file " + path, .needed = "permission to open it", .met = false, .found = "none"});
  }

  OwnedFd create(RestoreContext& context, const image::File& state) const override {
    OwnedFd fd = open_path(context, state.path(), static_cast<int>(state.flags()));
    if (state.position() != 0) kernel::seek(fd.get(), state.position(), SEEK_SET);
    return fd;
  }
};

}  // namespace

const Kind& file_kind() {
  static const FileKind kKind;
  return kKind;
}

}  // namespace cairn::resources
