// What findings about a film add up to, in a word and in a sentence.
#pragma once

#include <string>

#include "provenance/verify.h"

namespace soragen::provenance {

Verdict verdict_of(const Verification& found);
std::string sentence_of(const Verification& found);

}  // namespace soragen::provenance
