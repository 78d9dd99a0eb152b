// What NETLINK_SOCK_DIAG answers: the framing, and both sorts of sockets out of every message.
#include "fuzz_text.h"
#include "kernel/sock_diag.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cairn::fuzz::text(data, size, [](std::string_view bytes) {
    auto visit = [](std::span<const std::byte> payload) {
      cairn::kernel::UnixSocketInfo socket = cairn::kernel::parse_unix_socket(payload);
      cairn::fuzz::require(socket.waiting.size() <= payload.size() / sizeof(uint32_t));
      cairn::kernel::parse_inet_socket(payload).local.text();
    };
    cairn::kernel::for_each_diag_message(std::as_bytes(std::span(bytes)), visit);
  });
}
