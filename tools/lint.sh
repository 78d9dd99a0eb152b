#!/bin/bash
# Format, includes and clang-tidy; exit code 1 when one complains. Wants a configured and built build/release.
#
#   tools/lint.sh            all of it
#   tools/lint.sh --quick    without clang-tidy
#   tools/lint.sh --full     clang-tidy with its path-sensitive analyzer, which takes several times as long
set -u
cd "$(dirname "$0")/.."
failed=0

step() {
  "$@" || failed=1
}

# Those that are there: git names removed ones, too, until the removal is staged.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cc' '*.h' '*.proto' | xargs ls -d 2>/dev/null)
step clang-format --dry-run -Werror "${sources[@]}"
step python3 tools/check_includes.py
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard 'tools/*.sh' '.ci/run')
for script in "${scripts[@]}"; do step bash -n "$script"; done
case ${1:-} in
  --quick) ;;
  --full) step python3 tools/tidy.py --checks='clang-analyzer-*,-clang-analyzer-optin.performance.Padding' ;;
  *) step python3 tools/tidy.py ;;
esac
exit $failed
