// A small family that has something of many kinds; the sweeps of tests/faults play it above all others.
// modes: not user (shared memory without a name is told to root only)
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "program.h"

constexpr size_t kSize = 64 << 10;

static char* map(int flags, int fd) {
  char* memory = must((char*)mmap(nullptr, kSize, PROT_READ | PROT_WRITE, flags, fd, 0), "mmap");
  memset(memory, 'a', kSize / 2);
  return memory;
}

struct Memory {
  char* own = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  char* common = map(MAP_SHARED | MAP_ANONYMOUS, -1);
  int fd = must(memfd_create("many", MFD_CLOEXEC), "memfd_create");
  char* file = (must(ftruncate(fd, kSize), "ftruncate"), map(MAP_SHARED, fd));

  void check_all() const {
    for (const char* memory : {own, common, file})
      check(memory[1] == 'a' && memory[kSize / 2 - 1] == 'a' && memory[kSize - 1] == 0, "memory at %p", memory);
  }
};

// Two messages wait at the second end, which receives no more.
struct Queue {
  int ends[2];
  Queue() {
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), "socketpair");
    for (const char* text : {"one", "three"}) must(send(ends[0], text, strlen(text), 0), "send");
    must(shutdown(ends[1], SHUT_RD), "shutdown");
  }
  void check_all() const {
    char text[16];
    for (ssize_t length : {3, 5, 0}) check_equal(recv(ends[1], text, sizeof text, 0), length, "length of a message");
  }
};

struct File {
  int fd = must(open("gone", O_RDWR | O_CREAT | O_CLOEXEC, 0640), "open");
  File() {
    must(unlink("gone"), "unlink");
    must(write(fd, "content", 7), "write");
    must(lseek(fd, 3, SEEK_SET), "lseek");
    must(flock(must(open(".", O_RDONLY | O_CLOEXEC), "open ."), LOCK_EX), "flock");
  }
  void check_all() const {
    char text[8] = {};
    check_equal(must(read(fd, text, sizeof text), "read"), 4, "rest of the file");
    check_equal(text, "tent", "content");
  }
};

struct Events {
  int event = must(eventfd(7, EFD_NONBLOCK), "eventfd"), timer = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
  int epoll = must(epoll_create1(0), "epoll_create1"), signals = -1;
  timer_t posix_timer;
  Events() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals = must(signalfd(-1, &set, SFD_NONBLOCK), "signalfd");
    must(kill(getpid(), SIGUSR1), "kill");
    const itimerspec later{{0, 0}, {1000, 0}};
    must(timerfd_settime(timer, 0, &later, nullptr), "timerfd_settime");
    must(timer_create(CLOCK_REALTIME, nullptr, &posix_timer), "timer_create");
    must(timer_settime(posix_timer, 0, &later, nullptr), "timer_settime");
    epoll_event item{EPOLLIN, {.u64 = 42}};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &item), "epoll_ctl");
  }
  void check_all() const {
    epoll_event ready{};
    check_equal(must(epoll_wait(epoll, &ready, 1, 0), "epoll_wait"), 1, "events");
    check_equal(ready.data.u64, 42, "whose event");
    uint64_t count = 0;
    check_equal(must(read(event, &count, sizeof count), "read of the eventfd"), sizeof count, "bytes");
    check_equal(count, 7, "count");
    signalfd_siginfo info{};
    check_equal(must(read(signals, &info, sizeof info), "read of the signalfd"), sizeof info, "bytes");
    check_equal(info.ssi_pid, getpid(), "who sent the signal");
    itimerspec rest{};
    must(timer_gettime(posix_timer, &rest), "timer_gettime");
    check(rest.it_value.tv_sec > 500, "the timer's rest is %ld s", rest.it_value.tv_sec);
  }
};

static int listening_socket() {
  const int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  must(bind(fd, (sockaddr*)&address, sizeof address), "bind");
  must(listen(fd, 5), "listen");
  return fd;
}

int main() {
  const Memory memory;
  const Queue queue;
  const File file;
  const Events events;  // before the thread, which must not take the signal
  int to_child[2], to_thread[2];
  must(pipe(to_child), "pipe");
  must(pipe(to_thread), "pipe");
  const pid_t living = child_in(SYS_read, [&] {
    char text[4];
    check_equal(must(read(to_child[0], text, 2), "read of the child"), 2, "bytes for the child");
    memory.check_all();
  });
  std::thread thread = thread_in(SYS_read, [&] {
    char text[4];
    check_equal(must(read(to_thread[0], text, 4), "read of the thread"), 2, "bytes for the thread");
  });
  const int listener = listening_socket();
  ready_and_wait();
  memory.check_all();
  queue.check_all();
  file.check_all();
  events.check_all();
  must(write(to_child[1], "go", 2), "write");
  must(write(to_thread[1], "go", 2), "write");
  thread.join();
  check_exit(living);
  must(listen(listener, 6), "listen");
  pass();
}
