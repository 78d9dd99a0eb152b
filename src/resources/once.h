// What kinds keep for the whole of one checkpoint or restore, found by its type: a dump of all sockets, ends that were
// made together. Made when first asked for, gone with the context.
#pragma once

#include <map>
#include <memory>
#include <typeindex>

namespace cairn::resources {

class Once {
 public:
  template <typename T>
  T& get() {
    std::shared_ptr<void>& place = things_[typeid(T)];
    if (!place) place = std::make_shared<T>();
    return *static_cast<T*>(place.get());
  }

 private:
  std::map<std::type_index, std::shared_ptr<void>> things_;
};

}  // namespace cairn::resources
