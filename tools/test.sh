#!/bin/bash
# Installs what is needed, builds, and runs every test. The last line is `N passed, N failed, N skipped`, and the exit
# code is 1 when something failed.
#
#   tools/test.sh            the release build, format and includes, its unit tests, every program in every mode,
#                            faults at some of the kernel calls
#   tools/test.sh --quick    the release build only, its unit tests, and one mode of the program suite
#   tools/test.sh --full     also what takes long: clang-tidy, the ASan/UBSan build with its unit tests, field coverage,
#                            faults at all kernel calls
#   tools/test.sh --apps     the real applications only
#
# What each part printed stands in build/logs/.
set -u
cd "$(dirname "$0")/.."

what=${1:---all}
case $what in
  --all | --quick | --full | --apps) ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
logs=build/logs
rm -rf "$logs" && mkdir -p "$logs"
counts=$logs/counts
: >"$counts"

# part NAME COMMAND...: runs it, shows its last words when it fails. Counts it as one test unless it counts itself.
part() {
  local name=$1 log=$logs/$1.log begin=$SECONDS ok
  shift
  printf '== %s\n' "$name"
  "$@" >"$log" 2>&1 </dev/null && ok=1 || ok=0
  [ "$ok" = 1 ] || tail -n 60 "$log"
  local line
  line=$(tail -n 1 "$log" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$')
  if [ -z "$line" ] || { [ "$ok" = 0 ] && [[ $line == *" 0 failed"* ]]; }; then
    [ "$ok" = 1 ] && line="1 passed, 0 failed, 0 skipped" || line="0 passed, 1 failed, 0 skipped"
  fi
  echo "$line" >>"$counts"
  printf '   %s; %d s%s\n' "$line" $((SECONDS - begin)) "$(sed -n 's/^swept: /; swept: /p' "$log")"
  [ "$ok" = 0 ] || sed -n '/^unsteady, /,$p' "$log"  # passed when played again: for the reader, not for the count
  [ "$ok" = 1 ]
}

build() {  # build PRESET TARGET...
  local preset=$1
  shift
  cmake --preset "$preset" && cmake --build "build/$preset" --target "$@"
}

# The unit tests of one build.
unit() {
  local reports=$PWD/$logs/gtest-$1 again=(--repeat until-pass:2)
  [ "$what" = --full ] && again=()
  mkdir -p "$reports"
  GTEST_OUTPUT=json:$reports/ ctest --test-dir "build/$1" "${again[@]}" --output-on-failure \
    --output-junit "$reports/ctest.xml" && local ok=1
  python3 tools/tally.py ctest "$reports/ctest.xml" "$reports" && [ "${ok:-0}" = 1 ]
}

suite() {
  python3 tests/run.py --build build/release "$@"
}

# Faults at the kernel calls of cairn. How many were swept is told too.
sweep() {
  python3 tests/sweep.py --build build/release "$@"
}

finish() {
  python3 tools/tally.py sum <"$counts"
  exit
}

part install tools/install_packages.sh || finish
part build-release build release all programs || finish
case $what in
  --quick)
    part lint tools/lint.sh --quick
    part unit-release unit release
    part suite suite --mode restore
    finish
    ;;
  --apps)
    part applications suite --only 'apps/*'
    finish
    ;;
esac
if [ "$what" = --full ]; then
  part build-asan build asan all
  part lint tools/lint.sh
  part unit-release unit release
  part unit-asan unit asan
  part suite suite --coverage --strict
  part faults sweep --full
  finish
fi
part lint tools/lint.sh --quick
part unit-release unit release
part suite suite
part faults sweep
finish
