#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace soragen {

// The candidate with the smallest edit distance to word, or "" when none is near enough to be meant.
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace soragen
