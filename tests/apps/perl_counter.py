# A perl program: hashes, closures, an alarm handler and a child that answers over a socket pair.
from __future__ import annotations

from harness.app import App as Base

_SCRIPT = r"""
use strict; use warnings; use Socket; use IO::Handle;
socketpair(my $mine, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
$_->autoflush(1) for $mine, $theirs;
my $pid = fork() // die;
if (!$pid) { close $mine; while (<$theirs>) { chomp; print $theirs $_ * 3, "\n" } exit 5 }
close $theirs;
my ($alarms, %seen) = (0);
$SIG{ALRM} = sub { $alarms++; alarm 1 };
alarm 1;
open my $log, '>>', 'log' or die; $log->autoflush(1);
my $next = do { my $n = 0; sub { ++$n } };
until (-e 'end') {
  my $n = $next->();
  print $mine "$n\n"; my $answer = <$mine>; chomp $answer;
  $seen{$n} = $answer;
  print $log "$n $answer\n" if $n % 100 == 0;
  select undef, undef, undef, 0.002 if $n % 20 == 0;
}
close $mine; waitpid $pid, 0;
die "child: $?" unless $? >> 8 == 5;
my $last = $next->() - 1;
for my $n (1 .. $last) { die "at $n" unless $seen{$n} == 3 * $n }
print $log "end $last\n";
"""


class App(Base):
    needs = ("perl",)

    def command(self) -> list[str]:
        self.path("counter.pl").write_text(_SCRIPT)
        return [self.program("perl"), "counter.pl"]

    def set_up(self) -> None:
        self.wait_for_lines(5)

    def work(self, cycle: int) -> None:
        self.wait_for_lines(len(self.lines("log")) + 5)

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        *lines, last = self.lines("log")
        assert last.startswith("end "), f"the last line is {last!r}"
        for number, line in enumerate(lines, 1):
            assert line == f"{number * 100} {number * 300}", f"line {number} of the log is {line!r}"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("log")) >= count, f"{count} lines in the log")
