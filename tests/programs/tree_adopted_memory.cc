// fork(2): an orphan that was adopted by a sub-reaper has its memory from the leader of its session, not from its
// parent; each keeps its own content, and the leader has unmapped something since.
#include <sys/mman.h>
#include <sys/prctl.h>

#include "program.h"

constexpr int kPage = 4096;
static char *pages, *unmapped;

static char* new_pages(size_t size) {
  void* area = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return must(static_cast<char*>(area), "mmap");
}

static void write_pages(std::string_view text) {
  for (size_t page = 0; page < text.size(); page++)
    if (text[page] != '.') memset(pages + page * kPage, text[page], kPage);
}

static void check_pages(std::string_view expected, const char* whose) {
  std::string text;
  for (size_t page = 0; page < expected.size(); page++) text += pages[page * kPage + kPage / 2];
  check_equal(text, expected, whose);
}

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  pages = new_pages(6 * kPage);
  unmapped = new_pages(kPage);
  strcpy(unmapped, "once");
  must(mprotect(unmapped, kPage, PROT_READ), "mprotect");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t reaper = getpid();
  write_pages("pppppp");
  const pid_t leader = child([&] {
    must(setsid(), "setsid");
    write_pages("..llll");
    const pid_t mother = child([&] {
      child([&] {
        while (getppid() != reaper) sleep_ms(1);
        write_pages("....o.");
        must(write(ends[1], "x", 1), "write");
        wait_for_go();
        check_pages("ppllol", "the orphan's");
        check_equal(unmapped, "once", "what its maker has no longer");
      });
    });
    check_exit(mother);
    write_pages("...L..");
    must(munmap(unmapped, kPage), "munmap");
    must(write(ends[1], "x", 1), "write");
    wait_for_go();
    check_pages("pplLll", "the leader's");
  });
  for (int n = 0; n < 2; n++) {
    char letter;
    must(read(ends[0], &letter, 1), "read");
  }
  write_pages(".P...P");
  ready_and_wait();
  check_pages("pPpppP", "the reaper's");
  check_exit(leader);
  int status = 0;
  must(waitpid(-1, &status, 0), "waitpid");
  check_equal(status, 0, "status of the orphan");
  pass();
}
