"""Tests of the harness itself: an oracle that is blind is worse than none. Run by ctest, or python3 -m unittest."""
