// The writer is killed, or its kernel call fails, at each call in turn: there is a whole image or none, and the next
// writer is not in the way of anything.
#include <fcntl.h>

#include <csignal>

#include "image_fixture.h"
#include "kernel/seam.h"

namespace cairn::image {
namespace {

using std::filesystem::exists;

enum class Outcome { kDone, kError, kKilled };

class ImageFault : public testing::TestWithParam<Existing> {
 protected:
  // Writes image 2 with a fault at kernel call `number`.
  Outcome write_with_fault(int number, const std::string& effect) {
    int status = in_child([&] {
      // Our own messages about the fault are of no interest a hundred times over.
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
      ::setenv("CAIRN_FAULT", (std::to_string(number) + ":" + effect).c_str(), 1);
      kernel::arm_faults_from_environment();
      try {
        write_small_image(image_, 2, GetParam());
      } catch (const Error&) {
        return 1;
      }
      return 0;
    });
    if (WIFSIGNALED(status)) return Outcome::kKilled;
    EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1);
    return WEXITSTATUS(status) == 0 ? Outcome::kDone : Outcome::kError;
  }

  void prepare() {
    std::filesystem::remove_all(image_);
    std::filesystem::remove_all(partial_);
    if (GetParam() == Existing::kReplace) write_small_image(image_, 1);
  }

  bool is_as_before() { return GetParam() == Existing::kReplace ? is_small_image(image_, 1) : !exists(image_); }

  // Runs `check` after a fault at call 1, 2, ... until no fault strikes any more; returns the number of calls.
  template <typename Check>
  int sweep(const std::string& effect, Check&& check) {
    constexpr int kFarBeyond = 1000;
    const int calls = count_calls();
    EXPECT_LT(calls, kFarBeyond);
    for (int number = 1; number <= calls; ++number) {
      SCOPED_TRACE("call " + std::to_string(number) + ": " + effect);
      prepare();
      check(write_with_fault(number, effect));
      if (HasFatalFailure()) break;
    }
    return calls;
  }

  // A kill strikes for as long as there are calls.
  int count_calls() {
    int low = 0, high = 1000;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      prepare();
      (write_with_fault(middle, "kill") == Outcome::kKilled ? low : high) = middle;
    }
    return low;
  }

  TestDirectory directory_;
  const std::string image_ = directory_ / "a.cairn";
  const std::string partial_ = image_ + ".partial";
};

TEST_P(ImageFault, KilledAtEachCall) {
  const int calls = sweep("kill", [&](Outcome outcome) {
    ASSERT_EQ(static_cast<int>(outcome), static_cast<int>(Outcome::kKilled));
    // The new one is whole as soon as it has the name.
    ASSERT_TRUE(is_as_before() || is_small_image(image_, 2));
    ASSERT_NO_THROW(write_small_image(image_, 3, Existing::kReplace));
    ASSERT_TRUE(is_small_image(image_, 3));
    ASSERT_FALSE(exists(partial_));
  });
  EXPECT_GT(calls, 20);
}

TEST_P(ImageFault, FailedAtEachCall) {
  for (const char* effect : {"EIO", "ENOSPC", "EINVAL", "EEXIST"}) {
    sweep(effect, [&](Outcome outcome) {
      if (outcome == Outcome::kError) {
        ASSERT_TRUE(is_as_before());
        ASSERT_FALSE(exists(partial_));
      } else {
        // Some failures have a way around, or are those of the removal of the old image.
        ASSERT_EQ(static_cast<int>(outcome), static_cast<int>(Outcome::kDone));
        ASSERT_TRUE(is_small_image(image_, 2));
      }
      ASSERT_NO_THROW(write_small_image(image_, 3, Existing::kReplace));
      ASSERT_FALSE(exists(partial_));
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Both, ImageFault, testing::Values(Existing::kRefuse, Existing::kReplace),
                         [](const auto& info) { return info.param == Existing::kRefuse ? "New" : "Replace"; });

}  // namespace
}  // namespace cairn::image
