// shmget(2), shmat(2): System V shared memory that is attached in the tree. The file behind an attachment has the
// segment's id for its inode, and the key that it was made with in its name; the rest is told by shmctl(2).
//
// A segment is kept with id, key and content. At a restore it may still be there, left behind by the tree: then it is
// filled anew, if nobody is attached to it. One that was removed is removed again as soon as cairn is attached to it.
// Segments come under their ids by /proc/sys/kernel/shm_next_id, which takes CAP_CHECKPOINT_RESTORE.
//
// Refused by name: segments that somebody outside the tree is attached to, and those of huge pages. Lost: who made it,
// the times, and who did something with it last; whether room for all of it was reserved (SHM_NORESERVE).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <set>
#include <sstream>

#include "kernel/storage.h"
#include "resources/kind.h"
#include "resources/memory/sysv_memory.pb.h"
#include "resources/page_extents.h"

namespace cairn::resources {
namespace {

using image::SysvMemory;

constexpr std::string_view kName = "/SYSV", kDeleted = " (deleted)";  // and the key in between, in hex
constexpr const char* kNextId = "/proc/sys/kernel/shm_next_id";       // Linux 3.8
constexpr const char* kRule = "System V shared memory";
constexpr int kSlots = 1 << 15;  // of ids: the place in the table and, times this, how often that was used
constexpr unsigned kRemoved = SHM_DEST, kLocked = SHM_LOCKED, kPermissions = 0777;

uint64_t page_up(uint64_t size) { return (size + image::kPageSize - 1) & ~(image::kPageSize - 1); }

// None: there is no such segment, or it may not be asked for.
std::optional<shmid_ds> find_segment(int id) {
  shmid_ds segment{};
  long result = kernel::call("shmctl(IPC_STAT)", SYS_shmctl, id, IPC_STAT, kernel::arg(&segment));
  return result < 0 ? std::nullopt : std::optional(segment);
}

struct Listed {
  int key = 0, id = 0;
};
std::vector<Listed> all_segments() {
  std::istringstream text(kernel::read_file("/proc/sysvipc/shm"));
  std::vector<Listed> segments;
  std::string line;
  std::getline(text, line);  // of titles
  while (std::getline(text, line)) {
    std::istringstream fields(line);
    Listed segment;
    if (fields >> segment.key >> segment.id) segments.push_back(segment);
  }
  return segments;
}

// One that was removed may still be there when a cairn was killed before it could remove it again.
bool is_same(const shmid_ds& found, const SysvMemory& state) {
  int key = found.shm_perm.__key;
  bool has_key = key == state.key() || (state.removed() && key == IPC_PRIVATE);
  return found.shm_segsz == state.size() && (found.shm_perm.mode & kRemoved) == 0 && has_key;
}

// What cairn holds while the tree is built: its own attachments, and the segments that a failure takes away again.
class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  ~Held() {
    detach();
    for (int id : made_)
      if (remove(id) < 0) remove(id);  // once more: nobody else would
  }
  void note_made(int id) { made_.push_back(id); }
  void note_attached(long address) { attached_.push_back(address); }
  static long remove(int id) { return kernel::call("shmctl(IPC_RMID)", SYS_shmctl, id, IPC_RMID, 0); }
  void finish() {
    detach();
    made_.clear();
  }

 private:
  void detach() {
    for (long address : attached_) kernel::call("shmdt", SYS_shmdt, address);
    attached_.clear();
  }
  std::vector<int> made_;
  std::vector<long> attached_;
};

class SysvMemoryKind final : public ObjectKind<SysvMemory> {
 public:
  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<SysvMemory>();
    state->set_segment(static_cast<int32_t>(view.stat().st_ino));
    state->set_key(static_cast<int32_t>(std::stoul(view.link().substr(kName.size()), nullptr, 16)));
    auto segment = find_segment(state->segment());
    if (!segment) {
      context.obstacle(fmt::format("System V segment {} can't be looked at", state->segment()), "run cairn as root",
                       kRule);
      return {std::move(state), {}};
    }
    unsigned mode = segment->shm_perm.mode;
    state->set_removed((mode & kRemoved) != 0);
    state->set_locked((mode & kLocked) != 0);
    state->set_size(segment->shm_segsz);
    state->set_mode(mode & kPermissions);
    state->set_owner(segment->shm_perm.uid);
    state->set_group(segment->shm_perm.gid);
    context.at_end([&context, id = state->segment(), attachments = segment->shm_nattch] {
      refuse_outsiders(context, id, attachments);
    });
    return {std::move(state), open_for_content(view.fd())};
  }

  void capture(CaptureContext& context, SysvMemory& state, int fd) const override {
    *state.mutable_pages() = store_content(fd, state.size(), context.pages());
  }

  void check(CheckContext& context, const SysvMemory& state) const override {
    std::string found = problem_with(state);
    context.add({.object = fmt::format("System V segment {}", state.segment()),
                 .needed = "must be free, or as the tree left it",
                 .met = found.empty(),
                 .found = found});
  }

  OwnedFd create(RestoreContext& context, const SysvMemory& state) const override {
    Held& held = context.once<Held>();
    int id = state.segment();
    if (!find_segment(id)) make(held, state);
    long address = kernel::checked("shmat", SYS_shmat, id, 0, 0);
    held.note_attached(address);
    context.at_end([&held] { held.finish(); });
    if (state.removed()) kernel::checked("shmctl(IPC_RMID)", SYS_shmctl, id, IPC_RMID, 0);
    uint64_t start = static_cast<uint64_t>(address), end = start + page_up(state.size());
    OwnedFd fd = kernel::open(fmt::format("/proc/self/map_files/{:x}-{:x}", start, end), O_RDWR);
    kernel::checked("fallocate", SYS_fallocate, fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end - start);
    restore_content(fd.get(), state.size(), state.pages(), context.image());
    set_attributes(state);
    return fd;
  }

 private:
  // Inodes tell nothing about who else is attached: another ipc namespace has other segments with the same ids. But the
  // kernel counts attachments, each part of one that was split.
  static void refuse_outsiders(DescribeContext& context, int id, uint64_t attachments) {
    std::set<uint64_t> seen;
    uint64_t inside = 0;
    for (const tracee::HeldProcess& process : context.processes()) {
      if (process.tasks.empty()) continue;
      RecordId task = context.task(process.tasks.front().thread());
      if (!seen.insert(context.records().state<image::Task>(task).mm().id()).second) continue;
      for (const kernel::MapsEntry& mapping : process.proc.maps())
        inside += mapping.inode == static_cast<uint64_t>(id) && mapping.name.starts_with(kName) ? 1 : 0;
    }
    if (inside == attachments) return;
    Place place(context, fmt::format("System V segment {}", id));
    context.obstacle(fmt::format("it has {} attachments, of which {} are in the tree", attachments, inside),
                     "checkpoint from an ancestor of all who are attached, or let the others detach it", kRule);
  }

  static std::string problem_with(const SysvMemory& state) {
    int id = state.segment(), key = state.key();
    if (auto found = find_segment(id)) {
      if (!is_same(*found, state)) return "another segment";
      return found->shm_nattch == 0 ? "" : fmt::format("{} attachments", found->shm_nattch);
    }
    for (const Listed& segment : all_segments()) {
      if (segment.id % kSlots == id % kSlots) return fmt::format("segment {} in its place", segment.id);
      if (key != IPC_PRIVATE && segment.key == key && !state.removed())
        return fmt::format("segment {} with its key", segment.id);
    }
    if (kernel::call("access", SYS_faccessat2, AT_FDCWD, kernel::arg(kNextId), W_OK, AT_EACCESS) < 0)
      return "no right to choose its id (CAP_CHECKPOINT_RESTORE)";
    return "";
  }

  // Others may take the id that was asked for.
  static void make(Held& held, const SysvMemory& state) {
    constexpr int kTries = 5;
    for (int n = 0; n < kTries; ++n) {
      OwnedFd next = kernel::open(kNextId, O_WRONLY);
      std::string number = std::to_string(state.segment());
      kernel::write_all(next.get(), number.data(), number.size());
      long id = get(state.key(), state);
      // A key that has been given away since is only part of the name that links of /proc show.
      if (id == -EEXIST && state.removed()) id = get(IPC_PRIVATE, state);
      if (id < 0) throw Error::system(fmt::format("shmget of segment {}", state.segment()), static_cast<int>(-id));
      if (id == state.segment()) return held.note_made(static_cast<int>(id));
      Held::remove(static_cast<int>(id));
    }
    throw Error(fmt::format("System V segment {}: its id is taken", state.segment()));
  }

  static long get(int key, const SysvMemory& state) {
    return kernel::call("shmget", SYS_shmget, key, state.size(), IPC_CREAT | IPC_EXCL | 0600);
  }

  static void set_attributes(const SysvMemory& state) {
    shmid_ds wanted{};
    wanted.shm_perm.uid = state.owner();
    wanted.shm_perm.gid = state.group();
    wanted.shm_perm.mode = static_cast<mode_t>(state.mode());
    kernel::checked("shmctl(IPC_SET)", SYS_shmctl, state.segment(), IPC_SET, kernel::arg(&wanted));
    kernel::checked("shmctl(SHM_LOCK)", SYS_shmctl, state.segment(), state.locked() ? SHM_LOCK : SHM_UNLOCK, 0);
  }
};

class SysvAttachmentKind final : public DescriptionKind<image::SysvAttachment>, public AnyMapper {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.is_mapping() && view.is(S_IFREG) && view.stat().st_nlink == 0 && view.link().starts_with(kName) &&
           view.link().ends_with(kDeleted) && view.stat().st_dev == kernel::kernel_memory_device();
  }

  image::SysvAttachment describe(DescribeContext& context, const DescriptionView& view) const override {
    image::SysvAttachment state;
    RecordId memory = context.object("sysv_memory", std::to_string(view.stat().st_ino),
                                     [&] { return SysvMemoryKind::describe(context, view); });
    state.mutable_memory()->set_id(memory.value);
    state.set_writable((view.flags() & O_ACCMODE) != O_RDONLY);
    return state;
  }

  OwnedFd create(RestoreContext&, const image::SysvAttachment&) const override { return {}; }

  // A segment is always attached as a whole; of a part of it, the rest is detached again.
  void map(RestoreContext& context, const Record& file, RestoredTask& task, const Area& area) const override {
    const auto& state = file.as<image::SysvAttachment>();
    const auto& memory = context.records().state<SysvMemory>({state.memory().id()});
    uint64_t whole = page_up(memory.size());
    int flags = state.writable() ? 0 : SHM_RDONLY;
    if (area.offset == 0 && area.size == whole) {
      task.room(1).call(SYS_shmat, memory.segment(), area.address, flags);
    } else {
      attach_part(task, memory, flags, area, whole);
    }
    uint32_t protection = PROT_READ | (state.writable() ? PROT_WRITE : 0);
    if (area.protection != protection) task.room(1).call(SYS_mprotect, area.address, area.size, area.protection);
  }

 private:
  static void attach_part(RestoredTask& task, const SysvMemory& memory, int flags, const Area& area, uint64_t whole) {
    if (area.offset + area.size > whole) throw Error("an attachment exceeds its segment", Failure::kDamagedImage);
    auto attached = task.room(1).call(SYS_shmat, memory.segment(), 0, flags);
    task.batch().flush();
    uint64_t at = static_cast<uint64_t>(attached.value()), end = at + whole, part = at + area.offset;
    constexpr int kMove = MREMAP_MAYMOVE | MREMAP_FIXED;
    task.room(3).call(SYS_mremap, part, area.size, area.size, kMove, area.address);
    if (part > at) task.batch().call(SYS_munmap, at, part - at);
    if (part + area.size < end) task.batch().call(SYS_munmap, part + area.size, end - part - area.size);
  }
};

}  // namespace

const Kind& sysv_memory_kind() {
  static const SysvMemoryKind kKind;
  return kKind;
}

const Kind& sysv_attachment_kind() {
  static const SysvAttachmentKind kKind;
  return kKind;
}

}  // namespace cairn::resources
