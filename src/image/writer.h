// Writes an image directory: everything goes to NAME.partial, and only commit() gives it its name.
#pragma once

#include <google/protobuf/message.h>

#include <mutex>
#include <span>
#include <string>

#include "base/ids.h"
#include "base/owned_fd.h"
#include "image/container.pb.h"

namespace cairn::image {

constexpr uint32_t kFormatVersion = 1;
constexpr size_t kPageSize = 4096;
constexpr size_t kFrameSize = size_t{1} << 20;  // most bytes of one frame of pages

enum class Existing { kRefuse, kReplace };

// Collects page bytes in frames; any number of threads may append.
class PageWriter {
 public:
  explicit PageWriter(OwnedFd file) : file_(std::move(file)) {}
  // Appends whole pages (at most kFrameSize bytes) as one frame and returns its offset in the page file.
  uint64_t append(std::span<const std::byte> pages);
  uint64_t bytes() const;
  PageIndex index() const;  // sorted by offset
  int fd() const { return file_.get(); }

 private:
  OwnedFd file_;
  mutable std::mutex mutex_;
  uint64_t end_ = 0;
  PageIndex index_;
};

class Writer {
 public:
  // Makes PATH.partial (0700). With kRefuse an existing PATH is an Error (Failure::kRefused) at once. A left-over
  // .partial of a dead cairn is removed; that of a living one (it holds a lock) is an Error.
  static Writer create(const std::string& path, Existing existing);
  Writer(Writer&&) noexcept;
  // Without a commit the partial directory is removed.
  ~Writer();

  void set_head(const Head& head);
  void add_record(RecordId id, const std::string& kind, RecordId owner, const google::protobuf::Message& body);
  PageWriter& pages();

  // Writes index and trailer, fsyncs every file and the directories, renames. With kReplace the old image is exchanged
  // atomically and removed afterwards.
  void commit();
  uint64_t bytes() const;  // of all files

 private:
  struct State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::image
