// What the tests of src/image share: a directory of their own, and images with known content.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "image/digest.h"
#include "image/reader.h"
#include "image/writer.h"

namespace cairn::image {

// Where fsync(2) costs nothing, if there is such a place: the sweeps write thousands of images.
inline std::filesystem::path memory_or_disk() {
  const char* memory = "/dev/shm";
  return ::access(memory, W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

class TestDirectory {
 public:
  explicit TestDirectory(const std::filesystem::path& parent = memory_or_disk()) {
    std::string name = (parent / "cairn-image-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw Error::system("mkdtemp", errno);
    path_ = name;
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_whole(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Whole pages with content that differs from page to page and from seed to seed.
inline std::vector<std::byte> page_pattern(size_t pages, uint32_t seed) {
  std::vector<std::byte> bytes(pages * kPageSize);
  uint32_t state = seed * 2654435761U + 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

inline HostFacts body_of(uint32_t number) {
  HostFacts body;
  body.set_kernel_release("release " + std::to_string(number));
  body.set_xstate_size(number);
  return body;
}

// Two records, the second an attribute of the first, and two frames.
inline Head small_head() {
  Head head;
  head.set_command("sleep");
  head.set_root(1);
  head.mutable_host()->set_machine("x86_64");
  return head;
}

inline void fill_small_image(Writer& writer, uint32_t seed = 1) {
  writer.set_head(small_head());
  writer.add_record({1}, "process", {}, body_of(seed));
  writer.add_record({2}, "timer", {1}, body_of(seed + 1));
  writer.pages().append(page_pattern(1, seed));
  writer.pages().append(page_pattern(2, seed + 1));
}

inline void write_small_image(const std::string& path, uint32_t seed = 1, Existing existing = Existing::kRefuse) {
  Writer writer = Writer::create(path, existing);
  fill_small_image(writer, seed);
  writer.commit();
}

inline void read_all_frames(const Reader& reader) {
  std::vector<std::byte> buffer(kFrameSize);
  for (const Frame& frame : reader.frames()) reader.read_frame(frame, buffer.data());
}

// The image is whole and was written by write_small_image() with this seed.
inline bool is_small_image(const std::string& path, uint32_t seed = 1) {
  Reader reader = Reader::open(path);
  read_all_frames(reader);
  return reader.records().size() == 2 && reader.records()[0].body == body_of(seed).SerializeAsString() &&
         reader.records()[1].body == body_of(seed + 1).SerializeAsString() && reader.page_bytes() == 3 * kPageSize;
}

// The text of the Error with `failure` that `body` ends in; anything else fails the test.
template <typename Body>
std::string error_of(Failure failure, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.failure()), static_cast<int>(failure)) << error.text();
    return error.text();
  }
  ADD_FAILURE() << "no error";
  return "";
}

// Runs `body` in a forked child and returns its wait status; what it returns is the child's exit status.
template <typename Body>
int in_child(Body&& body) {
  pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

}  // namespace cairn::image
