// tests/golden/text/corpus.jsonl: what the reference makes of each line (see the README beside it).
#pragma once

#include <array>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace soragen::test {

inline const std::string kGoldenText = std::string(SORAGEN_SOURCE_DIR) + "/tests/golden/text";

struct CorpusLine {
  std::string text;
  std::optional<std::string> cleaned;  // nothing where ftfy repairs mojibake
  std::array<std::string, 4> digests;
  int64_t ids = 0;
};

inline std::vector<CorpusLine> read_corpus() {
  std::ifstream file(kGoldenText + "/corpus.jsonl");
  std::vector<CorpusLine> corpus;
  for (std::string row; std::getline(file, row);) {
    const Json json = parse_json(row, "corpus");
    CorpusLine& line = corpus.emplace_back();
    line.text = json[0];
    if (!json[1].is_null()) line.cleaned = json[1];
    for (size_t i = 0; i < line.digests.size(); ++i) line.digests[i] = json[2][i];
    line.ids = json[3];
  }
  return corpus;
}

}  // namespace soragen::test
