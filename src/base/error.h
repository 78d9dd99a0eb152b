// The one error type of Cairn. An Error says what was being done, outermost first:
//   restore: process 42: descriptor 7: eventfd: write counter: No space left on device
// An expected outcome (the task is gone, the file is not there) is a return value, not an Error.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <exception>
#include <string>
#include <utility>

namespace cairn {

// What an Error means for the exit status of a command (ARCHITECTURE.md, "Failing well").
enum class Failure { kFailed = 1, kUsage = 2, kRefused = 3, kPrecondition = 4, kDamagedImage = 5 };

class Error : public std::exception {
 public:
  explicit Error(std::string message, Failure failure = Failure::kFailed)
      : text_(std::move(message)), failure_(failure) {}

  // "<what>: <text of errno>"; `error_number` is a positive errno value.
  static Error system(std::string what, int error_number);

  // Puts what was being done around the failure in front: "<context>: <text>".
  void prepend(const std::string& context) { text_ = context + ": " + text_; }

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& text() const { return text_; }
  Failure failure() const { return failure_; }
  // The errno value of the failed kernel call, or 0.
  int error_number() const { return error_number_; }

 private:
  std::string text_;
  Failure failure_;
  int error_number_ = 0;
};

// Runs `body`; an Error that leaves it gets `context()` in front. The context is only built on failure.
template <std::invocable Context, std::invocable Body>
decltype(auto) within(Context&& context, Body&& body) {
  try {
    return body();
  } catch (Error& error) {
    error.prepend(context());
    throw;
  }
}

template <std::invocable Body>
decltype(auto) within(const char* context, Body&& body) {
  return within([&] { return std::string(context); }, std::forward<Body>(body));
}

// A broken invariant of Cairn itself. Unlike assert() it is checked in release builds too.
#define CAIRN_ASSERT(condition)                                                  \
  do {                                                                           \
    if (!(condition)) ::cairn::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace cairn
