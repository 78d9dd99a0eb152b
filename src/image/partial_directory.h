// The directory PATH.partial in which an image grows. It is claimed by flock(2) on the directory itself, so that the
// left-over of a dead cairn is told from the work of a living one; it gets its name by publish(), or it is removed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/owned_fd.h"
#include "image/writer.h"

namespace cairn::image {

class PartialDirectory {
 public:
  PartialDirectory(const std::string& path, Existing existing);
  PartialDirectory(const PartialDirectory&) = delete;
  PartialDirectory& operator=(const PartialDirectory&) = delete;
  ~PartialDirectory();

  // Makes and locks it, empty. Refused where the final name or the partial one is taken by what we may not touch.
  void claim();
  // A new file, 0600, open for reading and writing.
  OwnedFd make_file(std::string_view name) const;
  // Makes the directory with all its files, `files`, durable under its final name. Nothing is published when it throws.
  void publish(std::vector<int> files);

 private:
  bool try_claim();
  void check_target() const;
  void rename_durably(bool exchange);
  void remove(int directory) const;

  std::string final_, partial_, parent_;
  Existing existing_;
  OwnedFd parent_fd_;
  OwnedFd fd_;  // open and locked from claim() to publish()
};

}  // namespace cairn::image
