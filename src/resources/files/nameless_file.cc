// Regular files that have no name: unlinked while they are open or mapped, or made by O_TMPFILE. The object is the
// inode with its content (nameless_content), which is stored in the image; its descriptions (nameless_file) open it by
// /proc/self/fd.
//
// It is made in the directory where it was, so that limits and file system are the same: under its own name where that
// is free, and unlinked at once, so that links in /proc look as before; else by O_TMPFILE. Made so, a file can be
// linked again (linkat(2)), which an unlinked one can't; O_TMPFILE | O_EXCL, which forbids it, shows nowhere and is
// lost. So are the time of the last change of the inode, and what chattr(1) sets. O_NOFOLLOW, which stays in the flags,
// is at odds with the links of /proc: such descriptions are opened while the file has a name.
//
// Refused by name: a directory that is gone as well, extended attributes, leases, files that somebody outside the tree
// has open (a mere mapping outside, as of libraries that were replaced, is no obstacle while the tree only reads).
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "base/scope_guard.h"
#include "kernel/storage.h"
#include "resources/file_locks.h"
#include "resources/file_path.h"
#include "resources/files/nameless_file.pb.h"
#include "resources/kind.h"
#include "resources/page_extents.h"

namespace cairn::resources {
namespace {

using image::NamelessContent;

constexpr std::string_view kDeleted = " (deleted)";
constexpr long kAioRing = 0x47504941;  // AIO_RING_MAGIC of fs/aio.c
constexpr int kTmpfileFlag = O_TMPFILE & ~O_DIRECTORY;
constexpr mode_t kPermissions = 07777, kExecutable = 0111;

bool writes(unsigned flags) { return (flags & O_ACCMODE) != O_RDONLY; }

// The name that the link shows, without what the kernel adds.
std::filesystem::path path_of(const DescriptionView& view) {
  std::string path = view.link();
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

// vfs_tmpfile() calls them "#" and their inode.
bool never_had_name(const DescriptionView& view, const std::string& name) {
  return name == fmt::format("#{}", view.stat().st_ino);
}

// How the tree uses a content, in all.
bool is_written(const graph::RecordSet& records, RecordId content) {
  for (const Record* record : records.of_kind("nameless_file")) {
    const auto& state = record->as<image::NamelessFile>();
    if (state.content().id() == content.value && writes(state.flags())) return true;
  }
  return false;
}

// For open(2). O_ASYNC would be set there without asking for the signals.
int open_flags(const image::NamelessFile& state) { return static_cast<int>(state.flags()) & ~O_ASYNC; }

std::vector<const Record*> by_name_only(const graph::RecordSet& records, RecordId content) {
  std::vector<const Record*> found;
  for (const Record* record : records.of_kind("nameless_file")) {
    const auto& state = record->as<image::NamelessFile>();
    bool made_with_it = (state.flags() & kTmpfileFlag) != 0;
    if (state.content().id() == content.value && (state.flags() & O_NOFOLLOW) != 0 && !made_with_it) {
      found.push_back(record);
    }
  }
  return found;
}

bool has_extended_attributes(int fd) {
  char names[4096];
  long size = kernel::call("flistxattr", SYS_flistxattr, fd, kernel::arg(names), sizeof(names));
  if (size < 0) return size == -ERANGE;
  std::string_view rest(names, static_cast<size_t>(size));
  while (!rest.empty()) {
    std::string_view name = rest.substr(0, rest.find('\0'));
    if (name != "security.selinux") return true;  // which the policy gives to every file
    rest.remove_prefix(name.size() + 1);
  }
  return false;
}

class NamelessContentKind final : public TypedKind<NamelessContent> {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<NamelessContent>();
    std::filesystem::path path = path_of(view);
    const struct stat& stat = view.stat();
    auto directory = kernel::try_stat_at(AT_FDCWD, path.parent_path());
    if (!directory || !S_ISDIR(directory->st_mode) || directory->st_dev != stat.st_dev) {
      context.obstacle(fmt::format("{} and its directory were removed", path.native()),
                       "close it, or make a directory of that name on the same file system", "deleted files");
    }
    state->set_directory(path.parent_path());
    if (!never_had_name(view, path.filename())) state->set_name(path.filename());
    if (has_extended_attributes(view.fd())) {
      context.obstacle(fmt::format("{} was removed and has extended attributes", path.native()),
                       "remove the attributes, or close it", "deleted files");
    }
    set_attributes(*state, stat);
    return {std::move(state), open_for_content(view.fd())};
  }

  static void judge_at_end(DescribeContext& context, const DescriptionView& view, RecordId content) {
    context.at_end([&context, content, link = view.link(), device = view.stat().st_dev, inode = view.stat().st_ino] {
      auto holder = context.outside().holder_of_nameless(device, inode);
      if (!holder && is_written(context.records(), content)) {
        holder = context.outside().mapper_of_nameless(device, inode);
      }
      if (!holder) return;
      Place place(context, link);
      context.obstacle(fmt::format("the removed file is shared with {}, outside the tree", holder->text()),
                       "checkpoint from an ancestor of both, or close it there", "deleted files");
    });
  }

  void capture(CaptureContext& context, Record& record, int fd) const override {
    auto& state = record.as<NamelessContent>();
    *state.mutable_pages() = store_content(fd, state.size(), context.pages());
  }

  void check(CheckContext& context, const Record& record) const override {
    const auto& state = record.as<NamelessContent>();
    auto found = kernel::try_stat_at(AT_FDCWD, state.directory());
    bool exists = found && S_ISDIR(found->st_mode);
    bool met = exists && kernel::call("faccessat", SYS_faccessat, AT_FDCWD, kernel::arg(state.directory().c_str()),
                                      W_OK | X_OK) == 0;
    context.add({.object = "directory " + state.directory(),
                 .needed = "a file without name must be made there",
                 .met = met,
                 .found = met      ? ""
                          : exists ? "no permission to write"
                                   : "no directory"});
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone == image::MADE) make(context, record);
    if (milestone == image::SEALED) seal(record.as<NamelessContent>(), context.fd(record.id));
  }

 private:
  static void set_attributes(NamelessContent& state, const struct stat& stat) {
    state.set_mode(stat.st_mode & kPermissions);
    state.set_owner(stat.st_uid);
    state.set_group(stat.st_gid);
    state.set_size(static_cast<uint64_t>(stat.st_size));
    state.set_accessed_seconds(stat.st_atim.tv_sec);
    state.set_accessed_nanoseconds(static_cast<uint32_t>(stat.st_atim.tv_nsec));
    state.set_modified_seconds(stat.st_mtim.tv_sec);
    state.set_modified_nanoseconds(static_cast<uint32_t>(stat.st_mtim.tv_nsec));
  }

  // The one description that O_TMPFILE made still says so in its flags; it can't be opened again.
  static const Record* first_description(const graph::RecordSet& records, RecordId content) {
    for (const Record* record : records.of_kind("nameless_file")) {
      const auto& state = record->as<image::NamelessFile>();
      if (state.content().id() == content.value && (state.flags() & kTmpfileFlag) != 0) return record;
    }
    return nullptr;
  }

  static void make(RestoreContext& context, const Record& record) {
    const auto& state = record.as<NamelessContent>();
    const Record* first = first_description(context.records(), record.id);
    int flags = first != nullptr ? open_flags(first->as<image::NamelessFile>()) : O_RDWR;
    OwnedFd file = open_new(context, record, flags);
    std::string path = fmt::format("/proc/self/fd/{}", file.get());
    // Through a description without O_APPEND or O_DIRECT, which pwrite(2) minds.
    restore_content(kernel::open(path, O_RDWR).get(), state.size(), state.pages(), context.image());
    // A program's own file (prctl(PR_SET_MM_MAP)).
    if ((state.mode() & kExecutable) != 0) kernel::change_mode(file.get(), 0700);
    // Read-only: a file that somebody can write to can't become a program (ETXTBSY of prctl(PR_SET_MM_MAP)).
    context.keep(record.id, kernel::open(path, O_RDONLY));
    if (first != nullptr) context.keep(first->id, std::move(file));
  }

  static OwnedFd open_new(RestoreContext& context, const Record& record, int flags) {
    const auto& state = record.as<NamelessContent>();
    std::string directory = context.path_in_tree(state.directory());
    if (!state.name().empty()) {
      std::string path = directory + "/" + state.name();
      long fd = kernel::call("openat", SYS_openat, AT_FDCWD, kernel::arg(path.c_str()),
                             O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (fd >= 0) {
        OwnedFd file(static_cast<int>(fd));
        open_by_name(context, record.id, path);
        return file;
      }
      if (fd != -EEXIST) throw Error::system("make " + path, static_cast<int>(-fd));
    }
    OwnedFd file = kernel::open(directory, (flags & ~O_ACCMODE) | O_TMPFILE | (flags & O_ACCMODE), 0600);
    if (!by_name_only(context.records(), record.id).empty()) {
      // Under the name that it has for others from now on. A link to it can't be made again, as it should be.
      std::string link = fmt::format("/proc/self/fd/{}", file.get());
      std::string path = fmt::format("{}/#{}", directory, kernel::fstat(file.get()).st_ino);
      kernel::checked("linkat", SYS_linkat, AT_FDCWD, kernel::arg(link.c_str()), AT_FDCWD, kernel::arg(path.c_str()),
                      AT_SYMLINK_FOLLOW);
      open_by_name(context, record.id, path);
    }
    return file;
  }

  // Opens what can't be opened by a link of /proc, and takes the name away.
  static void open_by_name(RestoreContext& context, RecordId content, const std::string& path) {
    ScopeGuard unlink([&] { kernel::call("unlinkat", SYS_unlinkat, AT_FDCWD, kernel::arg(path.c_str()), 0); });
    for (const Record* record : by_name_only(context.records(), content)) {
      context.keep(record->id, kernel::open(path, open_flags(record->as<image::NamelessFile>())));
    }
    kernel::unlink_at(AT_FDCWD, path);
    unlink.dismiss();
  }

  // Times come after the content, and the owner before the mode, which loses set-id bits by it.
  static void seal(const NamelessContent& state, int fd) {
    struct stat made = kernel::fstat(fd);
    if (made.st_uid != state.owner() || made.st_gid != state.group()) {
      kernel::change_owner(fd, state.owner(), state.group());
    }
    kernel::change_mode(fd, state.mode());
    kernel::set_times(fd, {state.accessed_seconds(), state.accessed_nanoseconds()},
                      {state.modified_seconds(), state.modified_nanoseconds()});
  }
};

class NamelessFileKind final : public TypedKind<image::NamelessFile>, public AnyDescriptionKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  bool recognises(const DescriptionView& view) const override {
    if (!view.is(S_IFREG) || view.stat().st_nlink != 0 || (view.flags() & O_PATH) != 0) return false;
    if (!view.link().starts_with('/') || view.stat().st_dev == kernel::kernel_memory_device()) return false;
    long type = view.file_system();
    return has_ordinary_files(type) && type != HUGETLBFS_MAGIC && type != kAioRing;
  }

  image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const override {
    auto state = std::make_unique<image::NamelessFile>();
    note_locks(context, view);
    bool is_new = false;
    RecordId content =
        context.object("nameless_content", fmt::format("{}:{}", view.stat().st_dev, view.stat().st_ino), [&] {
          is_new = true;
          return NamelessContentKind::describe(context, view);
        });
    if (is_new) NamelessContentKind::judge_at_end(context, view, content);
    state->mutable_content()->set_id(content.value);
    state->set_flags(static_cast<uint32_t>(view.flags()));
    state->set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    return state;
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone != image::MADE) return;
    const auto& state = record.as<image::NamelessFile>();
    if (context.fd(record.id) < 0) {
      std::string path = fmt::format("/proc/self/fd/{}", context.fd({state.content().id()}));
      context.keep(record.id, kernel::open(path, open_flags(state) & ~O_NOFOLLOW));
    }
    if (state.position() != 0) kernel::seek(context.fd(record.id), state.position(), SEEK_SET);
  }
};

}  // namespace

const Kind& nameless_content_kind() {
  static const NamelessContentKind kKind;
  return kKind;
}

const Kind& nameless_file_kind() {
  static const NamelessFileKind kKind;
  return kKind;
}

}  // namespace cairn::resources
