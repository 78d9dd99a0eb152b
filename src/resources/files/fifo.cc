// fifo(7): a pipe with a name. As with a pipe, the ring (fifo) is an object that its ends (fifo_end) share, read by
// tee(2). A reader opens it by its path and keeps the content; the ends open that descriptor again. poll(2) reports
// POLLHUP to a reader that once had a writer, but not to one that still waits for its first; so the former are opened
// while a writer of ours is there.
//
// Refused by name: fifos that lost their name or are reached by another; fifos that somebody outside has open; what
// read_pipe_ring() can't keep. The fifo itself must be there at the restore, with nothing in it.
#include <fcntl.h>
#include <poll.h>

#include "kernel/pipe_ring.h"
#include "resources/file_path.h"
#include "resources/files/fifo.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr size_t kMostContent = image::kMostRecordBytes / 2;

OwnedFd reopen(int fd, int flags) { return kernel::open(fmt::format("/proc/self/fd/{}", fd), flags | O_NONBLOCK); }

struct Sides {
  bool reader = false, writer = false;
};
Sides sides_in(const graph::RecordSet& records, RecordId fifo) {
  Sides sides;
  for (const Record* record : records.of_kind("fifo_end")) {
    const auto& end = record->as<image::FifoEnd>();
    if (end.fifo().id() != fifo.value) continue;
    sides.reader |= (end.flags() & O_ACCMODE) != O_WRONLY;
    sides.writer |= (end.flags() & O_ACCMODE) != O_RDONLY;
  }
  return sides;
}

int events(int fd) {
  pollfd entry{fd, 0, 0};
  kernel::poll(std::span(&entry, 1), std::chrono::milliseconds(0));
  return entry.revents;
}

void refuse_outsider(DescribeContext& context, const std::string& who) {
  context.obstacle(fmt::format("the fifo is also open in {}, outside the tree", who),
                   "checkpoint from an ancestor of both, or close it there", "pipes with an end outside");
}

class FifoKind final : public ObjectKind<image::Fifo> {
 public:
  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<image::Fifo>();
    if (auto path = describe_path(context, view)) *state->mutable_path() = std::move(*path);
    state->set_capacity(kernel::pipe_capacity(view.fd()));
    add_content(context, view, *state);
    if (auto holder = context.outside().holder_of(view.link())) refuse_outsider(context, holder->text());
    return {std::move(state), kernel::duplicate(view.fd())};
  }

  // The walk over all processes can't see everything. What it can't see still shows when the tree holds one side only.
  // A reader without writer and without hang-up is no sign: it may wait for its first writer.
  static void judge_at_end(DescribeContext& context, const DescriptionView& view, RecordId fifo) {
    auto fd = std::make_shared<OwnedFd>(kernel::duplicate(view.fd()));
    context.at_end([&context, fd, fifo, link = view.link()] {
      Sides sides = sides_in(context.records(), fifo);
      if (sides.reader || (events(fd->get()) & POLLERR) != 0) return;
      Place place(context, link);
      if (!context.outside().holder_of(link)) refuse_outsider(context, "a process that cairn can't see");
    });
  }

  void check(CheckContext& context, const image::Fifo& state) const override {
    check_path(context, state.path(), Change::kAny);
  }

  OwnedFd create(RestoreContext& context, const image::Fifo& state) const override {
    const std::string& path = state.path().path();
    OwnedFd fd = open_path(context, state.path(), O_RDONLY | O_NONBLOCK);
    if (kernel::pipe_unread(fd.get()) != 0) throw Error(fmt::format("fifo {} is in use: it has content", path));
    kernel::set_pipe_capacity(fd.get(), state.capacity());
    OwnedFd writer = reopen(fd.get(), O_WRONLY);
    kernel::fill_pipe_ring(writer.get(), {state.content(), {state.packets().begin(), state.packets().end()}});
    return fd;
  }

 private:
  static void add_content(DescribeContext& context, const DescriptionView& view, image::Fifo& state) {
    size_t unread = kernel::pipe_unread(view.fd());
    if (unread == 0) return;
    if (unread > kMostContent || unread > state.capacity()) {
      return context.obstacle(fmt::format("the fifo holds {} bytes, which are too many", unread),
                              "let its reader take some first", "special pipes");
    }
    bool reads = (view.flags() & O_ACCMODE) != O_WRONLY;
    OwnedFd reader = reads ? kernel::duplicate(view.fd()) : reopen(view.fd(), O_RDONLY);
    auto ring = kernel::read_pipe_ring(reader.get());
    if (!ring) {
      return context.obstacle("its content mixes packets (O_DIRECT) and plain bytes",
                              "let its reader take the packets first", "special pipes");
    }
    state.set_content(std::move(ring->content));
    state.mutable_packets()->Assign(ring->packets.begin(), ring->packets.end());
  }
};

class FifoEndKind final : public DescriptionKind<image::FifoEnd> {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.is(S_IFIFO) && view.link().starts_with('/') && (view.flags() & O_PATH) == 0;
  }

  image::FifoEnd describe(DescribeContext& context, const DescriptionView& view) const override {
    image::FifoEnd state;
    bool is_new = false;
    std::string key = fmt::format("{}:{}", view.stat().st_dev, view.stat().st_ino);
    RecordId fifo = context.object("fifo", key, [&] {
      is_new = true;
      return FifoKind::describe(context, view);
    });
    if (is_new) FifoKind::judge_at_end(context, view, fifo);
    state.mutable_fifo()->set_id(fifo.value);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    state.set_hung_up((events(view.fd()) & POLLHUP) != 0);
    return state;
  }

  OwnedFd create(RestoreContext& context, const image::FifoEnd& state) const override {
    int ring = context.fd({state.fifo().id()});
    OwnedFd writer = state.hung_up() ? reopen(ring, O_WRONLY) : OwnedFd();
    int flags = static_cast<int>(state.flags()) & ~O_ASYNC;
    if ((flags & O_NOFOLLOW) == 0) return reopen(ring, flags);
    // Which is at odds with a link of /proc.
    const auto& fifo = context.records().state<image::Fifo>({state.fifo().id()});
    return open_path(context, fifo.path(), flags | O_NONBLOCK);
  }
};

}  // namespace

const Kind& fifo_kind() {
  static const FifoKind kKind;
  return kKind;
}

const Kind& fifo_end_kind() {
  static const FifoEndKind kKind;
  return kKind;
}

}  // namespace cairn::resources
