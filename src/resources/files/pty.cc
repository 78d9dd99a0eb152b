// pty(7): a pair of pseudoterminals, the master that some program such as a terminal emulator or sshd has, and the
// slave, /dev/pts/N, that others take for a terminal. Everything shows through the master: settings, window size,
// locks, packet mode. A pair comes back under its number, for programs know the name; the kernel gives out the lowest
// number, so those below are taken for the moment.
//
// What is on its way can't be read without taking it away: a checkpoint waits until it has been read. Lost: the
// beginning of a line that is being typed (canonical mode), which shows nowhere. Refused: a slave whose master is
// closed (hung up), a pair that somebody outside the tree has too, line disciplines other than the usual, stopped
// output.
//
// A terminal whose master is outside is the user's: at a restore in the foreground the tree gets the restorer's.
#include <asm/termbits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/socket.h"
#include "resources/kind.h"
#include "resources/terminals.h"
#include "resources/terminals.pb.h"

namespace cairn::resources {
namespace {

using image::TerminalEnd;
using image::TerminalSettings;

constexpr const char* kRule = "terminals";
constexpr mode_t kPermissions = 07777;
constexpr uint32_t kLargeFile = 0100000;  // O_LARGEFILE, which every open(2) sets and TIOCGPTPEER doesn't

void control(const char* name, int fd, unsigned long request, const void* argument) {
  kernel::checked(name, SYS_ioctl, fd, static_cast<long>(request), kernel::arg(argument));
}

int number_from(const char* name, int fd, unsigned long request) {
  int value = 0;
  control(name, fd, request, &value);
  return value;
}

template <typename Kernels>
void store(const Kernels& from, TerminalSettings& to) {
  to.set_input(from.c_iflag);
  to.set_output(from.c_oflag);
  to.set_control(from.c_cflag);
  to.set_local(from.c_lflag);
  to.set_characters(std::string(reinterpret_cast<const char*>(from.c_cc), sizeof(from.c_cc)));
}

template <typename Kernels>
Kernels load(const TerminalSettings& from) {
  Kernels to{};
  to.c_iflag = from.input();
  to.c_oflag = from.output();
  to.c_cflag = from.control();
  to.c_lflag = from.local();
  std::copy_n(from.characters().data(), std::min(from.characters().size(), sizeof(to.c_cc)), to.c_cc);
  return to;
}

TerminalSettings settings_of(int fd) {
  termios2 found{};
  control("TCGETS2", fd, TCGETS2, &found);
  TerminalSettings settings;
  store(found, settings);
  settings.set_input_speed(found.c_ispeed);
  settings.set_output_speed(found.c_ospeed);
  return settings;
}

void apply_settings(int fd, const TerminalSettings& settings) {
  auto wanted = load<termios2>(settings);
  wanted.c_ispeed = settings.input_speed();
  wanted.c_ospeed = settings.output_speed();
  control("TCSETS2", fd, TCSETS2, &wanted);
}

// It is closed when the last actions have run.
void hold_until_end(RestoreContext& context, OwnedFd fd) {
  context.at_end([held = std::make_shared<OwnedFd>(std::move(fd))] {});
}

class PtyKind final : public ObjectKind<image::Pty> {
 public:
  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& master, unsigned number) {
    auto state = std::make_unique<image::Pty>();
    int fd = master.fd();
    state->set_number(number);
    state->set_multiplexer(master.link());
    state->set_path(fmt::format("/dev/pts/{}", number));
    describe_node(context, master, *state);
    *state->mutable_settings() = settings_of(fd);
    describe_locked(fd, *state);
    winsize size{};
    control("TIOCGWINSZ", fd, TIOCGWINSZ, &size);
    state->set_rows(size.ws_row);
    state->set_columns(size.ws_col);
    state->set_width(size.ws_xpixel);
    state->set_height(size.ws_ypixel);
    state->set_packets(number_from("TIOCGPKT", fd, TIOCGPKT) != 0);
    state->set_is_locked(number_from("TIOCGPTLCK", fd, TIOCGPTLCK) != 0);
    state->set_slave_closed((kernel::poll_now(fd, 0) & POLLHUP) != 0);
    return {std::move(state), {}};
  }

  OwnedFd create(RestoreContext& context, const image::Pty& state) const override {
    OwnedFd master = open_numbered(context, state);
    int unlocked = 0;
    control("TIOCSPTLCK", master.get(), TIOCSPTLCK, &unlocked);
    std::string path = context.path_in_tree(state.path());
    kernel::checked("fchownat", SYS_fchownat, AT_FDCWD, kernel::arg(path.c_str()), state.owner(), state.group(), 0);
    kernel::checked("fchmodat", SYS_fchmodat, AT_FDCWD, kernel::arg(path.c_str()), state.mode());
    apply_settings(master.get(), state.settings());
    if (state.has_locked()) {
      auto locked = load<termios>(state.locked());
      control("TIOCSLCKTRMIOS", master.get(), TIOCSLCKTRMIOS, &locked);
    }
    winsize size{static_cast<uint16_t>(state.rows()), static_cast<uint16_t>(state.columns()),
                 static_cast<uint16_t>(state.width()), static_cast<uint16_t>(state.height())};
    control("TIOCSWINSZ", master.get(), TIOCSWINSZ, &size);
    if (state.slave_closed()) hold_until_end(context, kernel::open(path, O_RDWR | O_NOCTTY));
    return master;
  }

  void seal(RestoreContext&, const image::Pty& state, int fd) const override {
    int on = 1;
    if (state.packets()) control("TIOCPKT", fd, TIOCPKT, &on);
    if (state.is_locked()) control("TIOCSPTLCK", fd, TIOCSPTLCK, &on);
  }

  void check(CheckContext& context, const image::Pty& state) const override {
    bool taken = kernel::try_stat_at(AT_FDCWD, state.path()).has_value();
    context.add({"terminal " + state.path(), "its number must be free", !taken, taken ? "in use" : ""});
    bool can_make = kernel::try_stat_at(AT_FDCWD, state.multiplexer()).has_value();
    context.add({"device " + state.multiplexer(), "must be there", can_make, can_make ? "" : "nothing"});
  }

 private:
  static void describe_node(DescribeContext& context, const DescriptionView& master, image::Pty& state) {
    auto node = kernel::try_stat_at(AT_FDCWD, context.path_in_tree(state.path()));
    if (!node || pty_of_device(node->st_rdev) != state.number() || node->st_dev != devpts_of(context, master)) {
      return context.obstacle(fmt::format("{} is not the other end of the terminal {}", state.path(), state.number()),
                              "run cairn where that file system is mounted at /dev/pts", kRule);
    }
    state.set_mode(node->st_mode & kPermissions);
    state.set_owner(node->st_uid);
    state.set_group(node->st_gid);
    refuse_shared(context, state, *node);
  }

  // There may be several (Linux 4.7): of /dev/ptmx it is the one beside it.
  static std::optional<dev_t> devpts_of(DescribeContext& context, const DescriptionView& master) {
    constexpr long kDevpts = 0x1cd1;  // DEVPTS_SUPER_MAGIC
    if (master.file_system() == kDevpts) return master.stat().st_dev;
    std::string beside = master.link().substr(0, master.link().rfind('/')) + "/pts";
    auto found = kernel::try_stat_at(AT_FDCWD, context.path_in_tree(beside));
    return found ? std::optional(found->st_dev) : std::nullopt;
  }

  static void describe_locked(int fd, image::Pty& state) {
    termios locked{};
    control("TIOCGLCKTRMIOS", fd, TIOCGLCKTRMIOS, &locked);
    termios none{};
    none.c_line = locked.c_line;
    if (std::memcmp(&locked, &none, sizeof(locked)) != 0) store(locked, *state.mutable_locked());
  }

  static void refuse_shared(DescribeContext& context, const image::Pty& state, const struct stat& node) {
    context.at_end([&context, path = state.path(), multiplexer = state.multiplexer(), number = state.number(), node] {
      Place place(context, "terminal " + path);
      if (auto holder = slave_outside(context, path, node)) {
        context.obstacle(fmt::format("process {}, outside the tree, has it open too", holder->value),
                         "close it there, or checkpoint from an ancestor of both", kRule);
      }
      if (auto holder = master_outside(context, multiplexer, number)) {
        context.obstacle(fmt::format("process {}, outside the tree, has its master too", holder->value),
                         "close it there, or checkpoint from an ancestor of both", kRule);
      }
    });
  }

  // The kernel gives out the lowest number that is free.
  static OwnedFd open_numbered(const RestoreContext& context, const image::Pty& state) {
    std::string multiplexer = context.path_in_tree(state.multiplexer());
    std::vector<OwnedFd> below;
    for (;;) {
      OwnedFd master = kernel::open(multiplexer, O_RDWR | O_NOCTTY);
      auto number = static_cast<unsigned>(number_from("TIOCGPTN", master.get(), TIOCGPTN));
      if (number == state.number()) return master;
      if (number > state.number()) throw Error(fmt::format("{} was taken meanwhile", state.path()));
      below.push_back(std::move(master));
    }
  }
};

class OuterTerminalKind final : public ObjectKind<image::OuterTerminal> {
 public:
  static DescribeContext::NewObject describe(DescribeContext& context, const DescriptionView& view) {
    auto state = std::make_unique<image::OuterTerminal>();
    state->set_path(view.link());
    *state->mutable_settings() = settings_of(view.fd());
    auto& first = context.once<FirstPath>().path;
    if (!first) first = view.link();
    if (*first != view.link()) {
      context.obstacle(fmt::format("the other ends of {} and of {} are both outside the tree", *first, view.link()),
                       "close all but one", kRule);
    }
    return {std::move(state), {}};
  }

  void check(CheckContext& context, const image::OuterTerminal& state) const override {
    bool met = context.in_foreground() && own_terminal().has_value();
    context.add({"terminal " + state.path(), "a terminal must take its place", met,
                 met                       ? ""
                 : context.in_foreground() ? "cairn runs without a terminal"
                                           : "a restore that isn't in the foreground"});
  }

  OwnedFd create(RestoreContext& context, const image::OuterTerminal&) const override {
    auto path = own_terminal();
    if (!path) throw Error("cairn runs without a terminal");
    return kernel::open(context.path_in_tree(*path), O_RDWR | O_NOCTTY);
  }

  // Only the foreground may set a terminal without being stopped.
  void seal(RestoreContext&, const image::OuterTerminal& state, int fd) const override {
    int group = 0;
    if (kernel::call("TIOCGPGRP", SYS_ioctl, fd, TIOCGPGRP, kernel::arg(&group)) == 0 && group == ::getpgrp())
      apply_settings(fd, state.settings());
  }

 private:
  struct FirstPath {
    std::optional<std::string> path;
  };

  // Of the standard streams; which /dev/tty would name, but programs want its name.
  static std::optional<std::string> own_terminal() {
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      termios2 settings{};
      if (kernel::call("TCGETS2", SYS_ioctl, fd, TCGETS2, kernel::arg(&settings)) == 0) return kernel::link_of(fd);
    }
    return std::nullopt;
  }
};

class TerminalEndKind final : public DescriptionKind<TerminalEnd> {
 public:
  bool recognises(const DescriptionView& view) const override { return is_pty_master(view) || is_pty_slave(view); }

  TerminalEnd describe(DescribeContext& context, const DescriptionView& view) const override {
    TerminalEnd state;
    bool is_master = is_pty_master(view);
    state.set_end(is_master ? TerminalEnd::MASTER : TerminalEnd::SLAVE);
    state.set_flags(static_cast<uint32_t>(view.flags()) & (O_ACCMODE | O_CLOEXEC | kLargeFile));
    int exclusive = 0;
    if (kernel::call("TIOCGEXCL", SYS_ioctl, view.fd(), TIOCGEXCL, kernel::arg(&exclusive)) < 0) {
      context.obstacle(fmt::format("the terminal {} is hung up", view.link()), "close it before the checkpoint", kRule);
      return state;
    }
    state.set_exclusive(exclusive != 0);
    if (number_from("TIOCGETD", view.fd(), TIOCGETD) != N_TTY) {
      context.obstacle(fmt::format("{} has a line discipline of its own", view.link()), "end what uses it", kRule);
    }
    if (is_master) {
      describe_master(context, view, state);
    } else {
      describe_slave(context, view, state);
    }
    return state;
  }

  OwnedFd create(RestoreContext& context, const TerminalEnd& state) const override {
    if (state.end() == TerminalEnd::MASTER) return kernel::duplicate(context.fd({state.pty().id()}));
    int flags = static_cast<int>(state.flags() & O_ACCMODE) | O_NOCTTY;
    if (state.outer().id() != 0) {
      return kernel::open(context.path_in_tree(kernel::link_of(context.fd({state.outer().id()}))), flags);
    }
    const auto& pty = context.records().state<image::Pty>({state.pty().id()});
    if ((state.flags() & kLargeFile) != 0) return kernel::open(context.path_in_tree(pty.path()), flags);
    // It keeps O_CLOEXEC among the flags of the description, unlike open(2).
    flags |= static_cast<int>(state.flags() & O_CLOEXEC);
    OwnedFd peer(static_cast<int>(
        kernel::checked("TIOCGPTPEER", SYS_ioctl, context.fd({state.pty().id()}), TIOCGPTPEER, flags)));
    kernel::fcntl(peer.get(), F_SETFD, FD_CLOEXEC);
    return peer;
  }

  // Nobody else opens it then.
  void seal(RestoreContext& context, const TerminalEnd& state, int fd) const override {
    if (!state.exclusive() || state.pty().id() == 0) return;
    auto own = std::make_shared<OwnedFd>(kernel::duplicate(fd));
    context.at_end([own] { control("TIOCEXCL", own->get(), TIOCEXCL, nullptr); });
  }

 private:
  static void describe_master(DescribeContext& context, const DescriptionView& view, TerminalEnd& state) {
    auto number = static_cast<unsigned>(number_from("TIOCGPTN", view.fd(), TIOCGPTN));
    RecordId pty =
        context.object("pty", fmt::format("{}", number), [&] { return PtyKind::describe(context, view, number); });
    state.mutable_pty()->set_id(pty.value);
    await_reading(context, view);
    if ((kernel::poll_now(view.fd(), POLLPRI) & POLLPRI) != 0)
      context.passing_obstacle("the state of the other end has not been read (packet mode)", "again", kRule);
  }

  static void describe_slave(DescribeContext& context, const DescriptionView& view, TerminalEnd& state) {
    auto master = find_master(context, *pty_of_device(view.stat().st_rdev));
    if (!master) {
      RecordId outer =
          context.object("outer_terminal", view.link(), [&] { return OuterTerminalKind::describe(context, view); });
      state.mutable_outer()->set_id(outer.value);
      return;
    }
    if (RecordId pty = pty_of_master(context, *master)) state.mutable_pty()->set_id(pty.value);
    await_reading(context, view);
    short events = kernel::poll_now(view.fd(), POLLOUT);
    if ((events & POLLOUT) == 0)
      context.passing_obstacle("its output is stopped, or nobody has read it", "again, or resume it (Ctrl-Q)", kRule);
  }

  static void await_reading(DescribeContext& context, const DescriptionView& view) {
    bool readable = (kernel::poll_now(view.fd(), POLLIN) & POLLIN) != 0;  // this also moves on what was just written
    int unread = number_from("FIONREAD", view.fd(), FIONREAD);
    if (readable || unread > 0)
      context.passing_obstacle(fmt::format("{} bytes are unread", unread), "again: they will be read", kRule);
  }
};

}  // namespace

const Kind& outer_terminal_kind() {
  static const OuterTerminalKind kKind;
  return kKind;
}

const Kind& pty_kind() {
  static const PtyKind kKind;
  return kKind;
}

const Kind& terminal_end_kind() {
  static const TerminalEndKind kKind;
  return kKind;
}

}  // namespace cairn::resources
