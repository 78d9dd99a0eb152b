#include "kernel/pipe_ring.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <numeric>
#include <utility>

#include "kernel/calls.h"
#include "kernel/described_object.h"
#include "kernel/seam.h"

namespace cairn::kernel {
namespace {

constexpr uint32_t kLongestPacket = 4096;  // one page: pipe_write() splits what is longer

// A duplicate of a ring's references, to be read to pieces.
class RingCopy {
 public:
  RingCopy(int fd, size_t capacity, size_t expected) {
    auto [read_end, write_end] = make_pipe(O_NONBLOCK | O_CLOEXEC);
    set_pipe_capacity(write_end.get(), capacity);
    long copied = call("tee", SYS_tee, fd, write_end.get(), static_cast<long>(expected), SPLICE_F_NONBLOCK);
    if (copied < 0) fail("tee", describe_descriptor(fd), copied);
    if (static_cast<size_t>(copied) != expected)
      throw Error(fmt::format("tee {}: {} bytes instead of {}", describe_descriptor(fd), copied, expected));
    read_end_ = std::move(read_end);
  }

  // Reads at most `size` bytes; the kernel stops at the end of a packet. Nothing at the end of the ring.
  size_t read(char* to, size_t size) {
    long count = call("read", SYS_read, read_end_.get(), arg(to), static_cast<long>(size));
    if (count < 0) fail("read", describe_descriptor(read_end_.get()), count);
    return static_cast<size_t>(count);
  }
  size_t left() const { return pipe_unread(read_end_.get()); }

 private:
  OwnedFd read_end_;
};

// Content, and the pieces in which it comes: all but the last end in a packet.
std::vector<uint32_t> read_pieces(RingCopy& copy, std::string& content) {
  std::vector<uint32_t> pieces;
  for (size_t at = 0; at < content.size();) {
    size_t count = copy.read(content.data() + at, content.size() - at);
    if (count == 0) throw Error("a pipe's content ended early");
    pieces.push_back(static_cast<uint32_t>(count));
    at += count;
  }
  return pieces;
}

enum class Piece { kPacket, kBytes, kMixed };

// A read of one byte throws away the rest of a packet, of plain bytes it takes only that one.
Piece judge_piece(RingCopy& probe, uint32_t size, bool one_byte_is_packet) {
  size_t before = probe.left();
  std::string buffer(size, '\0');
  if (probe.read(buffer.data(), 1) != 1) throw Error("a pipe's content ended early");
  size_t taken = before - probe.left();
  if (size == 1) return one_byte_is_packet ? Piece::kPacket : Piece::kBytes;
  if (taken == size) return size <= kLongestPacket ? Piece::kPacket : Piece::kMixed;
  if (taken != 1) return Piece::kMixed;
  // It begins with plain bytes. Does it end in a packet? Then the last byte goes with the one before.
  for (size_t rest = size - 2; rest > 0;) rest -= probe.read(buffer.data(), rest);
  return before - probe.left() == size - 1 ? Piece::kBytes : Piece::kMixed;
}

bool are_packets(const std::vector<uint32_t>& packets, const PipeRing& ring) {
  uint64_t sum = std::accumulate(packets.begin(), packets.end(), uint64_t{0});
  return sum == ring.content.size();
}

void write_packets(int fd, const PipeRing& ring) {
  if (!are_packets(ring.packets, ring)) throw Error("a pipe's packets and its content differ", Failure::kDamagedImage);
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_DIRECT);
  size_t at = 0;
  for (uint32_t size : ring.packets) {
    write_all(fd, ring.content.data() + at, size);
    at += size;
  }
  fcntl(fd, F_SETFL, flags);
}

}  // namespace

std::pair<OwnedFd, OwnedFd> make_pipe(int flags) {
  int ends[2] = {-1, -1};
  checked("pipe2", SYS_pipe2, arg(ends), flags);
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

size_t pipe_capacity(int fd) { return static_cast<size_t>(fcntl(fd, F_GETPIPE_SZ)); }

void set_pipe_capacity(int fd, size_t bytes) {
  if (pipe_capacity(fd) != bytes) fcntl(fd, F_SETPIPE_SZ, static_cast<long>(bytes));
}

size_t pipe_unread(int fd) {
  int bytes = 0;
  long result = call("ioctl", SYS_ioctl, fd, FIONREAD, arg(&bytes));
  if (result < 0) fail("FIONREAD", describe_descriptor(fd), result);
  return static_cast<size_t>(bytes);
}

bool is_notification_pipe(int fd) {
  // A size that no pipe can have: EINVAL, but EBUSY comes first (pipe_set_size()).
  return call("fcntl", SYS_fcntl, fd, F_SETPIPE_SZ, 0xffffffffL) == -EBUSY;
}

std::optional<PipeRing> read_pipe_ring(int fd) {
  PipeRing ring;
  size_t size = pipe_unread(fd);
  if (size == 0) return ring;
  size_t capacity = pipe_capacity(fd);
  ring.content.resize(size);
  RingCopy copy(fd, capacity, size), probe(fd, capacity, size);
  std::vector<uint32_t> pieces = read_pieces(copy, ring.content);
  bool packets = pieces.size() > 1 || (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
  for (uint32_t piece : pieces) {
    Piece sort = judge_piece(probe, piece, packets);
    if (sort == Piece::kMixed || (sort == Piece::kBytes && pieces.size() > 1)) return std::nullopt;
    if (sort == Piece::kPacket) ring.packets.push_back(piece);
  }
  return ring;
}

void fill_pipe_ring(int fd, const PipeRing& ring) {
  if (!ring.packets.empty()) return write_packets(fd, ring);
  write_all(fd, ring.content.data(), ring.content.size());
}

}  // namespace cairn::kernel
