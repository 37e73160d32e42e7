// What a film says about its making: the resolved plan, the model and its hash, versions, timings.
#pragma once

#include "families/family.h"
#include "pipeline/plan.h"

namespace soragen::pipeline {

Json make_record(const Plan& plan, const families::ModelSpec& spec, const Json& timings);

// The record for other people's eyes: what the user wrote (prompt and negative prompt) is left out, and its hash stands
// in its place: "texts": {"salt", "prompt_sha256", "negative_prompt_sha256"}, each SHA-256 of salt and text. The salt
// comes from the rest of the record, so that the same film has the same record.
Json without_texts(Json record);
// Puts texts back into a record without them. Throws Error{input} if they are not the film's own.
Json with_texts(Json record, const Request& texts);

}  // namespace soragen::pipeline
