#include "resources/file_path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/scope_guard.h"

namespace cairn::resources {
namespace {

std::optional<struct stat> stat_of(const std::string& path) {
  // Links of /proc name the file itself, never a symbolic link to it.
  return kernel::try_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

std::string type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a directory";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFIFO:
      return "a fifo";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "something else";
  }
}

image::FilePath record(const std::string& path, const struct stat& stat) {
  image::FilePath state;
  state.set_path(path);
  state.set_device_major(major(stat.st_dev));
  state.set_device_minor(minor(stat.st_dev));
  state.set_inode(stat.st_ino);
  state.set_mode(stat.st_mode);
  if (!S_ISREG(stat.st_mode)) return state;
  state.set_size(static_cast<uint64_t>(stat.st_size));
  state.set_modified_seconds(stat.st_mtim.tv_sec);
  state.set_modified_nanoseconds(static_cast<uint32_t>(stat.st_mtim.tv_nsec));
  return state;
}

constexpr long kSecretMemory = 0x5345434d;  // SECRETMEM_MAGIC, memfd_secret(2)
constexpr std::array kForeign = {long{TRACEFS_MAGIC},  long{DEBUGFS_MAGIC},  long{BPF_FS_MAGIC},      long{NSFS_MAGIC},
                                 long{PSTOREFS_MAGIC}, long{EFIVARFS_MAGIC}, kMessageQueueFileSystem, kSecretMemory};

constexpr std::string_view kDeleted = " (deleted)";

// A name of the file that is left in the directory where it was opened.
std::optional<std::string> other_name(const DescriptionView& view, const std::string& directory) {
  auto handle = kernel::try_open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  if (!handle) return std::nullopt;
  for (std::string& name : kernel::list_directory(handle->get())) {
    auto found = kernel::try_stat_at(handle->get(), name, AT_SYMLINK_NOFOLLOW);
    if (found && same_file(*found, view.stat())) return std::move(name);
  }
  return std::nullopt;
}

std::optional<image::FilePath> by_other_name(const DescriptionView& view) {
  std::string_view former = view.link();
  if (view.stat().st_nlink == 0 || !former.ends_with(kDeleted) || view.is(S_IFDIR)) return std::nullopt;
  former.remove_suffix(kDeleted.size());
  size_t slash = former.rfind('/');
  std::string directory(former.substr(0, slash + 1));
  auto name = other_name(view, directory);
  if (!name) return std::nullopt;
  image::FilePath state = record(directory + *name, view.stat());
  state.set_former_name(std::string(former.substr(slash + 1)));
  return state;
}

// Why the path can't be opened again, as reason and remedy.
void refuse(DescribeContext& context, const DescriptionView& view, bool leads_elsewhere) {
  std::string path = view.link();
  if (view.stat().st_nlink == 0) {
    context.obstacle(fmt::format("{} was removed while it is open", path), "close it before the checkpoint",
                     "deleted files");
  } else if (path.ends_with(kDeleted)) {
    path.resize(path.size() - kDeleted.size());
    context.obstacle(fmt::format("its name {} was removed, and its other name is in another directory", path),
                     fmt::format("link the file to {} again, or close it before the checkpoint", path),
                     "deleted files");
  } else {
    context.obstacle(
        fmt::format("its path {} {}", path,
                    leads_elsewhere ? "leads to another file now" : "can't be reached from where cairn runs"),
        "run cairn where the path leads to the open file (mounts, root directory), or close it before the checkpoint",
        "files");
  }
}

}  // namespace

std::optional<image::FilePath> describe_path(DescribeContext& context, const DescriptionView& view) {
  std::optional<struct stat> found = stat_of(context.path_in_tree(view.link()));
  if (found && same_file(*found, view.stat())) return record(view.link(), view.stat());
  if (auto other = by_other_name(view)) return other;
  refuse(context, view, found.has_value());
  return std::nullopt;
}

OwnedFd open_path(const RestoreContext& context, const image::FilePath& path, int flags) {
  flags &= ~O_ASYNC;  // at open it would set the flag without asking for the signals; status_flags does it
  std::string name = context.path_in_tree(path.path());
  if (path.former_name().empty()) return kernel::open(name, flags);
  std::string former = name.substr(0, name.rfind('/') + 1) + path.former_name();
  long linked =
      kernel::call("linkat", SYS_linkat, AT_FDCWD, kernel::arg(name.c_str()), AT_FDCWD, kernel::arg(former.c_str()), 0);
  if (linked < 0) return kernel::open(name, flags);
  ScopeGuard unlink([&] { kernel::call("unlinkat", SYS_unlinkat, AT_FDCWD, kernel::arg(former.c_str()), 0); });
  return kernel::open(former, flags);
}

bool is_of_process(const DescriptionView& view) {
  constexpr std::string_view kProc = "/proc/";
  const std::string& link = view.link();
  if (!link.starts_with(kProc) || link.size() == kProc.size() || std::isdigit(link[kProc.size()]) == 0) return false;
  return view.file_system() == PROC_SUPER_MAGIC;
}

std::string difference(const image::FilePath& path, const std::optional<struct stat>& found, Change allowed) {
  if (!found) return "nothing";
  if ((found->st_mode & S_IFMT) != (path.mode() & S_IFMT)) return type_name(found->st_mode);
  auto size = static_cast<uint64_t>(found->st_size);
  if (!S_ISREG(found->st_mode) || allowed == Change::kAny) return "";
  if (allowed == Change::kGrowth) {
    return size >= path.size() ? "" : fmt::format("{} bytes instead of {}", size, path.size());
  }
  if (size != path.size()) return fmt::format("{} bytes instead of {}", size, path.size());
  bool same_time = found->st_mtim.tv_sec == path.modified_seconds() &&
                   static_cast<uint32_t>(found->st_mtim.tv_nsec) == path.modified_nanoseconds();
  return same_time ? "" : "it was modified since";
}

bool has_ordinary_files(long file_system) { return std::ranges::find(kForeign, file_system) == kForeign.end(); }

void check_path(CheckContext& context, const image::FilePath& path, Change allowed) {
  if (context.accepts_change(path.path())) allowed = Change::kAny;
  std::string needed = fmt::format("must be {}", type_name(path.mode()));
  if (S_ISREG(path.mode()) && allowed == Change::kNone) needed += " as it was at the checkpoint";
  if (S_ISREG(path.mode()) && allowed == Change::kGrowth) needed += fmt::format(" of at least {} bytes", path.size());
  std::string found = difference(path, stat_of(path.path()), allowed);
  context.add({.object = "file " + path.path(), .needed = needed, .met = found.empty(), .found = found});
}

}  // namespace cairn::resources
