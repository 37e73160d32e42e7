#include "text/clean.h"

#include <gtest/gtest.h>

#include "corpus.h"
#include "support/expect_error.h"
#include "text/html.h"

namespace soragen::text {
namespace {

TEST(Clean, EqualsTheReferenceOnTheCorpus) {
  int compared = 0, mojibake = 0;
  for (const auto& line : test::read_corpus()) {
    if (!line.cleaned) {
      ++mojibake;
      continue;
    }
    ++compared;
    EXPECT_EQ(clean_prompt(line.text), *line.cleaned) << Json(line.text).dump();
  }
  EXPECT_GE(compared, 2000);
  EXPECT_LE(mojibake, 60);
}

TEST(Clean, DoesNotRepairMojibake) { EXPECT_EQ(clean_prompt("s\u00c3\u00b3"), "s\u00c3\u00b3"); }  // ftfy: "só"

TEST(Clean, StopsUnescapingWhereMarkupBegins) {
  EXPECT_EQ(clean_prompt("&EACUTE;\n<b> &EACUTE;\n&EACUTE;"), "\u00c9 <b> &EACUTE; &EACUTE;");
}

TEST(Clean, IsUnchangedByASecondPass) {
  for (const auto& line : test::read_corpus()) {
    const std::string once = clean_prompt(line.text);
    if (once.find("&") != std::string::npos) continue;  // what is left may be a reference now
    EXPECT_EQ(clean_prompt(once), once);
  }
}

TEST(Clean, RefusesTextThatIsNotUtf8) {
  EXPECT_ERROR(clean_prompt("abc\xff"), ErrorKind::input, "0xff at offset 3 of 4");
  EXPECT_ERROR(clean_prompt("\xc3"), ErrorKind::input, "offset 0");              // ends inside a character
  EXPECT_ERROR(clean_prompt("a\xed\xa0\x80"), ErrorKind::input, "offset 1");     // a surrogate
  EXPECT_ERROR(clean_prompt("\xc0\xaf"), ErrorKind::input, "offset 0");          // overlong
  EXPECT_ERROR(clean_prompt("\xf4\x90\x80\x80"), ErrorKind::input, "offset 0");  // above U+10FFFF
}

TEST(Clean, RefusesOverlongText) {
  EXPECT_EQ(clean_prompt(std::string(kMaxPromptBytes, 'a')).size(), kMaxPromptBytes);
  EXPECT_ERROR(clean_prompt(std::string(kMaxPromptBytes + 1, 'a')), ErrorKind::input, "at most 32768");
}

TEST(Html, FollowsTheStandardOnNamesWithoutSemicolon) {
  EXPECT_EQ(unescape_html(U"&notit; &notin; &amp &zzz;"), U"\u00acit; \u2209 & &zzz;");
  EXPECT_EQ(unescape_html_with_semicolon(U"&notit; &notin; &amp &zzz;"), U"&notit; \u2209 &amp &zzz;");
}

TEST(Html, KnowsTwoCharacterAndCapitalReferences) {
  EXPECT_EQ(unescape_html(U"&NotEqualTilde;"), U"\u2242\u0338");
  EXPECT_EQ(unescape_html_with_semicolon(U"&SZLIG;&NTILDE;&nTILDE;"), U"SS\u00d1&nTILDE;");
}

}  // namespace
}  // namespace soragen::text
