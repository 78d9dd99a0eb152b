// Rings of real pipes: read without change, put into another pipe, and what can't be kept is noticed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "kernel/pipe_ring.h"

namespace cairn::kernel {
namespace {

struct Pipe {
  explicit Pipe(int flags = 0) {
    auto [read, write] = make_pipe(O_NONBLOCK | O_CLOEXEC | flags);
    read_end = std::move(read);
    write_end = std::move(write);
  }
  void put(const std::string& text) { write_all(write_end.get(), text.data(), text.size()); }
  std::string take(size_t size) {
    std::string text(size, '\0');
    ssize_t count = ::read(read_end.get(), text.data(), size);
    text.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return text;
  }
  void set_packets(bool on) { fcntl(write_end.get(), F_SETFL, O_NONBLOCK | (on ? O_DIRECT : 0)); }

  OwnedFd read_end, write_end;
};

TEST(PipeRing, AnEmptyPipeIsEmpty) {
  Pipe pipe;
  auto ring = read_pipe_ring(pipe.read_end.get());
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->content, "");
  EXPECT_TRUE(ring->packets.empty());
}

TEST(PipeRing, PlainBytesStayInThePipe) {
  Pipe pipe;
  std::string text(50'001, ' ');
  for (size_t i = 0; i < text.size(); i++) text[i] = static_cast<char>(i * 7 + i / 251);
  pipe.put(text);
  EXPECT_EQ(pipe.take(100), text.substr(0, 100));
  auto ring = read_pipe_ring(pipe.read_end.get());
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->content, text.substr(100));
  EXPECT_TRUE(ring->packets.empty());
  EXPECT_EQ(pipe.take(60'000), text.substr(100));
}

TEST(PipeRing, ThePageThatWasCopiedStillGrows) {
  Pipe pipe;
  pipe.put("one ");
  ASSERT_TRUE(read_pipe_ring(pipe.read_end.get()));
  pipe.put("two");
  EXPECT_EQ(pipe.take(100), "one two");
}

TEST(PipeRing, PacketsKeepTheirBounds) {
  Pipe pipe(O_DIRECT), copy;
  const std::string packets[] = {"a", "bcd", std::string(4096, 'e'), "fg", "h"};
  for (const std::string& packet : packets) pipe.put(packet);
  auto ring = read_pipe_ring(pipe.read_end.get());
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->packets, (std::vector<uint32_t>{1, 3, 4096, 2, 1}));
  fill_pipe_ring(copy.write_end.get(), *ring);
  EXPECT_EQ(fcntl(copy.write_end.get(), F_GETFL) & O_DIRECT, 0);
  for (const std::string& packet : packets) {
    EXPECT_EQ(pipe.take(9000), packet);
    EXPECT_EQ(copy.take(9000), packet);
  }
  EXPECT_EQ(copy.take(1), "");
}

TEST(PipeRing, PacketsAreSeenThoughTheWriterHasLeftPacketMode) {
  Pipe pipe;
  pipe.set_packets(true);
  pipe.put("abc");
  pipe.set_packets(false);
  auto ring = read_pipe_ring(pipe.read_end.get());
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->packets, (std::vector<uint32_t>{3}));
}

TEST(PipeRing, MixturesAreRefused) {
  for (bool packet_first : {true, false}) {
    Pipe pipe;
    pipe.set_packets(packet_first);
    pipe.put(std::string(4096, 'a'));  // a full page: what follows is not merged into it
    pipe.set_packets(!packet_first);
    pipe.put("defg");
    EXPECT_FALSE(read_pipe_ring(pipe.read_end.get())) << packet_first;
  }
}

TEST(PipeRing, ALargeRingFitsIntoOneOfItsSize) {
  Pipe pipe, copy;
  set_pipe_capacity(pipe.write_end.get(), 1 << 20);
  for (int i = 0; i < 256; i++) pipe.put(std::string(4096, static_cast<char>(i)));
  auto ring = read_pipe_ring(pipe.read_end.get());
  ASSERT_TRUE(ring);
  set_pipe_capacity(copy.write_end.get(), pipe_capacity(pipe.read_end.get()));
  fill_pipe_ring(copy.write_end.get(), *ring);
  EXPECT_EQ(pipe_unread(copy.read_end.get()), 1u << 20);
}

TEST(PipeRing, OrdinaryPipesAreNoNotificationPipes) {
  Pipe pipe;
  EXPECT_FALSE(is_notification_pipe(pipe.read_end.get()));
  EXPECT_EQ(pipe_capacity(pipe.read_end.get()), 65536u);
}

}  // namespace
}  // namespace cairn::kernel
