// An image gets its name whole or not at all; what is there already is neither lost nor in the way.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "image_fixture.h"

namespace cairn::image {
namespace {

using std::filesystem::exists;

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class ImageWriter : public testing::Test {
 protected:
  TestDirectory directory_;
  const std::string image_ = directory_ / "a.cairn";
  const std::string partial_ = image_ + ".partial";
};

TEST_F(ImageWriter, NoNameBeforeTheCommit) {
  Writer writer = Writer::create(image_, Existing::kRefuse);
  fill_small_image(writer);
  EXPECT_FALSE(exists(image_));
  EXPECT_TRUE(exists(partial_));
  writer.commit();
  EXPECT_TRUE(is_small_image(image_));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, NothingIsLeftWithoutACommit) {
  {
    Writer writer = Writer::create(image_, Existing::kRefuse);
    fill_small_image(writer);
  }
  EXPECT_FALSE(exists(image_));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, MovedWriterCommitsOnce) {
  {
    Writer first = Writer::create(image_, Existing::kRefuse);
    Writer second = std::move(first);
    fill_small_image(second);
    second.commit();
  }
  EXPECT_TRUE(is_small_image(image_));
}

TEST_F(ImageWriter, AnExistingImageIsRefused) {
  write_small_image(image_, 1);
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kRefuse); }), image_);
  EXPECT_TRUE(is_small_image(image_, 1));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, AnImageThatAppearsMeanwhileIsRefused) {
  Writer writer = Writer::create(image_, Existing::kRefuse);
  fill_small_image(writer, 1);
  write_small_image(directory_ / "b.cairn", 2);
  std::filesystem::rename(directory_ / "b.cairn", image_);
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { writer.commit(); }), "exists already");
  EXPECT_TRUE(is_small_image(image_, 2));
}

TEST_F(ImageWriter, ReplaceExchanges) {
  write_small_image(image_, 1);
  Writer writer = Writer::create(image_, Existing::kReplace);
  fill_small_image(writer, 2);
  EXPECT_TRUE(is_small_image(image_, 1));
  writer.commit();
  EXPECT_TRUE(is_small_image(image_, 2));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, ReplaceIsNeverSeenInBetween) {
  write_small_image(image_, 0);
  pid_t writer = ::fork();
  if (writer == 0) {
    for (uint32_t seed = 1; seed <= 100; ++seed) write_small_image(image_, seed, Existing::kReplace);
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) ASSERT_NO_THROW(read_all_frames(Reader::open(image_)));
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(is_small_image(image_, 100));
}

TEST_F(ImageWriter, ReplaceOfNothingIsAnOrdinaryImage) {
  write_small_image(image_, 3, Existing::kReplace);
  EXPECT_TRUE(is_small_image(image_, 3));
}

TEST_F(ImageWriter, WithoutACommitTheOldImageStays) {
  write_small_image(image_, 1);
  {
    Writer writer = Writer::create(image_, Existing::kReplace);
    fill_small_image(writer, 2);
  }
  EXPECT_TRUE(is_small_image(image_, 1));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, AReaderOfTheOldImageGoesOn) {
  write_small_image(image_, 1);
  Reader reader = Reader::open(image_);
  write_small_image(image_, 2, Existing::kReplace);
  read_all_frames(reader);
  EXPECT_EQ(reader.records()[0].body, body_of(1).SerializeAsString());
}

TEST_F(ImageWriter, OnlyImagesAreReplaced) {
  std::filesystem::create_directory(image_);
  error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kReplace); });
  write_whole(image_ + "/thesis.tex", "years");
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kReplace); }), "thesis.tex");
  EXPECT_EQ(read_whole(image_ + "/thesis.tex"), "years");
  write_whole(directory_ / "file", "x");
  error_of(Failure::kRefused, [&] { Writer::create(directory_ / "file", Existing::kReplace); });
  write_small_image(directory_ / "b.cairn");
  std::filesystem::create_symlink("b.cairn", directory_ / "link");
  error_of(Failure::kRefused, [&] { Writer::create(directory_ / "link", Existing::kReplace); });
  EXPECT_TRUE(is_small_image(directory_ / "b.cairn"));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, ANoteInTheOldImageIsNotLost) {
  write_small_image(image_, 1);
  write_whole(image_ + "/note", "mine");
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kReplace); }), "note");
  EXPECT_TRUE(exists(image_ + "/note"));
}

TEST_F(ImageWriter, LeftOverOfADeadCairnIsRemoved) {
  int status = in_child([&] {
    Writer writer = Writer::create(image_, Existing::kRefuse);
    fill_small_image(writer, 1);
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(exists(partial_ + "/records"));
  write_small_image(image_, 2);
  EXPECT_TRUE(is_small_image(image_, 2));
  EXPECT_FALSE(exists(partial_));
}

TEST_F(ImageWriter, ThePartialImageOfALivingCairnIsNotTouched) {
  int ready[2], go[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(go), 0);
  pid_t other = ::fork();
  if (other == 0) {
    char byte = 0;
    int status = in_child([&] {
      Writer writer = Writer::create(image_, Existing::kRefuse);
      fill_small_image(writer, 5);
      if (::write(ready[1], "x", 1) != 1 || ::read(go[0], &byte, 1) != 1) return 1;
      writer.commit();
      return 0;
    });
    ::_exit(status == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_SAYS(error_of(Failure::kFailed, [&] { Writer::create(image_, Existing::kRefuse); }), partial_);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(is_small_image(image_, 5));
  for (int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
}

TEST_F(ImageWriter, WhatIsNotOursIsNotRemovedFromThePartialName) {
  std::filesystem::create_directory(partial_);
  write_whole(partial_ + "/letter", "dear");
  write_whole(partial_ + "/head", "x");
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kRefuse); }), "letter");
  EXPECT_EQ(read_whole(partial_ + "/letter"), "dear");
  EXPECT_TRUE(exists(partial_ + "/head"));
  std::filesystem::remove_all(partial_);
  write_whole(partial_, "a file");
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kRefuse); }), partial_);
  EXPECT_EQ(read_whole(partial_), "a file");
  std::filesystem::remove(partial_);
  std::filesystem::create_directory(directory_ / "elsewhere");
  std::filesystem::create_symlink("elsewhere", partial_);
  error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kRefuse); });
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "elsewhere"));
}

TEST_F(ImageWriter, ThePartialDirectoryOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  std::filesystem::create_directory(partial_);
  ASSERT_EQ(::chown(partial_.c_str(), 65534, 65534), 0);
  EXPECT_SAYS(error_of(Failure::kRefused, [&] { Writer::create(image_, Existing::kRefuse); }), "another user");
}

TEST_F(ImageWriter, PlacesThatCanNotBeWritten) {
  EXPECT_SAYS(error_of(Failure::kFailed, [&] { Writer::create(directory_ / "no/a.cairn", Existing::kRefuse); }),
              directory_ / "no");
  EXPECT_SAYS(error_of(Failure::kFailed, [&] { Writer::create("/proc/a.cairn", Existing::kRefuse); }),
              "/proc/a.cairn.partial");
  write_whole(directory_ / "file", "x");
  EXPECT_SAYS(error_of(Failure::kFailed, [&] { Writer::create(directory_ / "file/a.cairn", Existing::kRefuse); }),
              directory_ / "file");
}

TEST_F(ImageWriter, AnOrdinaryUserWithoutTheRight) {
  ::chmod((directory_ / "").c_str(), 0555);
  int status = in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;
    std::string text = error_of(Failure::kFailed, [&] { Writer::create(image_, Existing::kRefuse); });
    return text == "mkdir " + partial_ + ": Permission denied" ? 0 : 1;
  });
  ::chmod((directory_ / "").c_str(), 0700);
  EXPECT_EQ(status, 0);
}

TEST_F(ImageWriter, NamesThatAreNone) {
  for (const char* name : {"", ".", "..", "/", "a/..", "a/./"}) {
    error_of(Failure::kUsage, [&] { Writer::create(name, Existing::kRefuse); });
  }
}

TEST_F(ImageWriter, TrailingSlashesAndRelativePaths) {
  int status = in_child([&] {
    if (::chdir((directory_ / "").c_str()) != 0) return 2;
    write_small_image("rel.cairn//", 1);
    return is_small_image("rel.cairn", 1) ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(exists(directory_ / "rel.cairn.partial"));
}

// Fills a file system of 1 MiB in a mount namespace of its own, so that no mount can be left.
int run_on_full_file_system(const std::string& at) {
  if (::geteuid() != 0 && ::unshare(CLONE_NEWUSER) != 0) return 77;
  if (::unshare(CLONE_NEWNS) != 0) return 77;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
  if (::mount("cairn-test", at.c_str(), "tmpfs", 0, "size=1m") != 0) return 77;
  const std::string image = at + "/a.cairn";
  std::string text = error_of(Failure::kFailed, [&] {
    Writer writer = Writer::create(image, Existing::kRefuse);
    fill_small_image(writer);
    for (uint32_t i = 0; i < 4; ++i) writer.pages().append(page_pattern(128, i));
    writer.commit();
  });
  if (text != "write " + image + ".partial/pages-0: No space left on device") return 1;
  if (!std::filesystem::is_empty(at)) return 2;
  write_small_image(image);  // there is room again
  return is_small_image(image) ? 0 : 3;
}

TEST_F(ImageWriter, AFullFileSystem) {
  std::filesystem::create_directory(directory_ / "mount");
  int status = in_child([&] { return run_on_full_file_system(directory_ / "mount"); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_EQ(status, 0);
}

TEST_F(ImageWriter, AFailedAppendForbidsTheCommit) {
  Writer writer = Writer::create(image_, Existing::kRefuse);
  fill_small_image(writer);
  int status = in_child([&] {
    rlimit limit{4 * kPageSize, 4 * kPageSize};
    ::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    Writer own = Writer::create(directory_ / "b.cairn", Existing::kRefuse);
    fill_small_image(own);
    error_of(Failure::kFailed, [&] { own.pages().append(page_pattern(8, 1)); });
    error_of(Failure::kFailed, [&] { own.commit(); });
    return exists(directory_ / "b.cairn") ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
  writer.commit();
}

}  // namespace
}  // namespace cairn::image
