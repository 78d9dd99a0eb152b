// What the commands print: JSON that any parser takes, and units that people read.
#include <gtest/gtest.h>

#include "base/printable.h"
#include "cli/json.h"
#include "cli/units.h"

namespace cairn::cli {
namespace {

using namespace std::chrono_literals;

TEST(JsonString, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_string("a\"b\\c\n\t\x01\x7f"), R"("a\"b\\c\n\t\u0001\u007f")");
  EXPECT_EQ(json_string(std::string_view("a\0b", 3)), R"("a\u0000b")");
}

TEST(JsonString, KeepsUtf8) { EXPECT_EQ(json_string("\u00e9\u20ac\U0001f600"), "\"\u00e9\u20ac\U0001f600\""); }

TEST(JsonString, ReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(json_string("\xff"
                        "a"),
            R"("\ufffda")");
  EXPECT_EQ(json_string("\xc0\xaf"), R"("\ufffd\ufffd")");            // overlong
  EXPECT_EQ(json_string("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // a surrogate
  EXPECT_EQ(json_string("\xe2\x82"), R"("\ufffd\ufffd")");            // cut short
}

TEST(JsonObject, JoinsMembers) {
  JsonObject object;
  EXPECT_EQ(object.str(), "{}");
  object.text("name", "x").number("count", -3).flag("ok", true).json("list", json_array(std::vector{1, 2}, [](int i) {
                                                                       return std::to_string(i);
                                                                     }));
  EXPECT_EQ(object.str(), R"({"name": "x", "count": -3, "ok": true, "list": [1, 2]})");
}

TEST(Printable, LeavesNoCommandsToATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\x7f\nc"), "a\\x1b[2Jb\\x0d\\x7f\nc");
  EXPECT_EQ(printable("\u009b2J"),
            "\\xc2\x9b"
            "2J");
  EXPECT_EQ(printable("\u00e9\u20ac"), "\u00e9\u20ac");
}

TEST(Units, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(1), "1 byte");
  EXPECT_EQ(human_bytes(1023), "1023 bytes");
  EXPECT_EQ(human_bytes(1024), "1.00 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.00 MiB");
  EXPECT_EQ(human_bytes(12'345'678), "11.8 MiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Units, Durations) {
  EXPECT_EQ(human_duration(420us), "0.42 ms");
  EXPECT_EQ(human_duration(12'340us), "12.3 ms");
  EXPECT_EQ(human_duration(999'600us), "1.00 s");
  EXPECT_EQ(human_duration(125s), "125 s");
}

TEST(Units, Counts) {
  EXPECT_EQ(counted(1, "process", "processes"), "1 process");
  EXPECT_EQ(counted(0, "process", "processes"), "0 processes");
  EXPECT_EQ(counted(7, "thread"), "7 threads");
}

}  // namespace
}  // namespace cairn::cli
