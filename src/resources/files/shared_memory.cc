// Memory behind descriptors and mappings that no path leads to: memfd_create(2), and mmap(2) with MAP_SHARED and
// MAP_ANONYMOUS ("/dev/zero (deleted)"). The object is the inode (shared_memory) with its content and seals; each
// description of it, and each mapping, opens it by /proc/self/fd (memfd).
//
// Anonymous shared memory is made by mapping some and opening it through /proc/self/map_files, which takes
// CAP_CHECKPOINT_RESTORE; so does finding it. Refused by name: huge pages, memory that somebody outside the tree has
// too. Lost: times, and which pages of zeros were allocated.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kernel/constants.h"
#include "kernel/storage.h"
#include "resources/file_locks.h"
#include "resources/files/shared_memory.pb.h"
#include "resources/kind.h"
#include "resources/page_extents.h"

namespace cairn::resources {
namespace {

using image::SharedMemory;

constexpr std::string_view kMemfd = "/memfd:";
constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kAnonymous = "/dev/zero (deleted)";
constexpr unsigned kSealExec = 0x20;  // F_SEAL_EXEC, Linux 6.3
constexpr mode_t kPermissions = 07777;
constexpr mode_t kExecutable = 0111;

bool is_memfd(const std::string& link) { return link.starts_with(kMemfd) && link.ends_with(kDeleted); }

std::string memfd_name(const std::string& link) {
  return link.substr(kMemfd.size(), link.size() - kMemfd.size() - kDeleted.size());
}

bool is_huge(const DescriptionView& view) { return view.file_system() == HUGETLBFS_MAGIC; }

void refuse_outsider(DescribeContext& context, const DescriptionView& view) {
  const struct stat& stat = view.stat();
  auto holder = context.outside().holder_of_nameless(stat.st_dev, stat.st_ino);
  if (!holder) holder = context.outside().mapper_of_nameless(stat.st_dev, stat.st_ino);
  if (!holder) return;
  context.obstacle(fmt::format("the memory is shared with {}, outside the tree", holder->text()),
                   "checkpoint from an ancestor of both, or unmap and close it there", "shared memory with outsiders");
}

// What decides whether it can be executed, and whether seals can be added, is said at the birth.
unsigned creation_flags(const SharedMemory& state) {
  unsigned seals = state.seals();
  if ((seals & kSealExec) != 0 && (state.mode() & kExecutable) == 0) {
    return kernel::kMemfdNoexecSeal | MFD_ALLOW_SEALING;
  }
  return kernel::kMemfdExec | (seals == F_SEAL_SEAL ? 0 : unsigned{MFD_ALLOW_SEALING});
}

OwnedFd make_memfd(const SharedMemory& state) {
  unsigned flags = creation_flags(state);
  std::string name = state.name();
  long fd = kernel::call("memfd_create", SYS_memfd_create, kernel::arg(name.c_str()), flags | MFD_CLOEXEC);
  // Before Linux 6.3 all are executable and the flag is unknown.
  if (fd == -EINVAL) return kernel::memfd(name, flags & ~kernel::kMemfdExec, 0);
  if (fd < 0) throw Error::system("memfd_create " + name, static_cast<int>(-fd));
  return OwnedFd(static_cast<int>(fd));
}

OwnedFd make_anonymous(const SharedMemory& state) {
  auto size = static_cast<long>(state.size());
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  long address =
      kernel::checked("mmap of shared memory", SYS_mmap, 0, size, kProtection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t end = (state.size() + image::kPageSize - 1) / image::kPageSize * image::kPageSize;
  std::string link = fmt::format("/proc/self/map_files/{:x}-{:x}", address, static_cast<uint64_t>(address) + end);
  OwnedFd fd = within("anonymous shared memory is opened through map_files (CAP_CHECKPOINT_RESTORE)",
                      [&] { return kernel::open(link, O_RDWR); });
  kernel::checked("munmap", SYS_munmap, address, size);
  return fd;
}

class SharedMemoryKind final : public ObjectKind<SharedMemory> {
 public:
  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<SharedMemory>();
    const struct stat& stat = view.stat();
    state->set_origin(is_memfd(view.link()) ? SharedMemory::MEMFD : SharedMemory::ANONYMOUS);
    if (state->origin() == SharedMemory::MEMFD) {
      state->set_name(memfd_name(view.link()));
      state->set_seals(static_cast<uint32_t>(kernel::fcntl(view.fd(), F_GET_SEALS)));
    }
    state->set_size(static_cast<uint64_t>(stat.st_size));
    state->set_mode(stat.st_mode & kPermissions);
    state->set_owner(stat.st_uid);
    state->set_group(stat.st_gid);
    refuse_outsider(context, view);
    return {std::move(state), open_for_content(view.fd())};
  }

  void capture(CaptureContext& context, SharedMemory& state, int fd) const override {
    *state.mutable_pages() = store_content(fd, state.size(), context.pages());
  }

  OwnedFd create(RestoreContext& context, const SharedMemory& state) const override {
    OwnedFd fd = state.origin() == SharedMemory::MEMFD ? make_memfd(state) : make_anonymous(state);
    restore_content(fd.get(), state.size(), state.pages(), context.image());
    return fd;
  }

  // Last, since they would be in the way of the descriptions and mappings that need it.
  void seal(RestoreContext&, const SharedMemory& state, int fd) const override {
    struct stat made = kernel::fstat(fd);
    if ((made.st_mode & kPermissions) != state.mode()) kernel::change_mode(fd, state.mode());
    if (made.st_uid != state.owner() || made.st_gid != state.group()) {
      kernel::change_owner(fd, state.owner(), state.group());
    }
    if (state.origin() != SharedMemory::MEMFD) return;
    unsigned missing = state.seals() & ~static_cast<unsigned>(kernel::fcntl(fd, F_GET_SEALS));
    if (missing != 0) kernel::fcntl(fd, F_ADD_SEALS, missing);
  }
};

class MemfdKind final : public DescriptionKind<image::Memfd> {
 public:
  bool recognises(const DescriptionView& view) const override {
    if (!view.is(S_IFREG) || (view.flags() & O_PATH) != 0 || view.stat().st_nlink != 0) return false;
    if (!is_memfd(view.link()) && view.link() != kAnonymous) return false;
    return view.stat().st_dev == kernel::kernel_memory_device() || is_huge(view);
  }

  image::Memfd describe(DescribeContext& context, const DescriptionView& view) const override {
    image::Memfd state;
    if (is_huge(view)) {
      context.obstacle("it is memory of huge pages", "use ordinary pages", "huge pages");
      return state;
    }
    note_locks(context, view);
    RecordId memory = context.object("shared_memory", std::to_string(view.stat().st_ino),
                                     [&] { return SharedMemoryKind::describe(context, view); });
    state.mutable_memory()->set_id(memory.value);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    state.set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    return state;
  }

  OwnedFd create(RestoreContext& context, const image::Memfd& state) const override {
    std::string path = fmt::format("/proc/self/fd/{}", context.fd({state.memory().id()}));
    OwnedFd fd = kernel::open(path, static_cast<int>(state.flags()) & ~O_ASYNC);
    if (state.position() != 0) kernel::seek(fd.get(), state.position(), SEEK_SET);
    return fd;
  }
};

}  // namespace

const Kind& shared_memory_kind() {
  static const SharedMemoryKind kKind;
  return kKind;
}

const Kind& memfd_kind() {
  static const MemfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
