// mq_overview(7): POSIX message queues. A queue lives on the host, under a name in its ipc namespace; its attributes
// and the number of its messages are told by mq_getattr(3), and who is to be notified by the text that read(2) shows of
// a descriptor. A message can't be read without taking it away.
//
// So a queue that has a name stays the host's with what is in it, and is checked. One that has lost its name is made
// anew when it is empty, else a checkpoint waits. All its ends must be in the tree.
//
// Refused by name: a process of the tree that is to be notified by a signal or a thread (the value that these bring
// shows nowhere); a queue that was opened through a mount of its file system. Lost: times of the inode, and whose limit
// (RLIMIT_MSGQUEUE) a queue without a name counts against: it is that of the restorer then.
#include <fcntl.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "base/scope_guard.h"
#include "kernel/storage.h"
#include "resources/file_path.h"
#include "resources/files/message_queue.pb.h"
#include "resources/kind.h"
#include "resources/own_rights.h"

namespace cairn::resources {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr const char* kRule = "message queues";
constexpr mode_t kPermissions = 07777;
constexpr int kLargeFile = 0100000;  // O_LARGEFILE, which mq_open(2) doesn't set

bool reads(uint32_t flags) { return (flags & O_ACCMODE) != O_WRONLY; }
// For mq_open(2). Its descriptors are always closed on exec, but it takes O_CLOEXEC for a flag of the description.
int opening_flags(uint32_t flags) { return static_cast<int>(flags & (O_ACCMODE | O_CLOEXEC)); }

OwnedFd reopen(int fd, int flags) { return kernel::open(fmt::format("/proc/self/fd/{}", fd), flags | O_NONBLOCK); }

// Or a negative errno. The system call takes the name without its slash.
long try_open(const std::string& name, int flags, mode_t mode = 0, const mq_attr* attributes = nullptr) {
  return kernel::call("mq_open", SYS_mq_open, kernel::arg(name.c_str() + 1), flags | O_NONBLOCK, mode,
                      kernel::arg(attributes));
}

OwnedFd open(const std::string& name, int flags) {
  long fd = try_open(name, flags);
  if (fd < 0) throw Error::system(fmt::format("mq_open {}", name), static_cast<int>(-fd));
  return OwnedFd(static_cast<int>(fd));
}

mq_attr attributes_of(int fd) {
  mq_attr attributes{};
  kernel::checked("mq_getattr", SYS_mq_getsetattr, fd, 0, kernel::arg(&attributes));
  return attributes;
}

std::vector<const Record*> ends_of(const graph::RecordSet& records, RecordId queue) {
  std::vector<const Record*> ends;
  for (const Record* record : records.of_kind("message_queue_end"))
    if (record->as<image::MessageQueueEnd>().queue().id() == queue.value) ends.push_back(record);
  return ends;
}

// Who asked for a notification, as the text of a queue says.
struct Registration {
  HostPid process;  // 0: nobody
  int how = 0;
};

// The text asks for an end that reads. None: it can't be had.
std::optional<Registration> registration_of(const DescriptionView& view) {
  OwnedFd reader;
  if (!reads(static_cast<uint32_t>(view.flags()))) {
    auto opened = kernel::try_open_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", view.fd()), O_RDONLY | O_NONBLOCK);
    if (!opened) return {};
    reader = std::move(*opened);
  }
  std::string text(256, '\0');  // "QSIZE:5          NOTIFY:0     SIGNO:10    NOTIFY_PID:42    "
  long size = kernel::checked("read a message queue", SYS_pread64, reader ? reader.get() : view.fd(),
                              kernel::arg(text.data()), text.size(), 0);
  text.resize(static_cast<size_t>(size));
  std::ranges::replace(text, ' ', '\n');
  kernel::KeyValues fields = kernel::KeyValues::parse(text);
  return Registration{{static_cast<pid_t>(fields.number("NOTIFY_PID"))}, static_cast<int>(fields.number("NOTIFY"))};
}

class MessageQueueKind final : public TypedKind<image::MessageQueue> {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<image::MessageQueue>();
    std::string name = view.link();
    state->set_unlinked(view.stat().st_nlink == 0);
    if (state->unlinked() && name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
    state->set_name(name);
    mq_attr attributes = attributes_of(view.fd());
    state->set_most_messages(attributes.mq_maxmsg);
    state->set_message_size(attributes.mq_msgsize);
    state->set_messages(attributes.mq_curmsgs);
    state->set_mode(view.stat().st_mode & kPermissions);
    state->set_owner(view.stat().st_uid);
    state->set_group(view.stat().st_gid);
    if (state->unlinked()) judge_nameless(context, view, *state);
    describe_registration(context, view, *state);
    return {std::move(state), {}};
  }

  void check(CheckContext& context, const Record& record) const override {
    const auto& state = record.as<image::MessageQueue>();
    state.unlinked() ? check_limits(context, state) : check_named(context, record.id, state);
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    const auto& state = record.as<image::MessageQueue>();
    if (milestone == image::MADE && state.unlinked()) make(context, record.id, state);
    if (milestone == image::SEALED && state.notified().id() != 0) ask_for_notification(context, state);
  }

 private:
  static void judge_nameless(DescribeContext& context, const DescriptionView& view, const image::MessageQueue& state) {
    std::string what = fmt::format("the message queue {}, which has lost its name,", state.name());
    if (state.messages() != 0) {
      context.passing_obstacle(
          fmt::format("{} holds {} messages, which nobody can read without taking them", what, state.messages()),
          "try again when they have been received", kRule);
    }
    if (auto holder = context.outside().holder_of_nameless(view.stat().st_dev, view.stat().st_ino)) {
      context.obstacle(fmt::format("{} is also open in {}, outside the tree", what, holder->text()),
                       "checkpoint from an ancestor of both, or close it there", kRule);
    }
  }

  static void describe_registration(DescribeContext& context, const DescriptionView& view, image::MessageQueue& state) {
    auto registration = registration_of(view);
    if (!registration) {
      return context.obstacle(fmt::format("the message queue {} may not be read, so that nothing tells who is notified "
                                          "of messages",
                                          state.name()),
                              "run cairn as root", kRule);
    }
    auto is_notified = [&](const tracee::HeldProcess& process) { return process.pid == registration->process; };
    auto process = std::ranges::find_if(context.processes(), is_notified);
    if (process == context.processes().end()) return;
    if (registration->how == SIGEV_NONE) {
      state.mutable_notified()->set_id(context.task(process->tasks.front().thread()).value);
      state.set_notified_number(number_in(*process, view.stat()));
    } else {
      context.obstacle(
          fmt::format("process {} is notified of a message in the queue {} with a value that shows nowhere (mq_notify)",
                      registration->process.value, state.name()),
          "checkpoint it while it has not asked for that", kRule);
    }
  }

  // Who has asked has a descriptor: the request ends when it closes any.
  static int number_in(const tracee::HeldProcess& process, const struct stat& queue) {
    for (int number : process.proc.list_numbers("fd")) {
      auto stat = kernel::try_stat_at(process.proc.fd(), fmt::format("fd/{}", number));
      if (stat && stat->st_dev == queue.st_dev && stat->st_ino == queue.st_ino) return number;
    }
    throw Error("who is notified of messages has no descriptor of the queue");
  }

  // Like a file that is open for writing, it may have grown, but not shrunk; unless the tree only sends.
  static void check_named(CheckContext& context, RecordId id, const image::MessageQueue& state) {
    auto ends = ends_of(context.records(), id);
    bool receives =
        std::ranges::any_of(ends, [](const Record* end) { return reads(end->as<image::MessageQueueEnd>().flags()); });
    int64_t least = receives && !context.accepts_change(state.name()) ? state.messages() : 0;
    std::string needed =
        fmt::format("must be for {} messages of {} bytes", state.most_messages(), state.message_size());
    if (least != 0) needed += fmt::format(", and have {} of them or more", least);
    std::string found;
    for (const Record* end : ends) {
      long opened = try_open(state.name(), opening_flags(end->as<image::MessageQueueEnd>().flags()));
      if (opened < 0) {
        found = opened == -ENOENT ? "nothing" : std::strerror(static_cast<int>(-opened));
        continue;
      }
      OwnedFd fd(static_cast<int>(opened));
      mq_attr attributes = attributes_of(fd.get());
      bool is_same = attributes.mq_maxmsg == state.most_messages() && attributes.mq_msgsize == state.message_size();
      if (!is_same || attributes.mq_curmsgs < least)
        found = fmt::format("{} of {} messages of {} bytes", attributes.mq_curmsgs, attributes.mq_maxmsg,
                            attributes.mq_msgsize);
    }
    context.add({.object = "message queue " + state.name(), .needed = needed, .met = found.empty(), .found = found});
  }

  static void check_limits(CheckContext& context, const image::MessageQueue& state) {
    if (has_capability(CAP_SYS_RESOURCE)) return;
    auto check = [&](const char* limit, int64_t value) {
      int64_t most = std::stoll(kernel::read_file(limit));
      context.add({.object = fmt::format("message queue {}", state.name()),
                   .needed = fmt::format("{} must be {} at least", limit, value),
                   .met = most >= value,
                   .found = std::to_string(most)});
    };
    check("/proc/sys/fs/mqueue/msg_max", state.most_messages());
    check("/proc/sys/fs/mqueue/msgsize_max", state.message_size());
  }

  // Its ends are opened while it has a name, without O_LARGEFILE.
  static void make(RestoreContext& context, RecordId id, const image::MessageQueue& state) {
    std::string name = state.name();
    mq_attr attributes{};
    attributes.mq_maxmsg = state.most_messages();
    attributes.mq_msgsize = state.message_size();
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL;
    constexpr mode_t kOurs = 0600;
    long made = try_open(name, kFlags, kOurs, &attributes);
    if (made == -EEXIST) {
      name = fmt::format("/cairn.{}.{}", ::getpid(), id.value);
      made = try_open(name, kFlags, kOurs, &attributes);
    }
    if (made < 0) throw Error::system(fmt::format("make message queue {}", name), static_cast<int>(-made));
    OwnedFd fd(static_cast<int>(made));
    ScopeGuard unlink([&] { kernel::call("mq_unlink", SYS_mq_unlink, kernel::arg(name.c_str() + 1)); });
    for (const Record* end : ends_of(context.records(), id)) {
      auto flags = end->as<image::MessageQueueEnd>().flags();
      if ((flags & kLargeFile) == 0) context.keep(end->id, open(name, opening_flags(flags)));
    }
    unlink.dismiss();
    kernel::checked("mq_unlink", SYS_mq_unlink, kernel::arg(name.c_str() + 1));
    set_owner(fd.get(), state);
    context.keep(id, std::move(fd));
  }

  static void set_owner(int fd, const image::MessageQueue& state) {
    struct stat made = kernel::fstat(fd);
    if (made.st_uid != state.owner() || made.st_gid != state.group())
      kernel::change_owner(fd, state.owner(), state.group());
    if ((made.st_mode & kPermissions) != state.mode()) kernel::change_mode(fd, state.mode());
  }

  // Closing any descriptor of the queue takes the request back, so it is made by one that stays.
  static void ask_for_notification(RestoreContext& context, const image::MessageQueue& state) {
    sigevent event{};
    event.sigev_notify = SIGEV_NONE;
    tracee::Batch& batch = context.actor_of({state.notified().id()}).room(1, sizeof(event));
    batch.call(SYS_mq_notify, state.notified_number(), batch.put(event));
  }
};

class MessageQueueEndKind final : public TypedKind<image::MessageQueueEnd>, public AnyDescriptionKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kObject; }

  // Through a mount of the file system there is more than one slash.
  bool recognises(const DescriptionView& view) const override {
    return view.is(S_IFREG) && (view.flags() & O_PATH) == 0 && view.file_system() == kMessageQueueFileSystem &&
           view.link().rfind('/') == 0;
  }

  image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const override {
    std::string key = fmt::format("{}:{}", view.stat().st_dev, view.stat().st_ino);
    RecordId queue = context.object("message_queue", key, [&] { return MessageQueueKind::describe(context, view); });
    auto state = std::make_unique<image::MessageQueueEnd>();
    state->mutable_queue()->set_id(queue.value);
    state->set_flags(static_cast<uint32_t>(view.flags()));
    state->set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    return state;
  }

  // An end of a queue without a name was kept for us when that was made, unless it came to be through /proc.
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone != image::MADE) return;
    const auto& state = record.as<image::MessageQueueEnd>();
    if (context.fd(record.id) < 0) context.keep(record.id, open_end(context, state));
    if (state.position() != 0) kernel::seek(context.fd(record.id), state.position(), SEEK_SET);
  }

 private:
  static OwnedFd open_end(RestoreContext& context, const image::MessageQueueEnd& state) {
    int flags = opening_flags(state.flags());
    RecordId id{state.queue().id()};
    const auto& queue = context.records().state<image::MessageQueue>(id);
    if (queue.unlinked()) return reopen(context.fd(id), flags & O_ACCMODE);
    OwnedFd fd = open(queue.name(), flags);
    return (state.flags() & kLargeFile) == 0 ? std::move(fd) : reopen(fd.get(), flags & O_ACCMODE);
  }
};

}  // namespace

const Kind& message_queue_kind() {
  static const MessageQueueKind kKind;
  return kKind;
}

const Kind& message_queue_end_kind() {
  static const MessageQueueEndKind kKind;
  return kKind;
}

}  // namespace cairn::resources
