// Names in a film's credentials a file that it was made from, with the credentials that this file has itself: they are
// kept inside, with what became of them when they were checked.
#pragma once

#include "provenance/credentials/library.h"
#include "provenance/credentials/manifest.h"

namespace soragen::provenance {

// number: of the ingredient, as in manifest_definition. Throws Error{input} for a file that cannot be read.
void add_ingredient(C2paBuilder& builder, const Ingredient& ingredient, size_t number);

}  // namespace soragen::provenance
