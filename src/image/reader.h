// Reads an image directory and trusts nothing: lengths, ids, counts and digests are checked before use. Everything that
// is wrong is an Error with Failure::kDamagedImage that names the file and what is wrong with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "image/container.pb.h"
#include "image/format.h"
#include "image/frame.h"

namespace cairn::image {

struct RawRecord {
  RecordId id;
  std::string kind;
  RecordId owner;
  std::string body;
};

class Reader {
 public:
  // Opens and verifies head, records, page index and trailer (not the page bytes). An image of another format version,
  // or one that needs a feature we don't know, is refused by name.
  static Reader open(const std::string& path);
  Reader(Reader&&) noexcept;
  ~Reader();

  const Head& head() const;
  // In the order of the file; ids are unique and not 0, kinds are not empty, owners exist.
  const std::vector<RawRecord>& records() const;
  const std::vector<Frame>& frames() const;  // ascending offsets, without overlap, stored inside the page file
  uint64_t page_bytes() const;               // where the pages end: more than the page file has, if it is compressed
  uint64_t bytes() const;                    // of all files

  // Reads one frame (into `buffer`, frame.length bytes) and verifies it. Thread-safe.
  void read_frame(const Frame& frame, std::byte* buffer) const;
  // Bytes at an offset among the pages, verified through the frames that hold them. For small amounts.
  std::string read_pages(uint64_t offset, size_t size) const;

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::image
