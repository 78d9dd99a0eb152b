#!/bin/bash
# Shows the main job on two real programs with live state: saves them, kills them, brings them back, and proves that
# nothing was lost. Installs and builds what it needs first, and leaves nothing behind but the build directory.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '  $ %s\n' "$*" >&2 && "$@"; }
fail() { printf 'demo: %s\n' "$*" >&2 && exit 1; }

say "1. Install what is needed, and build"
tools/install_packages.sh build demo
cmake --preset release -DCAIRN_TESTS=OFF -B build/demo >build-demo.log 2>&1 &&
  cmake --build build/demo --target cairn >>build-demo.log 2>&1 || { cat build-demo.log && fail "the build failed"; }
rm -f build-demo.log
cairn=$PWD/build/demo/cairn
"$cairn" --version

directory=$(mktemp -d)
redis= worker=
alive() { [ -n "$1" ] && [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }
wait_until() {  # wait_until WHAT COMMAND...: up to ten seconds
  local what=$1 i
  shift
  for ((i = 0; i < 200; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  fail "waited in vain until $what"
}
clean_up() {
  local children
  children=$(cat "/proc/${worker:-none}/task/${worker:-none}/children" 2>/dev/null || true)
  for pid in $redis $worker $children; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$directory"
}
trap clean_up EXIT
cd "$directory"

ask() { redis-cli -s "$directory/redis.sock" "$@"; }
digest() { ask debug digest; }
last_line() { tail -n 1 worker.log; }

say "2. Start redis-server and load 100,000 keys into it"
setsid redis-server --port 0 --unixsocket "$directory/redis.sock" --save '' --enable-debug-command yes \
  --daemonize no </dev/null >redis.log 2>&1 &
redis=$!
disown  # it will be killed on purpose: nothing to report
wait_until "redis answers" ask ping
ask debug populate 100000 key 32 >/dev/null
ask incrby counter 41 >/dev/null
keys=$(ask dbsize) before=$(digest)
echo "  process $redis holds $keys keys; the digest of all of them is $before"

say "3. Start a python3 program: four threads, a child behind two pipes, a generator in mid-iteration"
setsid python3 "$OLDPWD/tools/demo_worker.py" </dev/null >>worker.log 2>&1 &
worker=$!
disown
wait_until "the worker works" test -s worker.log
sleep 1
echo "  process $worker has got to: $(last_line)"

say "4. Save redis-server; it goes on as if nothing had happened"
with_redis=yes
if run "$cairn" checkpoint --output redis.cairn "$redis"; then
  echo "  incr counter: $(ask incr counter)"
else
  with_redis=
  echo "  this cairn can't keep its listening socket yet: it says so, and redis is unharmed: $(ask ping)"
fi

say "5. Save both again, and kill them as soon as their images are complete"
[ -z "$with_redis" ] || run "$cairn" checkpoint --output redis.cairn --replace --then kill "$redis"
run "$cairn" checkpoint --output worker.cairn --then kill "$worker"
[ -z "$with_redis" ] || wait_until "redis-server is gone" "$cairn" restore --dry-run redis.cairn
wait_until "the worker is gone" "$cairn" restore --dry-run worker.cairn
stopped_at=$(last_line)
echo "  both are gone; the worker's last words were: $stopped_at"

say "6. What is in an image"
run "$cairn" inspect worker.cairn | head -n 20

say "7. Bring both back"
[ -z "$with_redis" ] || run "$cairn" restore --detach redis.cairn
run "$cairn" restore --detach worker.cairn

say "8. The data are there, and the counters go on"
if [ -n "$with_redis" ]; then
  wait_until "redis answers" ask ping
  after=$(ask incr counter)
  echo "  incr counter: $after (it was 42 when redis was saved)"
  [ "$after" = 43 ] || fail "the counter was lost"
  ask decrby counter 2 >/dev/null
  echo "  keys: $(ask dbsize); digest: $(digest), as before"
  [ "$(digest)" = "$before" ] || fail "the data differ"
fi

went_on() { [ "$(wc -l <worker.log)" -gt $((${stopped_at%% *} + 20)) ]; }
wait_until "the worker has gone on" went_on
echo "  the worker has got to: $(last_line)"
awk '$1 != NR || $2 != NR * (NR + 1) / 2 { exit 1 }' worker.log ||
  fail "the worker lost or repeated something"
echo "  its $(wc -l <worker.log) lines are numbered without a gap, and its child's sums are right to the last"

say "Done: nothing was lost. Both are ended now, and all that was made is removed."
