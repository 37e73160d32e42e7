#!/usr/bin/env python3
"""Writes src/text/html_entities.cpp: the named character references of HTML5 (html.spec.whatwg.org, section
13.5), read from Python's html.entities. Run again only if the standard changes: it says that it never will."""

import html.entities
import pathlib

HEADER = """\
// Written by scripts/make_html_entities.py; do not edit. The {count} named character references of HTML5.
#include <cstdlib>
#include <unordered_map>

#include "text/html.h"

namespace soragen::text {{
namespace {{

// "name value;": the value is one or two code points in hex, joined by '+'; '*' after a name that needs no semicolon.
constexpr std::string_view kEntities =
"""

FOOTER = """
std::unordered_map<std::string_view, HtmlEntity> read_entities() {
  std::unordered_map<std::string_view, HtmlEntity> entities;
  for (std::string_view rest = kEntities; !rest.empty(); rest.remove_prefix(rest.find(';') + 1)) {
    std::string_view name = rest.substr(0, rest.find(' '));
    char* end = nullptr;
    HtmlEntity entity{};
    entity.value[0] = std::strtoul(rest.data() + name.size() + 1, &end, 16);
    if (*end == '+') entity.value[1] = std::strtoul(end + 1, nullptr, 16);
    entity.bare = name.back() == '*';
    if (entity.bare) name.remove_suffix(1);
    entities.emplace(name, entity);
  }
  return entities;
}

}  // namespace

const HtmlEntity* find_html_entity(std::string_view name) {
  static const std::unordered_map<std::string_view, HtmlEntity> entities = read_entities();
  const auto found = entities.find(name);
  return found == entities.end() ? nullptr : &found->second;
}

}  // namespace soragen::text
"""


def main():
    html5 = html.entities.html5
    rows = []
    for name in sorted(name[:-1] for name in html5 if name.endswith(";")):
        assert name not in html5 or html5[name] == html5[name + ";"]
        value = "+".join(f"{ord(c):x}" for c in html5[name + ";"])
        rows.append(f"{name}{'*' if name in html5 else ''} {value};")
    lines, line = [], ""
    for row in rows:
        if len(line) + len(row) > 112:
            lines.append(line)
            line = ""
        line += row
    lines.append(line)
    text = HEADER.format(count=len(rows)) + "\n".join(f'    "{line}"' for line in lines) + ";\n" + FOOTER
    path = pathlib.Path(__file__).resolve().parent.parent / "src" / "text" / "html_entities.cpp"
    path.write_text(text)
    print(f"{path.name}: {len(rows)} names, {len(text)} bytes")


if __name__ == "__main__":
    main()
