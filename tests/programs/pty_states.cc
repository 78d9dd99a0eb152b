// pty(7): pairs in all states beside each other: one that was never opened and is locked, one whose slave was closed,
// in packet mode, one that is exclusive and has locked settings; numbers with a gap between them.
// own: terminals
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "program.h"

struct Pair {
  int master, number;
  std::string name() const { return "/dev/pts/" + std::to_string(number); }
  int slave() const { return must(open(name().c_str(), O_RDWR | O_NOCTTY), "open of a slave"); }
};

static Pair make() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
  int number = -1;
  must(ioctl(master, TIOCGPTN, &number), "TIOCGPTN");
  return {master, number};
}

static Pair make_open() {
  Pair pair = make();
  must(unlockpt(pair.master), "unlockpt");
  return pair;
}

static int ask(int fd, unsigned long request) {
  int value = -1;
  must(ioctl(fd, request, &value), "ioctl");
  return value;
}

static short events(int fd) {
  pollfd item{fd, POLLIN | POLLOUT, 0};
  poll(&item, 1, 0);
  return item.revents;
}

int main() {
  const Pair locked = make(), gap = make_open(), closed = make_open(), packets = make_open(), exclusive = make_open();
  close(closed.slave());
  const int slave = packets.slave(), quiet = exclusive.slave();
  const int peer = must(ioctl(packets.master, TIOCGPTPEER, O_RDONLY | O_NOCTTY), "TIOCGPTPEER");
  int on = 1;
  must(ioctl(packets.master, TIOCPKT, &on), "TIOCPKT");
  must(fchmod(slave, 0604), "fchmod");
  termios limits{};
  limits.c_lflag = ECHO;
  const bool has_limits = ioctl(exclusive.master, TIOCSLCKTRMIOS, &limits) == 0;
  must(ioctl(quiet, TIOCEXCL), "TIOCEXCL");
  close(gap.master);
  const short events_of_closed = events(closed.master), events_of_locked = events(locked.master);
  ready_and_wait();
  check_equal(ask(locked.master, TIOCGPTLCK), 1, "lock");
  check_equal(ask(packets.master, TIOCGPTLCK), 0, "lock of another");
  check_equal(ask(packets.master, TIOCGPKT), 1, "packet mode");
  check_equal(ask(exclusive.master, TIOCGPKT), 0, "packet mode of another");
  check_equal(ask(quiet, TIOCGEXCL), 1, "exclusive");
  check_equal(ask(slave, TIOCGEXCL), 0, "another is exclusive");
  check_equal(events(closed.master), events_of_closed, "events where the slave was closed");
  check_equal(events(locked.master), events_of_locked, "events where the slave was never opened");
  for (const Pair& pair : {locked, closed, packets, exclusive}) {
    check_equal(ask(pair.master, TIOCGPTN), pair.number, "number");
  }
  struct stat stat;
  must(fstat(slave, &stat), "fstat");
  check_equal(stat.st_mode & 07777, 0604, "permissions");
  termios now{};
  must(ioctl(exclusive.master, TIOCGLCKTRMIOS, &now), "TIOCGLCKTRMIOS");
  if (has_limits) check_equal(now.c_lflag, unsigned(ECHO), "locked local modes");
  must(write(slave, "text", 4), "write");
  char text[8];
  check_equal(must(read(packets.master, text, sizeof text), "read"), 5, "bytes of a packet");
  check_equal(text[0], TIOCPKT_DATA, "kind of the packet");
  check((fcntl(peer, F_GETFL) & O_ACCMODE) == O_RDONLY, "the peer is open for more than reading");
  must(write(packets.master, "in\n", 3), "write");
  check_equal(must(read(peer, text, sizeof text), "read"), 3, "bytes in");
  must(unlockpt(locked.master), "unlockpt");
  close(locked.slave());
  pass();
}
