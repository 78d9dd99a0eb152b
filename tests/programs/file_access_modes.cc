// open(2): descriptors opened to read only, to write only, and O_PATH stay what they are.
// modes: not user (it takes away the permission to open the file)
#include <sys/stat.h>

#include "program.h"

int main() {
  close(must(open("text", O_WRONLY | O_CREAT, 0600), "create"));
  const int reader = must(open("text", O_RDONLY), "open"), writer = must(open("text", O_WRONLY), "open");
  const int path = must(open("text", O_PATH | O_CLOEXEC), "open O_PATH");
  const int directory = must(open(".", O_PATH | O_DIRECTORY), "open O_PATH directory");
  must(fchmod(writer, 0), "fchmod");  // the permission to open was checked then, not now
  ready_and_wait();
  char byte = 'x';
  check(write(reader, &byte, 1) == -1 && errno == EBADF, "the reader writes");
  check(read(writer, &byte, 1) == -1 && errno == EBADF, "the writer reads");
  check(read(path, &byte, 1) == -1 && errno == EBADF, "the O_PATH descriptor reads");
  check(fcntl(path, F_GETFL) & O_PATH, "O_PATH is lost");
  must(write(writer, &byte, 1), "write");
  check_equal(must(read(reader, &byte, 1), "read"), 1, "bytes");
  struct stat by_path, by_directory;
  must(fstatat(path, "", &by_path, AT_EMPTY_PATH), "fstatat");
  must(fstatat(directory, "text", &by_directory, 0), "fstatat in directory");
  check_equal(by_path.st_ino, by_directory.st_ino, "inode");
  pass();
}
