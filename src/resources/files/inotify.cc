// inotify(7): watches on inodes, each with a number that the program has, and a queue of events. fdinfo shows number,
// mask, inode and file handle of each watch, but no name: the handle is opened through the mounts of its file system
// (which asks for CAP_DAC_READ_SEARCH), or else the inode is looked for where the tree has something open. Nothing here
// opens a file for reading: that would be an event.
//
// Watches are added when all else is done, so that they report nothing of the restore. Events can't be read without
// taking them away, so a checkpoint waits until the program has read them. Lost: the numbers of watches that were
// removed after the last one that is there; they are given out again.
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>

#include "resources/file_path.h"
#include "resources/files/inotify.pb.h"
#include "resources/kind.h"
#include "resources/own_table.h"

namespace cairn::resources {
namespace {

constexpr unsigned long kSetNextNumber = _IOW('I', 0, int32_t);  // INOTIFY_IOC_SETNEXTWD of linux/inotify.h, 4.16
constexpr const char* kRule = "inotify";

// One "inotify wd:1 ino:7b sdev:fe00000 ..." line of fdinfo.
struct Watch {
  int number;
  uint32_t mask;
  uint64_t inode;
  uint32_t device_major, device_minor;
  int handle_type = -1;
  std::string handle;

  static Watch parse(std::string line) {
    std::ranges::replace(line, ' ', '\n');
    kernel::KeyValues fields = kernel::KeyValues::parse(line);
    constexpr unsigned kMinorBits = 20;  // of dev_t inside the kernel
    uint64_t device = fields.hex("sdev");
    Watch watch{static_cast<int>(fields.hex("wd")), static_cast<uint32_t>(fields.hex("mask")), fields.hex("ino"),
                static_cast<uint32_t>(device >> kMinorBits), static_cast<uint32_t>(device & ((1U << kMinorBits) - 1))};
    if (!fields.has("f_handle")) return watch;
    watch.handle_type = static_cast<int>(fields.hex("fhandle-type"));
    watch.handle = bytes_of(fields.text("f_handle"));
    return watch;
  }

 private:
  static std::string bytes_of(const std::string& digits) {
    std::string bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return bytes;
  }
};

std::vector<Watch> watches_of(const DescriptionView& view) {
  std::vector<Watch> watches;
  for (const std::string& line : view.fdinfo().lines()) {
    if (line.starts_with("inotify wd:")) watches.push_back(Watch::parse(line.substr(line.find(' ') + 1)));
  }
  std::ranges::sort(watches, {}, &Watch::number);
  return watches;
}

// Finds a watched file, as an O_PATH descriptor.
class FileSearch {
 public:
  explicit FileSearch(DescribeContext& context) : context_(context) {}

  std::optional<OwnedFd> find(const Watch& watch) {
    std::optional<OwnedFd> found;
    if (watch.handle_type >= 0) with_own_directory([&] { found = by_handle(watch); });
    return found ? std::move(found) : by_identity(watch);
  }

 private:
  // Through each mount of the file system in turn: of a mount that shows a part of it the name may lead nowhere.
  std::optional<OwnedFd> by_handle(const Watch& watch) {
    struct {
      unsigned size;
      int type;
      char bytes[MAX_HANDLE_SZ];
    } handle{static_cast<unsigned>(std::min<size_t>(watch.handle.size(), MAX_HANDLE_SZ)), watch.handle_type, {}};
    std::copy_n(watch.handle.data(), handle.size, handle.bytes);
    std::optional<OwnedFd> found;
    for (const kernel::MountEntry& mount : mounts()) {
      if (mount.device_major != watch.device_major || mount.device_minor != watch.device_minor) continue;
      if (kernel::call("chdir", SYS_chdir, kernel::arg(mount.mount_point.c_str())) < 0) continue;
      long fd = kernel::call("open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, kernel::arg(&handle),
                             O_PATH | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0) continue;
      found = OwnedFd(static_cast<int>(fd));
      if (leads_to_it(found->get())) break;
    }
    return found;
  }

  static bool leads_to_it(int fd) {
    std::string link = kernel::link_of(fd);
    auto there = kernel::try_stat_at(AT_FDCWD, link, AT_SYMLINK_NOFOLLOW);
    struct stat here = kernel::fstat(fd);
    return there && there->st_dev == here.st_dev && there->st_ino == here.st_ino;
  }

  const std::vector<kernel::MountEntry>& mounts() {
    if (mounts_.empty()) mounts_ = kernel::parse_mountinfo(kernel::read_file("/proc/self/mountinfo"));
    return mounts_;
  }

  // What the tree has open, the directories of its processes, and all directories above.
  std::optional<OwnedFd> by_identity(const Watch& watch) {
    for (const tracee::HeldProcess& process : context_.processes()) {
      if (process.zombie) continue;
      for (const char* link : {"cwd", "root", "exe"}) {
        if (auto found = among_parents(process.proc.try_read_link(link), watch)) return found;
      }
      for (int number : process.proc.list_numbers("fd")) {
        if (auto found = among_parents(process.proc.try_read_link(fmt::format("fd/{}", number)), watch)) return found;
      }
    }
    return among_parents(std::filesystem::current_path().native(), watch);
  }

  static std::optional<OwnedFd> among_parents(const std::optional<std::string>& link, const Watch& watch) {
    if (!link || !link->starts_with('/')) return std::nullopt;
    for (std::filesystem::path path = *link;; path = path.parent_path()) {
      auto stat = kernel::try_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
      if (stat && stat->st_ino == watch.inode && major(stat->st_dev) == watch.device_major &&
          minor(stat->st_dev) == watch.device_minor)
        return kernel::open(path, O_PATH | O_NOFOLLOW);
      if (path == path.parent_path()) return std::nullopt;
    }
  }

  DescribeContext& context_;
  std::vector<kernel::MountEntry> mounts_;
};

class InotifyKind final : public DescriptionKind<image::Inotify> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:inotify"; }

  image::Inotify describe(DescribeContext& context, const DescriptionView& view) const override {
    int unread = 0;
    kernel::checked("FIONREAD", SYS_ioctl, view.fd(), FIONREAD, kernel::arg(&unread));
    if (unread != 0) {
      context.passing_obstacle(fmt::format("{} bytes of events are unread", unread), "again: they will be read", kRule);
    }
    image::Inotify state;
    FileSearch search(context);
    for (const Watch& watch : watches_of(view)) {
      Place place(context, fmt::format("watch {}", watch.number));
      describe_watch(context, view, watch, search.find(watch), *state.add_watches());
    }
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Inotify&) const override {
    return OwnedFd(static_cast<int>(kernel::checked("inotify_init1", SYS_inotify_init1, IN_CLOEXEC)));
  }

  void seal(RestoreContext& context, const image::Inotify& state, int fd) const override {
    if (state.watches().empty()) return;
    auto own = std::make_shared<OwnedFd>(kernel::duplicate(fd));
    context.at_end([own, &context, &state] {
      for (const image::InotifyWatch& watch : state.watches()) add(context, own->get(), watch);
    });
  }

  void check(CheckContext& context, const image::Inotify& state) const override {
    for (const image::InotifyWatch& watch : state.watches()) check_path(context, watch.file(), Change::kAny);
  }

 private:
  static void describe_watch(DescribeContext& context, const DescriptionView& view, const Watch& watch,
                             std::optional<OwnedFd> file, image::InotifyWatch& state) {
    state.set_number(watch.number);
    state.set_mask(watch.mask);
    if (!file) {
      context.obstacle(fmt::format("the file that it watches (inode {} of device {}:{}) can't be found by name",
                                   watch.inode, watch.device_major, watch.device_minor),
                       "checkpoint as root, or keep the file or a directory below it open", kRule);
      return;
    }
    DescriptionView found(std::move(*file), view.holder(), DescriptionView::kMapping, O_PATH);
    if (auto path = describe_path(context, found)) *state.mutable_file() = std::move(*path);
  }

  static void add(const RestoreContext& context, int fd, const image::InotifyWatch& watch) {
    within([&] { return fmt::format("watch {} of {}", watch.number(), watch.file().path()); },
           [&] {
             kernel::checked("INOTIFY_IOC_SETNEXTWD", SYS_ioctl, fd, kSetNextNumber, watch.number());
             // The name may be that of a symbolic link itself.
             std::string path = context.path_in_tree(watch.file().path());
             long number = kernel::checked("inotify_add_watch", SYS_inotify_add_watch, fd, kernel::arg(path.c_str()),
                                           watch.mask() | IN_DONT_FOLLOW);
             if (number != watch.number()) throw Error(fmt::format("it became watch {}", number));
           });
  }
};

}  // namespace

const Kind& inotify_kind() {
  static const InotifyKind kKind;
  return kKind;
}

}  // namespace cairn::resources
