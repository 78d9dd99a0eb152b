// The programs that bench/run.py checkpoints, the clock it uses, and the floors it compares with: what the same work
// costs when nothing but the work is done.
//
//   measure idle                     a small process: says ready, waits
//   measure touched BYTES            the same with so much anonymous memory, every page different and not zero
//   measure threads N                the same with N threads
//   measure time PROGRAM ARG...      runs it and prints the nanoseconds from the start to the end, and its status
//   measure copy BYTES FILE          floor: memory written to a new file, fsync; prints nanoseconds
//   measure fill BYTES FILE          floor: fresh memory populated, then filled from the cached file
//   measure fork BYTES               floor: a fork with so much memory touched
//   measure seize PID                floor: every thread of it seized, stopped, registers read, let go
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kPage = 4096, kChunk = size_t{1} << 20;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000L + now.tv_nsec;
}

void report(int64_t begin) { std::printf("%ld\n", static_cast<long>(now_ns() - begin)); }

[[noreturn]] void say_ready_and_wait() {
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) fail("write");
  int null = open("/dev/null", O_RDWR);
  if (dup2(null, STDOUT_FILENO) < 0 || close(null) != 0) fail("/dev/null");  // the pipe's other end is outside
  for (;;) pause();
}

char* map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return static_cast<char*>(memory);
}

// xorshift64: pages differ from each other and don't compress.
char* touched(size_t bytes) {
  char* memory = map(bytes);
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t at = 0; at < bytes; at += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(memory + at, &state, sizeof state);
  }
  return memory;
}

[[noreturn]] void with_threads(int count) {
  for (int i = 1; i < count; ++i)
    std::thread([] {
      for (;;) pause();
    }).detach();
  say_ready_and_wait();
}

int time_program(char** words) {
  int64_t begin = now_ns();
  pid_t pid;
  if (posix_spawnp(&pid, words[0], nullptr, nullptr, words, environ) != 0) fail(words[0]);
  int status;
  waitpid(pid, &status, 0);
  std::fflush(stdout);
  std::fprintf(stderr, "%ld %d\n", static_cast<long>(now_ns() - begin),
               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}

void copy(size_t bytes, const char* path) {
  const char* memory = touched(bytes);
  int64_t begin = now_ns();
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file < 0) fail(path);
  for (size_t at = 0; at < bytes; at += kChunk) {
    size_t size = std::min(kChunk, bytes - at);
    if (write(file, memory + at, size) != static_cast<ssize_t>(size)) fail("write");
  }
  if (fsync(file) != 0) fail("fsync");
  report(begin);
}

void fill(size_t bytes, const char* path) {
  int file = open(path, O_RDONLY);
  if (file < 0) fail(path);
  int64_t begin = now_ns();
  char* memory = map(bytes);
  if (madvise(memory, bytes, MADV_POPULATE_WRITE) != 0) fail("MADV_POPULATE_WRITE");
  for (size_t at = 0; at < bytes; at += kChunk) {
    size_t size = std::min(kChunk, bytes - at);
    if (pread(file, memory + at, size, static_cast<off_t>(at)) != static_cast<ssize_t>(size)) fail("pread");
  }
  report(begin);
}

void fork_once(size_t bytes) {
  [[maybe_unused]] volatile char* memory = touched(bytes);
  int64_t begin = now_ns();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) _exit(0);
  report(begin);
  waitpid(child, nullptr, 0);
}

std::vector<pid_t> threads_of(const std::string& pid) {
  std::vector<pid_t> threads;
  DIR* directory = opendir(("/proc/" + pid + "/task").c_str());
  if (directory == nullptr) fail("opendir");
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') threads.push_back(std::atoi(entry->d_name));
  }
  closedir(directory);
  return threads;
}

void read_registers(pid_t thread) {
  user_regs_struct general;
  std::vector<char> extended(16384);
  iovec parts[] = {{&general, sizeof general}, {extended.data(), extended.size()}};
  if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &parts[0]) != 0) fail("PTRACE_GETREGSET");
  if (ptrace(PTRACE_GETREGSET, thread, NT_X86_XSTATE, &parts[1]) != 0) fail("PTRACE_GETREGSET");
}

void seize(const std::string& pid) {
  std::vector<pid_t> threads = threads_of(pid);
  int64_t begin = now_ns();
  for (pid_t thread : threads) {
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) fail("PTRACE_SEIZE");
  }
  for (pid_t thread : threads) waitpid(thread, nullptr, __WALL);
  for (pid_t thread : threads) read_registers(thread);
  for (pid_t thread : threads) ptrace(PTRACE_DETACH, thread, 0, 0);
  report(begin);
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "";
  if (what == "idle") say_ready_and_wait();
  if (what == "touched" && argc == 3) {
    [[maybe_unused]] volatile char* memory = touched(std::strtoull(argv[2], nullptr, 10) / kPage * kPage);
    say_ready_and_wait();
  }
  if (what == "threads" && argc == 3) with_threads(std::atoi(argv[2]));
  if (what == "time" && argc > 2) return time_program(argv + 2);
  if (what == "copy" && argc == 4) return copy(std::strtoull(argv[2], nullptr, 10), argv[3]), 0;
  if (what == "fill" && argc == 4) return fill(std::strtoull(argv[2], nullptr, 10), argv[3]), 0;
  if (what == "fork" && argc == 3) return fork_once(std::strtoull(argv[2], nullptr, 10) / kPage * kPage), 0;
  if (what == "seize" && argc == 3) return seize(argv[2]), 0;
  std::fprintf(stderr, "usage: see the head of bench/measure.cc\n");
  return 2;
}
