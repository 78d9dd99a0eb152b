// What every socket has, whatever its kind: the options of getsockopt(2) and setsockopt(2), a classic packet filter,
// and its owner (fchown(2), which firewalls match). Which there are says kernel/socket_option_table.cc.
//
// All values are kept, also defaults, since those of the restoring host may be others; only what differs there is set,
// and then read back. What must be set before bind(2) is the business of the socket's own kind; this finds it in place.
// Refused: a BPF program as filter (SO_ATTACH_BPF), kernel TLS and the like (TCP_ULP). A pending error is never asked
// for: SO_ERROR clears it.
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "kernel/socket.h"
#include "kernel/socket_option_table.h"
#include "kernel/socket_queue.h"
#include "kernel/tcp.h"
#include "resources/kind.h"
#include "resources/sockets/socket_options.pb.h"

namespace cairn::resources {
namespace {

using kernel::TabledOption;
using Use = TabledOption::Use;

struct Filter {
  std::string program;  // struct sock_filter[]
  bool is_bpf = false;  // a BPF program, which can't be read
};

// SO_GET_FILTER counts in instructions; asked for none it tells how many there are.
long get_filter(int fd, void* program, socklen_t count) {
  long result = kernel::call("getsockopt SO_GET_FILTER", SYS_getsockopt, fd, SOL_SOCKET, SO_GET_FILTER,
                             kernel::arg(program), kernel::arg(&count));
  return result < 0 ? result : static_cast<long>(count);
}

Filter read_filter(int fd) {
  long count = get_filter(fd, nullptr, 0);
  if (count <= 0) return {.is_bpf = count == -EACCES};
  Filter filter;
  filter.program.resize(static_cast<size_t>(count) * sizeof(sock_filter));
  if (get_filter(fd, filter.program.data(), static_cast<socklen_t>(count)) != count)
    throw Error("the filter of a socket has changed while it was read");
  return filter;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

class SocketOptionsKind final : public DescriptionAttributeKind<image::SocketOptions> {
 public:
  std::optional<image::SocketOptions> describe(DescribeContext& context, const DescriptionView& view) const override {
    if (!view.link().starts_with("socket:[")) return std::nullopt;
    image::SocketOptions state;
    state.set_user(view.stat().st_uid);
    state.set_group(view.stat().st_gid);
    state.set_mode(view.stat().st_mode & 07777);
    describe_options(context, view.fd(), state);
    Filter filter = read_filter(view.fd());
    if (filter.is_bpf) {
      context.obstacle("a BPF program filters this socket, and it can't be read",
                       "detach it (SO_DETACH_FILTER) before the checkpoint", "socket filters");
    }
    if (!filter.program.empty()) state.set_filter(filter.program);
    return state;
  }

  void apply(RestoreContext&, const image::SocketOptions& state, int fd) const override {
    kernel::set_socket_owner(fd, state.user(), state.group());
    if ((kernel::fstat(fd).st_mode & 07777) != state.mode())
      kernel::checked("fchmod of a socket", SYS_fchmod, fd, state.mode());
    if (state.has_filter()) set_filter(fd, state.filter());
    for (const image::SocketOption& option : state.options()) set_option(fd, option);
  }

 private:
  static void describe_options(DescribeContext& context, int fd, image::SocketOptions& state) {
    kernel::SocketType type = kernel::socket_type(fd);
    bool is_connection = kernel::is_tcp(type) && kernel::is_tcp_connection(fd);
    for (const TabledOption& option : kernel::socket_option_table()) {
      if (!kernel::may_have_option(option, type.family, type.protocol)) continue;
      if (is_connection && option.use == Use::kBefore) continue;
      std::optional<std::string> value = kernel::try_socket_option(fd, option.level, option.number, option.size);
      if (!value) continue;
      if (option.use == Use::kRefused) {
        if (!value->empty()) {
          context.obstacle(fmt::format("{} is '{}', which can't be set again", option.name, value->c_str()),
                           "close the socket before the checkpoint", "socket options");
        }
        continue;
      }
      image::SocketOption* record = state.add_options();
      record->set_level(option.level);
      record->set_number(option.number);
      record->set_value(*value);
    }
  }

  static void set_filter(int fd, const std::string& program) {
    sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                      const_cast<sock_filter*>(reinterpret_cast<const sock_filter*>(program.data()))};
    int result = kernel::try_set_socket_option(fd, SOL_SOCKET, SO_ATTACH_FILTER,
                                               {reinterpret_cast<const char*>(&filter), sizeof(filter)});
    if (result < 0) throw Error::system("attach the filter of a socket", -result);
  }

  static const TabledOption& find(const image::SocketOption& wanted) {
    for (const TabledOption& option : kernel::socket_option_table()) {
      if (option.level == wanted.level() && option.number == wanted.number()) return option;
    }
    throw Error(fmt::format("socket option {} of level {} is unknown", wanted.number(), wanted.level()),
                Failure::kDamagedImage);
  }

  static void set_option(int fd, const image::SocketOption& wanted) {
    const TabledOption& option = find(wanted);
    auto current = [&] { return kernel::try_socket_option(fd, option.level, option.number, option.size); };
    if (current() == wanted.value()) return;
    int result = 0;
    if (option.use == Use::kBufferSize) {
      set_buffer_size(fd, option, wanted.value());
    } else {
      result = kernel::try_set_socket_option(fd, option.level, option.number, wanted.value());
    }
    if (result < 0) throw Error::system(fmt::format("set {}", option.name), -result);
    if (std::optional<std::string> now = current(); now != wanted.value()) {
      throw Error(fmt::format("{} is {} after it was set to {}", option.name, now ? hex(*now) : "not there",
                              hex(wanted.value())));
    }
  }

  static void set_buffer_size(int fd, const TabledOption& option, const std::string& value) {
    int size = 0;
    if (value.size() != sizeof(size))
      throw Error(fmt::format("{} of {} bytes", option.name, value.size()), Failure::kDamagedImage);
    std::memcpy(&size, value.data(), sizeof(size));
    kernel::set_buffer_size(fd, option.number, size);
  }
};

}  // namespace

const Kind& socket_options_kind() {
  static const SocketOptionsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
