// pipe(2): a ring of pages between descriptors. The ring (pipe) is an object that its ends (pipe_end) share; it is read
// by tee(2), which takes nothing out.
//
// Both ends of pipe(2) come into being together, so the ring makes them and keeps them for the records of the ends;
// every other end opens it through /proc/self/fd. A pipe that has lost one side is made like any other: the end that
// nobody has is closed with the rest of the supervisor's descriptors before the tree runs.
//
// Refused by name: a pipe whose end is held outside the tree; rings that mix packets and plain bytes; notification
// pipes; more content than a record can hold. Lost: how the bytes were spread over pages, so a writer may find more
// room than before, and the inode's times.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "kernel/pipe_ring.h"
#include "kernel/storage.h"
#include "resources/files/pipe.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr std::string_view kLink = "pipe:[";
constexpr size_t kMostContent = image::kMostRecordBytes / 2;
constexpr mode_t kPermissions = 07777;
constexpr int kLargeFile = 0100000;  // O_LARGEFILE, which libraries of 64 bits call 0

unsigned access_of(int flags) { return static_cast<unsigned>(flags) & O_ACCMODE; }
bool reads(unsigned access) { return access != O_WRONLY; }
bool writes(unsigned access) { return access != O_RDONLY; }

OwnedFd reopen(int fd, unsigned access) {
  return kernel::open(fmt::format("/proc/self/fd/{}", fd), static_cast<int>(access) | O_NONBLOCK);
}

// Which sides of a pipe the records of a tree hold.
struct Sides {
  bool reader = false, writer = false;
};
Sides sides_in(const graph::RecordSet& records, RecordId pipe) {
  Sides sides;
  for (const Record* record : records.of_kind("pipe_end")) {
    const auto& end = record->as<image::PipeEnd>();
    if (end.pipe().id() != pipe.value) continue;
    sides.reader |= reads(end.access());
    sides.writer |= writes(end.access());
  }
  return sides;
}

// Whether the other side is open anywhere: the kernel says so to who polls.
bool is_widowed(int fd, unsigned access) {
  pollfd entry{fd, 0, 0};
  kernel::poll(std::span(&entry, 1), std::chrono::milliseconds(0));
  return (entry.revents & (access == O_RDONLY ? POLLHUP : POLLERR)) != 0;
}

void refuse_outsider(DescribeContext& context, const std::string& who) {
  context.obstacle(fmt::format("the pipe is also open in {}, outside the tree", who),
                   "checkpoint from an ancestor of both, or close it there", "pipes with an end outside");
}

class PipeKind final : public TypedKind<image::Pipe> {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<image::Pipe>();
    state->set_capacity(kernel::pipe_capacity(view.fd()));
    state->set_mode(view.stat().st_mode & kPermissions);
    state->set_owner(view.stat().st_uid);
    state->set_group(view.stat().st_gid);
    if (kernel::is_notification_pipe(view.fd())) {
      context.obstacle("it is a pipe for kernel notifications", "close it before the checkpoint", "special pipes");
    } else {
      add_content(context, view, *state);
    }
    if (auto holder = context.outside().holder_of(view.link())) refuse_outsider(context, holder->text());
    return {std::move(state), kernel::duplicate(view.fd())};
  }

  // The walk over all processes can't see everything. What it can't see still shows when the tree holds one side only.
  static void judge_at_end(DescribeContext& context, const DescriptionView& view, RecordId pipe) {
    auto fd = std::make_shared<OwnedFd>(kernel::duplicate(view.fd()));
    context.at_end([&context, fd, pipe, access = access_of(view.flags()), link = view.link()] {
      Sides sides = sides_in(context.records(), pipe);
      if ((sides.reader && sides.writer) || is_widowed(fd->get(), access)) return;
      Place place(context, link);
      if (!context.outside().holder_of(link)) refuse_outsider(context, "a process that cairn can't see");
    });
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone == image::MADE) make(context, record);
  }

 private:
  static void add_content(DescribeContext& context, const DescriptionView& view, image::Pipe& state) {
    size_t unread = kernel::pipe_unread(view.fd());
    if (unread == 0) return;
    if (unread > kMostContent || unread > state.capacity()) {
      return context.obstacle(fmt::format("the pipe holds {} bytes, which are too many", unread),
                              "let its reader take some first", "special pipes");
    }
    // A reader of ours beside a write end goes as it came: nobody of the tree runs in between.
    OwnedFd reader = reads(access_of(view.flags())) ? kernel::duplicate(view.fd()) : reopen(view.fd(), O_RDONLY);
    auto ring = kernel::read_pipe_ring(reader.get());
    if (!ring) {
      return context.obstacle("its content mixes packets (O_DIRECT) and plain bytes",
                              "let its reader take the packets first", "special pipes");
    }
    state.set_content(std::move(ring->content));
    state.mutable_packets()->Assign(ring->packets.begin(), ring->packets.end());
  }

  static void make(RestoreContext& context, const Record& record) {
    const auto& state = record.as<image::Pipe>();
    auto [reader, writer] = kernel::make_pipe(O_CLOEXEC | O_NONBLOCK);
    kernel::set_pipe_capacity(writer.get(), state.capacity());
    kernel::fill_pipe_ring(writer.get(), {state.content(), {state.packets().begin(), state.packets().end()}});
    set_owner(reader.get(), state);
    context.keep(record.id, kernel::duplicate(reader.get()));
    give(context, record.id, O_RDONLY, std::move(reader));
    give(context, record.id, O_WRONLY, std::move(writer));
  }

  static void set_owner(int fd, const image::Pipe& state) {
    struct stat made = kernel::fstat(fd);
    if (made.st_uid != state.owner() || made.st_gid != state.group()) {
      kernel::change_owner(fd, state.owner(), state.group());
    }
    if ((made.st_mode & kPermissions) != state.mode()) kernel::change_mode(fd, state.mode());
  }

  // To the record of the end that pipe(2) had made, if the tree still has it.
  static void give(RestoreContext& context, RecordId pipe, unsigned access, OwnedFd end) {
    for (const Record* record : context.records().of_kind("pipe_end")) {
      const auto& state = record->as<image::PipeEnd>();
      if (state.pipe().id() != pipe.value || state.reopened() || state.access() != access) continue;
      return context.keep(record->id, std::move(end));
    }
  }
};

class PipeEndKind final : public TypedKind<image::PipeEnd>, public AnyDescriptionKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  bool recognises(const DescriptionView& view) const override {
    return view.link().starts_with(kLink) && (view.flags() & O_PATH) == 0;
  }

  image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const override {
    unsigned access = access_of(view.flags());
    bool is_new = false;
    RecordId pipe = context.object("pipe", std::to_string(view.stat().st_ino), [&] {
      is_new = true;
      return PipeKind::describe(context, view);
    });
    if (is_new) PipeKind::judge_at_end(context, view, pipe);
    auto state = std::make_unique<image::PipeEnd>();
    state->mutable_pipe()->set_id(pipe.value);
    state->set_access(access);
    state->set_reopened((view.flags() & kLargeFile) != 0);
    return state;
  }

  // An end that pipe(2) made was kept for us when the pipe was.
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone != image::MADE || context.fd(record.id) >= 0) return;
    const auto& state = record.as<image::PipeEnd>();
    context.keep(record.id, reopen(context.fd({state.pipe().id()}), state.access()));
  }
};

}  // namespace

const Kind& pipe_kind() {
  static const PipeKind kKind;
  return kKind;
}

const Kind& pipe_end_kind() {
  static const PipeEndKind kKind;
  return kKind;
}

}  // namespace cairn::resources
