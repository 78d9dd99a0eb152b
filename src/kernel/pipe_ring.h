// What is in a pipe or fifo, read without taking it out, and put into a new one. Source: fs/pipe.c, fs/splice.c.
//
// tee(2) copies references to the ring's buffers into a pipe of ours, packet marks included; that copy is read. The
// ring's own pages are not touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/owned_fd.h"

namespace cairn::kernel {

struct PipeRing {
  std::string content;
  // Lengths of the packets that the content is made of, for a pipe that was written to with O_DIRECT; else empty.
  std::vector<uint32_t> packets;
};

// pipe2(2): read end, write end.
std::pair<OwnedFd, OwnedFd> make_pipe(int flags);
size_t pipe_capacity(int fd);  // bytes, F_GETPIPE_SZ
void set_pipe_capacity(int fd, size_t bytes);
// Bytes that can be read, FIONREAD; of either end.
size_t pipe_unread(int fd);
// A pipe that the kernel writes notifications into (O_NOTIFICATION_PIPE, Linux 5.8) instead of a writer.
bool is_notification_pipe(int fd);

// `fd` is a read end (or both ends). Empty when packets and plain bytes are mixed in a way that can't be written again.
// A single packet of one byte behind nothing else can't be told from a plain byte: then O_DIRECT of `fd` decides.
std::optional<PipeRing> read_pipe_ring(int fd);
// `fd` is a write end in non-blocking mode of an empty pipe that is large enough.
void fill_pipe_ring(int fd, const PipeRing& ring);

}  // namespace cairn::kernel
