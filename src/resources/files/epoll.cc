// epoll(7): a set of items {description, number under which it was added, events, data}. fdinfo shows all but the
// description, which kcmp(2) finds: mostly at its number in the process that holds the epoll, but the number may have
// been closed or given away since, and then every descriptor of the tree is tried.
//
// An item keeps its number as part of its name (EPOLL_CTL_DEL and MOD look for it), so it is added from a descriptor
// table in which the target stands at that number: a thread of ours with a table of its own. The item stays when that
// table goes, since the description lives on.
//
// Which items are in the ready list can't be seen. An edge-triggered item whose target is ready reports once more than
// it had to; a lost edge would be worse. A one-shot item that has fired is fired again by an event that its target has
// now; where there is none the checkpoint is refused. Refused too: items whose target nobody in the tree has.
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "kernel/constants.h"
#include "resources/files/epoll.pb.h"
#include "resources/kind.h"
#include "resources/own_table.h"

namespace cairn::resources {
namespace {

// What an item keeps when it is one-shot and has fired (EP_PRIVATE_BITS of fs/eventpoll.c).
constexpr uint32_t kPrivateBits =
    uint32_t{EPOLLWAKEUP} | uint32_t{EPOLLONESHOT} | uint32_t{EPOLLET} | uint32_t{EPOLLEXCLUSIVE};

bool has_fired(uint32_t events) { return (events & EPOLLONESHOT) != 0 && (events & ~kPrivateBits) == 0; }

// All that the target reports at this moment.
uint32_t ready_events(int target) {
  pollfd entry{target, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0};
  kernel::poll(std::span(&entry, 1), std::chrono::milliseconds(0));
  return static_cast<uint32_t>(entry.revents);
}

// Finds the descriptions behind the items of one epoll.
class TargetSearch {
 public:
  TargetSearch(DescribeContext& context, const DescriptionView& view) : context_(context), view_(view) {}

  struct Target {
    RecordId record;  // 0: nobody in the tree has it
    uint32_t ready = 0;
  };

  // `place`: how many items with the same number come before it.
  Target find(const kernel::EpollItem& item, uint32_t place) {
    if (Target found = try_descriptor(item, place, view_.holder(), item.fd); found.record) return found;
    for (tracee::HeldProcess& process : context_.processes()) {
      if (process.zombie) continue;
      for (int number : process.proc.list_numbers("fd")) {
        if (Target found = try_descriptor(item, place, process.pid, number); found.record) return found;
      }
    }
    return {};
  }

 private:
  Target try_descriptor(const kernel::EpollItem& item, uint32_t place, HostPid process, int number) {
    auto duplicate = kernel::try_pidfd_getfd(pidfd(process), number);
    if (!duplicate || !is_target(item, place, duplicate->get())) return {};
    return {context_.description(process, number), ready_events(duplicate->get())};
  }

  // The inode tells most strangers apart, and a socket's inode has no other description. Only then kcmp is asked, which
  // walks over all items before this one.
  bool is_target(const kernel::EpollItem& item, uint32_t place, int fd) {
    struct stat stat = kernel::fstat(fd);
    if (stat.st_ino != item.inode) return false;
    if (S_ISSOCK(stat.st_mode)) return true;
    kcmp_epoll_slot slot{static_cast<uint32_t>(view_.fd()), static_cast<uint32_t>(item.fd), place};
    HostPid self{::getpid()};
    int order = kernel::try_kcmp(self, self, KCMP_EPOLL_TFD, static_cast<unsigned long>(fd),
                                 static_cast<unsigned long>(kernel::arg(&slot)));
    if (order < 0) throw Error::system("kcmp of an epoll's item", -order);
    return order == 0;
  }

  int pidfd(HostPid process) {
    auto [place, is_new] = pidfds_.try_emplace(process);
    if (is_new) place->second = kernel::pidfd_open(process);
    return place->second.get();
  }

  DescribeContext& context_;
  const DescriptionView& view_;
  std::map<HostPid, OwnedFd> pidfds_;
};

struct PlacedItem {
  kernel::EpollItem item;
  uint32_t place;  // how many items with the same number come before it in the kernel's order
};

// fdinfo's order is that of kernel addresses, which says nothing and changes with every restore; so by number.
std::vector<PlacedItem> items_of(const DescriptionView& view) {
  std::vector<PlacedItem> items;
  std::map<int, uint32_t> seen;
  for (const kernel::EpollItem& item : kernel::parse_epoll_items(view.fdinfo())) {
    items.push_back({item, seen[item.fd]++});
  }
  std::sort(items.begin(), items.end(), [](const PlacedItem& a, const PlacedItem& b) {
    return std::tuple(a.item.fd, a.item.data, a.place) < std::tuple(b.item.fd, b.item.data, b.place);
  });
  return items;
}

void refuse_lost(DescribeContext& context, const kernel::EpollItem& item) {
  context.obstacle(
      fmt::format("it watches what was descriptor {} (inode {}), which no process of the tree has open now", item.fd,
                  item.inode),
      "remove the item before its descriptor is closed, or checkpoint from an ancestor of who has it", "epoll items");
}

void refuse_quiet(DescribeContext& context, const kernel::EpollItem& item) {
  context.passing_obstacle(
      fmt::format(
          "its one-shot item for descriptor {} has fired and can't be disabled anew while nothing is ready there",
          item.fd),
      "try again, or arm the item", "epoll items");
}

// Adds items to one epoll, each from its own number. Only in a table of our own.
class ItemAdder {
 public:
  ItemAdder(RestoreContext& context, const image::Epoll& state, int epoll)
      : context_(context), state_(state), epoll_(epoll) {}

  void add_all() {
    make_room();
    // Those that must fire come first: nothing else can be reported then.
    for (const image::EpollItem& item : state_.items()) {
      if (has_fired(item.events())) add_fired(item);
    }
    for (const image::EpollItem& item : state_.items()) {
      if (!has_fired(item.events())) add(item, item.events());
    }
  }

 private:
  // Moves what we need away from the numbers at which items will stand.
  void make_room() {
    std::set<int> wanted, needed{epoll_};
    for (const image::EpollItem& item : state_.items()) {
      wanted.insert(item.number());
      needed.insert(target(item));
    }
    int free = 0;
    for (int fd : needed) {
      places_[fd] = fd;
      if (!wanted.contains(fd)) continue;
      while (wanted.contains(free) || needed.contains(free)) ++free;
      kernel::checked("dup3", SYS_dup3, fd, free, O_CLOEXEC);
      places_[fd] = free++;
    }
  }

  int target(const image::EpollItem& item) const {
    int fd = context_.fd({item.target().id()});
    if (fd < 0) throw Error(fmt::format("the target of its item {} is not there", item.number()));
    return fd;
  }

  void add(const image::EpollItem& item, uint32_t events) {
    kernel::checked("dup3", SYS_dup3, places_.at(target(item)), item.number(), O_CLOEXEC);
    epoll_event event{events, {.u64 = item.data()}};
    kernel::checked("epoll_ctl", SYS_epoll_ctl, places_.at(epoll_), EPOLL_CTL_ADD, item.number(), kernel::arg(&event));
  }

  void add_fired(const image::EpollItem& item) {
    uint32_t ready = ready_events(places_.at(target(item)));
    add(item, item.events() | ready);
    epoll_event reported{};
    long count = kernel::checked("epoll_wait", SYS_epoll_pwait, places_.at(epoll_), kernel::arg(&reported), 1, 0, 0, 8);
    if (count == 0) {
      log::notice("an epoll's one-shot item for descriptor {} stays armed for errors and hang-ups", item.number());
    }
  }

  RestoreContext& context_;
  const image::Epoll& state_;
  int epoll_;
  std::map<int, int> places_;  // our descriptor -> where it stands in this table
};

class EpollKind final : public DescriptionKind<image::Epoll> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[eventpoll]"; }

  image::Epoll describe(DescribeContext& context, const DescriptionView& view) const override {
    image::Epoll state;
    add_parameters(view, state);
    TargetSearch search(context, view);
    for (const PlacedItem& placed : items_of(view)) {
      const kernel::EpollItem& item = placed.item;
      TargetSearch::Target target = search.find(item, placed.place);
      if (!target.record) refuse_lost(context, item);
      if (has_fired(item.events) && target.record && target.ready == 0) refuse_quiet(context, item);
      image::EpollItem* added = state.add_items();
      added->mutable_target()->set_id(target.record.value);
      added->set_number(item.fd);
      added->set_events(item.events);
      added->set_data(item.data);
    }
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Epoll& state) const override {
    OwnedFd fd(static_cast<int>(kernel::checked("epoll_create1", SYS_epoll_create1, EPOLL_CLOEXEC)));
    if (state.busy_poll_microseconds() == 0 && state.busy_poll_budget() == 0 && !state.prefers_busy_poll()) return fd;
    kernel::EpollParameters parameters{state.busy_poll_microseconds(), static_cast<uint16_t>(state.busy_poll_budget()),
                                       static_cast<uint8_t>(state.prefers_busy_poll()), 0};
    kernel::checked("EPIOCSPARAMS", SYS_ioctl, fd.get(), kernel::kEpollSetParameters, kernel::arg(&parameters));
    return fd;
  }

  void connect(RestoreContext& context, const image::Epoll& state, int fd) const override {
    if (state.items().empty()) return;
    with_own_table([&] { ItemAdder(context, state, fd).add_all(); });
  }

 private:
  static void add_parameters(const DescriptionView& view, image::Epoll& state) {
    kernel::EpollParameters parameters{};
    long result =
        kernel::call("EPIOCGPARAMS", SYS_ioctl, view.fd(), kernel::kEpollGetParameters, kernel::arg(&parameters));
    // Before Linux 6.9, and without CONFIG_NET_RX_BUSY_POLL.
    if (result == -ENOTTY || result == -EINVAL || result == -EOPNOTSUPP) return;
    if (result < 0) throw Error::system("read the busy-poll parameters (EPIOCGPARAMS)", static_cast<int>(-result));
    state.set_busy_poll_microseconds(parameters.busy_poll_microseconds);
    state.set_busy_poll_budget(parameters.busy_poll_budget);
    state.set_prefers_busy_poll(parameters.prefer_busy_poll != 0);
  }
};

}  // namespace

const Kind& epoll_kind() {
  static const EpollKind kKind;
  return kKind;
}

}  // namespace cairn::resources
