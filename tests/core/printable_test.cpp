#include "core/printable.h"

#include <gtest/gtest.h>

namespace soragen {
namespace {

TEST(Printable, keeps_text_of_every_script) {
  for (const char* text : {"", "a red ball", "日本の海", "été", "🌊", "\\n", "\u00A0"}) EXPECT_EQ(printable(text), text);
}

TEST(Printable, escapes_what_moves_a_terminal) {
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb\\tc\\x0d");
  EXPECT_EQ(printable("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\u009b31m"), "\\xc2\\x9b31m");  // C1: the one-character form of ESC [
  EXPECT_EQ(printable("\u202egpj.exe"), "\\xe2\\x80\\xaegpj.exe");
  EXPECT_EQ(printable("\u2066x\u2069"), "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9");
}

// Not UTF-8: stray and missing continuation bytes, overlong forms, surrogates, beyond U+10FFFF.
TEST(Printable, escapes_bytes_that_are_no_text) {
  EXPECT_EQ(printable("\xff"
                      "a"),
            "\\xffa");
  EXPECT_EQ(printable("\x80"), "\\x80");
  EXPECT_EQ(printable("\xe6\x97"), "\\xe6\\x97");
  EXPECT_EQ(printable("\xe6\x97"
                      "a"),
            "\\xe6\\x97a");
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a");
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Printable, can_be_applied_twice) { EXPECT_EQ(printable(printable("\x1b\n\xff")), printable("\x1b\n\xff")); }

}  // namespace
}  // namespace soragen
