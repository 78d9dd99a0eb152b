"""Records are compared whatever their ids; schemas are read; coverage tells what was never seen."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from harness import coverage, files, plays, records, schema

_PROTO = """
message Eventfd {
  option (kind) = "eventfd";
  optional uint64 count = 1 [(kernel) = "eventfd_ctx.count"];  // a comment; with a semicolon
  optional bool semaphore = 2 [(kernel) = "eventfd_ctx.flags"];
  repeated Part parts = 3;
  enum Mode { PLAIN = 0; PACKET = 1; }
  optional Mode mode = 4;
  optional Ref file = 5 [(needs) = {mine: CONNECTED, its: TABLED}];
}
message Part { optional int32 small_number = 1; }
"""


def image(first_id: int, count: str = "1") -> dict:
    table = {"entries": [{"descriptor": 3, "description": {"id": first_id + 1}}]}
    return {
        "records": [
            {"id": first_id, "kind": "fd_table", "owner": 0, "state": table},
            {"id": first_id + 1, "kind": "eventfd", "owner": 0, "state": {"count": count}},
        ]
    }


class FixedPoint(unittest.TestCase):
    def test_ids_do_not_matter(self) -> None:
        self.assertEqual(records.differences(image(1), image(40)), [])

    def test_a_changed_field_is_told_by_name(self) -> None:
        self.assertEqual(records.differences(image(1), image(1, "2")), ["eventfd#1/count: '1' -> '2'"])

    def test_a_changed_reference_is_told(self) -> None:
        other = image(1)
        other["records"][0]["state"]["entries"][0]["description"]["id"] = 1
        self.assertEqual(len(records.differences(image(1), other)), 1)

    def test_runs_of_pages_are_merged(self) -> None:
        def mm(addresses: list[str], lengths: list[int]) -> dict:
            state = {"page_address": addresses, "page_length": lengths, "page_offset": [0] * len(addresses)}
            return {"records": [{"id": 1, "kind": "mm", "state": state}]}

        one = mm(["4096", "65536"], [8192, 4096])
        self.assertEqual(records.differences(one, mm(["4096", "8192", "65536"], [4096, 4096, 4096])), [])
        self.assertTrue(records.differences(one, mm(["4096", "65536"], [8192, 8192])))

    def test_a_lost_record_is_told(self) -> None:
        other = image(1)
        del other["records"][1]
        self.assertTrue(records.differences(image(1), other))


class Coverage(unittest.TestCase):
    def setUp(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "eventfd.proto").write_text(_PROTO)
            self.schema = schema.read(Path(directory))

    def lacking(self, bodies: list[dict]) -> dict[str, str]:
        seen = coverage.Coverage(self.schema)
        for body in bodies:
            seen.add({"records": [{"id": 1, "kind": "eventfd", "state": body}]})
        messages = self.schema.messages
        return {one.name: seen.lacking(messages[name], one) for name in ("Eventfd", "Part") for one in messages[name].fields}

    def test_schema(self) -> None:
        message = self.schema.kinds()["eventfd"]
        self.assertEqual([one.name for one in message.fields], ["count", "semaphore", "parts", "mode", "file"])
        self.assertEqual(self.schema.enums["Mode"], ["PLAIN", "PACKET"])
        self.assertEqual(self.schema.messages["Part"].fields[0].json_name, "smallNumber")

    def test_small_values_prove_little(self) -> None:
        lacking = self.lacking([{"count": "6", "semaphore": True, "mode": "PACKET"}])
        self.assertEqual(lacking["count"], "upper half")
        self.assertEqual(lacking["semaphore"], "false")
        self.assertEqual(lacking["mode"], "PLAIN")
        self.assertEqual(lacking["parts"], "1 entries, 3 entries")
        self.assertEqual(lacking["small_number"], "never set")

    def test_all_is_seen(self) -> None:
        parts = [{"smallNumber": 70_000}] * 3
        lacking = self.lacking(
            [
                {"count": str(1 << 32), "semaphore": True, "mode": "PLAIN", "parts": parts, "file": {"id": 1}},
                {"count": "0", "semaphore": False, "mode": "PACKET", "parts": parts[:1]},
                {},
            ]
        )
        self.assertEqual(set(lacking.values()), {""})


class Files(unittest.TestCase):
    def test_contents_are_put_back_in_place(self) -> None:
        with tempfile.TemporaryDirectory() as base:
            directory, store = Path(base, "run"), Path(base, "kept")
            (directory / "below").mkdir(parents=True)
            changed, removed, sparse = directory / "changed", directory / "below" / "removed", directory / "sparse"
            changed.write_text("before")
            removed.write_text("here")
            with open(sparse, "wb") as file:
                file.truncate(1 << 32)
            inode = changed.stat().st_ino
            files.keep(directory, store)
            changed.write_text("after, and longer")
            removed.unlink()
            (directory / "new").write_text("new")
            files.put_back(store, directory)
            self.assertEqual((changed.read_text(), changed.stat().st_ino), ("before", inode))
            self.assertEqual(removed.read_text(), "here")
            self.assertFalse((directory / "new").exists())
            self.assertEqual((sparse.stat().st_size, sparse.stat().st_blocks), (1 << 32, 0))


class Headers(unittest.TestCase):
    def test_first_comment(self) -> None:
        text = "// needs: root cpus=2\n// modes: not again, twice (a reason)\n// prose\n#include <x>\n// needs: not this\n"
        headers = plays.first_comment(text)
        self.assertEqual(headers["needs"], ["root cpus=2"])
        program = plays.Program("x", Path("x.cc"), headers)
        self.assertEqual(program.reason_to_skip("twice"), "a reason")
        self.assertNotEqual(program.reason_to_skip("restore"), "a reason")


if __name__ == "__main__":
    unittest.main()
