#include "text/clean.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "core/fail.h"
#include "text/html.h"
#include "text/utf8.h"

namespace soragen::text {
namespace {

using Text = std::u32string;

Text normalized(const icu::Normalizer2* form, const Text& text) {
  const auto utf16 = icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()), text.size());
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString result = form->normalize(utf16, status);
  SORAGEN_ASSERT(U_SUCCESS(status));
  Text out(result.length(), U'\0');
  const int32_t length =
      result.toUTF32(reinterpret_cast<UChar32*>(out.data()), static_cast<int32_t>(out.size()), status);
  SORAGEN_ASSERT(U_SUCCESS(status));
  out.resize(length);
  return out;
}

const icu::Normalizer2* nfc() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFCInstance(status);
  SORAGEN_ASSERT(U_SUCCESS(status));
  return form;
}

const icu::Normalizer2* nfkc() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFKCInstance(status);
  SORAGEN_ASSERT(U_SUCCESS(status));
  return form;
}

// Ligatures and digraphs of Latin letters that are typography or legacy encoding; "" for any other character.
std::u32string_view latin_letters(char32_t c) {
  switch (c) {
    case 0x0132:
      return U"IJ";
    case 0x0133:
      return U"ij";
    case 0x0149:
      return U"\u02bcn";
    case 0x01c4:
      return U"D\u017d";
    case 0x01c5:
      return U"D\u017e";
    case 0x01c6:
      return U"d\u017e";
    case 0x01c7:
      return U"LJ";
    case 0x01c8:
      return U"Lj";
    case 0x01c9:
      return U"lj";
    case 0x01ca:
      return U"NJ";
    case 0x01cb:
      return U"Nj";
    case 0x01cc:
      return U"nj";
    case 0x01f1:
      return U"DZ";
    case 0x01f2:
      return U"Dz";
    case 0x01f3:
      return U"dz";
    case 0xfb00:
      return U"ff";
    case 0xfb01:
      return U"fi";
    case 0xfb02:
      return U"fl";
    case 0xfb03:
      return U"ffi";
    case 0xfb04:
      return U"ffl";
    case 0xfb05:
      return U"\u017ft";
    case 0xfb06:
      return U"st";
    default:
      return {};
  }
}

bool has_width_form(char32_t c) { return c == 0x3000 || (c >= 0xff01 && c <= 0xffef); }

char32_t straight_quote(char32_t c) {
  if (c == 0x02bc || (c >= 0x2018 && c <= 0x201b)) return U'\'';
  if (c >= 0x201c && c <= 0x201f) return U'"';
  return c;
}

bool is_line_break(char32_t c) { return c == U'\r' || c == 0x2028 || c == 0x2029; }

bool is_invisible_control(char32_t c) {
  return c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f || (c >= 0x206a && c <= 0x206f) ||
         c == 0xfeff || (c >= 0xfff9 && c <= 0xfffc);
}

// The fixers that look at one character at a time, in ftfy's order.
Text fix_characters(const Text& text) {
  Text out;
  out.reserve(text.size());
  const auto quote_or_break = [&out](char32_t c) {
    c = straight_quote(c);
    out.push_back(is_line_break(c) ? U'\n' : c);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = from_windows_1252(text[i]);
    const std::u32string_view letters = latin_letters(c);
    if (!letters.empty()) {
      for (const char32_t letter : letters) quote_or_break(letter);
    } else if (has_width_form(c)) {
      for (const char32_t standard : normalized(nfkc(), Text(1, c))) quote_or_break(standard);
    } else if (c == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') {
      continue;  // the line feed that follows stands for both
    } else {
      quote_or_break(c);
    }
  }
  return out;
}

// ESC [ parameters letter; the parameters are decimal digits of any script and semicolons, as Python's \d has it.
size_t terminal_escape_length(std::u32string_view text) {
  if (text.size() < 3 || text[0] != 0x1b || text[1] != U'[') return 0;
  size_t at = 2;
  while (at < text.size() && (text[at] == U';' || u_isdigit(static_cast<UChar32>(text[at])))) ++at;
  const bool letter = at < text.size() && text[at] < 0x80 && u_isalpha(static_cast<UChar32>(text[at]));
  return letter ? at + 1 : 0;
}

Text remove_controls(const Text& text) {
  Text visible;
  visible.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t escape = terminal_escape_length(std::u32string_view(text).substr(at));
    if (escape == 0 && !is_invisible_control(text[at])) visible.push_back(text[at]);
    at += std::max<size_t>(escape, 1);
  }
  return visible;
}

// One line of ftfy.fix_text: all fixers, again and again until nothing changes.
Text fix_segment(Text text, bool unescape) {
  for (;;) {
    Text fixed = unescape ? unescape_html_with_semicolon(text) : text;
    fixed = normalized(nfc(), remove_controls(fix_characters(fixed)));
    if (fixed == text) return fixed;
    text = std::move(fixed);
  }
}

Text fix_text(const Text& text) {
  Text out;
  bool unescape = true;
  for (size_t at = 0; at < text.size();) {
    const size_t line_feed = text.find(U'\n', at);
    const size_t end = line_feed == Text::npos ? text.size() : line_feed + 1;
    Text segment = text.substr(at, end - at);
    if (segment.find(U'<') != Text::npos) unescape = false;  // from here on the text is taken for real HTML
    out += fix_segment(std::move(segment), unescape);
    at = end;
  }
  return out;
}

// What str.strip() removes: White_Space and the four ASCII separators.
bool is_stripped(char32_t c) { return is_white_space(c) || (c >= 0x1c && c <= 0x1f); }

Text strip(const Text& text) {
  size_t first = 0, last = text.size();
  while (first < last && is_stripped(text[first])) ++first;
  while (last > first && is_stripped(text[last - 1])) --last;
  return text.substr(first, last - first);
}

Text collapse_white_space(const Text& text) {
  Text out;
  for (const char32_t c : text) {
    if (!is_white_space(c)) {
      out.push_back(c);
    } else if (out.empty() || out.back() != U' ') {
      out.push_back(U' ');
    }
  }
  return out;
}

}  // namespace

std::string clean_prompt(std::string_view prompt) {
  if (prompt.size() > kMaxPromptBytes) {
    fail(ErrorKind::input, "prompt: {} bytes; at most {} are read (a model sees 512 tokens, a few kilobytes)",
         prompt.size(), kMaxPromptBytes);
  }
  const Text fixed = fix_text(decode_utf8(prompt, "prompt"));
  return encode_utf8(strip(collapse_white_space(strip(unescape_html(unescape_html(fixed))))));
}

}  // namespace soragen::text
