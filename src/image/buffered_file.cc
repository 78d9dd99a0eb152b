#include "image/buffered_file.h"

#include "kernel/calls.h"

namespace cairn::image {
namespace {
constexpr size_t kWriteSize = size_t{1} << 20;
}  // namespace

void BufferedFile::append(std::string_view bytes) {
  digest_.update(bytes);
  size_ += bytes.size();
  buffer_ += bytes;
  if (buffer_.size() >= kWriteSize) flush();
}

void BufferedFile::flush() {
  kernel::write_all(fd_.get(), buffer_.data(), buffer_.size());
  buffer_.clear();
}

}  // namespace cairn::image
