// Addresses of this host that no other play uses: a port that was given out by chance could be given to somebody else
// while its holder is killed and not yet restored.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

namespace program {

// All of 127.0.0.0/8 is this host; ids of processes have 22 bits at most.
inline in_addr own_loopback() { return {htonl(0x7f40'0000u | (uint32_t(getpid()) & 0x3f'ffffu))}; }

// For IPv6 there is but one address; the kernel gives out no ports below 32768 (ip_local_port_range) by itself.
inline in_port_t own_port(int attempt) { return htons(uint16_t(10'000 + (getpid() + attempt * 500) % 20'000)); }

}  // namespace program
