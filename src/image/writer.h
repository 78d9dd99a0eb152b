// Writes an image directory: everything goes to NAME.partial, and only commit() gives it its name.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/owned_fd.h"
#include "image/compression.h"
#include "image/container.pb.h"
#include "image/format.h"
#include "image/frame.h"

namespace cairn::image {

enum class Existing { kRefuse, kReplace };

// Collects page bytes in frames; any number of threads may append.
class PageWriter {
 public:
  PageWriter(OwnedFd file, const Compression& compression);
  // Appends whole pages (at most kFrameSize bytes) as one frame and returns their offset among all pages. After a
  // failure the image can't be committed.
  uint64_t append(std::span<const std::byte> pages);
  uint64_t bytes() const;         // of all pages
  uint64_t stored_bytes() const;  // of the page file
  PageIndex index() const;        // sorted by offset; no append may be running
  void finish();                  // gives back what was preallocated in vain
  int fd() const { return file_.get(); }

 private:
  struct Reservation {
    uint64_t offset;                            // in the page file
    uint64_t preallocate_from, preallocate_to;  // what the owner of the reservation is to preallocate
  };
  Reservation reserve(size_t size);
  void write(const Reservation& place, std::span<const std::byte> bytes);

  OwnedFd file_;
  Compression compression_;
  bool preallocates_;
  mutable std::mutex mutex_;
  uint64_t end_ = 0;         // of the pages
  uint64_t stored_end_ = 0;  // of the page file
  uint64_t preallocated_ = 0;
  std::vector<Frame> frames_;  // in the order in which they were finished
};

class Writer {
 public:
  // Makes PATH.partial (0700). With kRefuse an existing PATH is an Error (Failure::kRefused) at once; with kReplace it
  // must be an image. A left-over .partial of a dead cairn is removed; that of a living one (it holds a lock) is an
  // Error. The lock belongs to the open directory: a fork of ours that keeps the descriptor keeps the lock.
  static Writer create(const std::string& path, Existing existing, const Compression& compression = {});
  Writer(Writer&&) noexcept;
  // Without a commit the partial directory is removed.
  ~Writer();

  // Fills in the format version, what a reader must know, and a random uuid where there is none.
  void set_head(const Head& head);
  // Every id once; an owner may come later. An Error when the record would not be read back: its text fields must be
  // UTF-8, its size at most kMostRecordBytes.
  void add_record(RecordId id, const std::string& kind, RecordId owner, const google::protobuf::Message& body);
  PageWriter& pages();

  // Writes index and trailer, fsyncs every file and the directories, renames. With kReplace the old image is exchanged
  // atomically and removed afterwards. When it fails there is no image, or the old one.
  void commit();
  uint64_t bytes() const;  // of all files

 private:
  struct State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::image
