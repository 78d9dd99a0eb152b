// A file of an image while it is written from its start to its end: one write per MiB, and the digest of all of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/owned_fd.h"
#include "image/digest.h"

namespace cairn::image {

class BufferedFile {
 public:
  explicit BufferedFile(OwnedFd fd) : fd_(std::move(fd)) {}
  void append(std::string_view bytes);
  // Writes what is left; fsync(2) is the caller's.
  void flush();

  uint64_t size() const { return size_; }
  uint64_t digest() const { return digest_.value(); }
  int fd() const { return fd_.get(); }

 private:
  OwnedFd fd_;
  std::string buffer_;
  uint64_t size_ = 0;
  DigestStream digest_;
};

}  // namespace cairn::image
