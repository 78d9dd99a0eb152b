#!/usr/bin/env python3
"""Adds up test results: one line `N passed, N failed, N skipped`.

    tools/tally.py ctest JUNIT GTEST_DIR    one run of ctest; cases of GoogleTest programs are counted one by one
    tools/tally.py sum < LINES              such lines, added up
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

LINE = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


def of_cases(path: Path) -> Counter:
    """The cases of one GoogleTest program, from the report that it writes when it ends in good order."""
    counts: Counter = Counter()
    for suite in json.loads(path.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            if "failures" in case:
                counts["failed"] += 1
            elif case["result"] == "SKIPPED" or case["status"] == "NOTRUN":
                counts["skipped"] += 1
            else:
                counts["passed"] += 1
    return counts


def of_ctest(junit: Path, reports: Path) -> Counter:
    total: Counter = Counter()
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        outcome = {"run": "passed", "fail": "failed"}.get(case.get("status", ""), "skipped")
        name = case.get("name")
        told = sorted([*reports.glob(f"{name}.json"), *reports.glob(f"{name}_[0-9].json")])
        if len(told) > 1:
            print(f"unsteady, to be mended: {name} failed at first, see the log")
        counts = of_cases(told[-1]) if told else Counter({outcome: 1})
        if outcome == "failed" and not counts["failed"]:
            counts["failed"] = 1  # it crashed, or was killed at its time limit
        total += counts
    return total


def of_lines(text: str) -> Counter:
    total: Counter = Counter()
    for passed, failed, skipped in LINE.findall(text):
        total.update(passed=int(passed), failed=int(failed), skipped=int(skipped))
    return total


def main() -> int:
    if sys.argv[1:2] == ["ctest"] and len(sys.argv) == 4:
        total = of_ctest(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:] == ["sum"]:
        total = of_lines(sys.stdin.read())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
