#include "base/error.h"

#include <cstring>

namespace cairn {

Error Error::system(std::string what, int error_number) {
  Error error(std::move(what) + ": " + std::strerror(error_number));
  error.error_number_ = error_number;
  return error;
}

void assertion_failed(const char* condition, const char* file, int line) {
  throw Error(fmt::format("internal error: {} does not hold at {}:{}; please report it", condition, file, line));
}

}  // namespace cairn
