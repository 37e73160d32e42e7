#include "text/html.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <optional>

namespace soragen::text {
namespace {

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_upper(char32_t c) { return c >= U'A' && c <= U'Z'; }
bool is_lower(char32_t c) { return c >= U'a' && c <= U'z'; }
bool is_hex(char32_t c) { return is_digit(c) || (c >= U'a' && c <= U'f') || (c >= U'A' && c <= U'F'); }
int digit_value(char32_t c) { return is_digit(c) ? c - U'0' : (c | 0x20) - U'a' + 10; }

void append_number(std::u32string& out, uint32_t number) {
  if (number >= 0x80 && number <= 0x9f) {
    out.push_back(from_windows_1252(number));
    return;
  }
  if (number == 0 || (number >= 0xd800 && number <= 0xdfff) || number > 0x10ffff) {
    out.push_back(0xfffd);
    return;
  }
  const bool control = number <= 0x08 || number == 0x0b || (number >= 0x0e && number <= 0x1f) || number == 0x7f;
  const bool noncharacter = (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe;
  if (!control && !noncharacter) out.push_back(number);
}

// "#123;" or "#x1f;" at text[0], the semicolon optional. Returns the characters consumed, 0 if it is none.
size_t take_numeric(std::u32string_view text, std::u32string& out) {
  const bool hex = text.size() > 1 && (text[1] | 0x20) == U'x';
  size_t at = hex ? 2 : 1;
  const size_t first_digit = at;
  uint32_t number = 0;
  for (; at < text.size() && (hex ? is_hex(text[at]) : is_digit(text[at])); ++at) {
    number = std::min<uint32_t>(number * (hex ? 16 : 10) + digit_value(text[at]), 0x110000);
  }
  if (at == first_digit) return 0;
  append_number(out, number);
  return at + (at < text.size() && text[at] == U';');
}

std::string narrow(std::u32string_view name) {
  std::string ascii;
  for (const char32_t c : name) ascii.push_back(c < 0x80 ? static_cast<char>(c) : '?');  // no name holds '?'
  return ascii;
}

void append_value(std::u32string& out, const HtmlEntity& entity) {
  out.push_back(entity.value[0]);
  if (entity.value[1] != 0) out.push_back(entity.value[1]);
}

// A name at text[0]: the whole of it with its semicolon, else its longest prefix that needs none.
size_t take_named(std::u32string_view text, std::u32string& out) {
  constexpr std::u32string_view kEndsName = U"\t\n\f <&#;";
  constexpr size_t kLongestName = 32;
  const size_t length = std::min({text.find_first_of(kEndsName), text.size(), kLongestName});
  const std::string name = narrow(text.substr(0, length));
  if (length < text.size() && text[length] == U';') {
    if (const HtmlEntity* entity = find_html_entity(name)) {
      append_value(out, *entity);
      return length + 1;
    }
  }
  for (size_t prefix = length; prefix >= 2; --prefix) {
    const HtmlEntity* entity = find_html_entity(std::string_view(name).substr(0, prefix));
    if (entity != nullptr && entity->bare) {
      append_value(out, *entity);
      return prefix;
    }
  }
  return 0;
}

std::optional<std::u32string> upper_case_value(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) {
    if (is_lower(c)) return std::nullopt;
    if (is_upper(c)) c = static_cast<char>(c | 0x20);
  }
  const HtmlEntity* entity = find_html_entity(lower);
  if (entity == nullptr) return std::nullopt;
  std::u32string reference(1, U'&');
  reference.append(name.begin(), name.end()).push_back(U';');
  if (unescape_html(reference) != reference) return std::nullopt;
  const UChar32 value[2] = {static_cast<UChar32>(entity->value[0]), static_cast<UChar32>(entity->value[1])};
  icu::UnicodeString upper =
      icu::UnicodeString::fromUTF32(value, value[1] == 0 ? 1 : 2).toUpper(icu::Locale::getRoot());
  std::u32string result;
  for (int32_t at = 0; at < upper.length(); at = upper.moveIndex32(at, 1)) result.push_back(upper.char32At(at));
  return result;
}

// "&" name ";" or "&#..." of at most 24 letters and digits. Returns the characters consumed, 0 if it is none.
size_t take_with_semicolon(std::u32string_view text, std::u32string& out) {
  constexpr size_t kLongestName = 24;
  const size_t start = text.size() > 1 && text[1] == U'#' ? 2 : 1;
  size_t end = start;
  while (end < text.size() && (is_digit(text[end]) || is_upper(text[end]) || is_lower(text[end]))) ++end;
  if (end == start || end - start > kLongestName || end == text.size() || text[end] != U';') return 0;
  const std::u32string_view reference = text.substr(0, end + 1);
  if (start == 2) {
    const std::u32string value = unescape_html(reference);
    if (value.find(U';') != std::u32string::npos) return 0;  // not decoded to the end
    out += value;
    return reference.size();
  }
  const std::string name = narrow(text.substr(1, end - 1));
  if (const HtmlEntity* entity = find_html_entity(name)) {
    append_value(out, *entity);
    return reference.size();
  }
  if (const auto upper = upper_case_value(name)) {
    out += *upper;
    return reference.size();
  }
  return 0;
}

}  // namespace

char32_t from_windows_1252(char32_t c) {
  constexpr char32_t kValues[32] = {0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                    0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
                                    0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                    0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
  return c >= 0x80 && c <= 0x9f ? kValues[c - 0x80] : c;
}

std::u32string unescape_html(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t consumed = 0;
    if (text[at] == U'&') {
      const std::u32string_view rest = text.substr(at + 1);
      consumed = !rest.empty() && rest[0] == U'#' ? take_numeric(rest, out) : take_named(rest, out);
    }
    if (consumed == 0) out.push_back(text[at]);
    at += consumed + 1;
  }
  return out;
}

std::u32string unescape_html_with_semicolon(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t consumed = text[at] == U'&' ? take_with_semicolon(text.substr(at), out) : 0;
    if (consumed == 0) out.push_back(text[at]);
    at += std::max<size_t>(consumed, 1);
  }
  return out;
}

}  // namespace soragen::text
