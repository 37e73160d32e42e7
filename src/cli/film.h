// One film from a request to a file, with its latents on disk in between.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "pipeline/generator.h"
#include "pipeline/latents.h"
#include "provenance/marks.h"
#include "publishing/output.h"
#include "soragen/request.h"

namespace soragen::cli {

class Marking;

// Under this key a film's container holds the record of its making, where it holds metadata at all.
inline constexpr const char* kRecordKey = "com.soragen.record";

// Everything decided before any weight is read.
struct FilmOrder {
  pipeline::Plan plan;
  publishing::OutputSettings output;
  std::vector<provenance::Ingredient> inputs;
  provenance::Marks marks;  // by prepare_output
  bool includes_texts = false;
  std::filesystem::path latents;  // where they are written before decoding begins
  bool keeps_latents = false;     // asked for by name; otherwise they go when the film is there
};

// Plans the film and the form of its file. A request without a seed gets a random one, 32 bits long, because the
// reference's generator uses no more. Warnings of the plan are logged.
FilmOrder order_film(Request request, const families::ModelSpec& spec, const pipeline::Hardware& hardware);
FilmOrder order_decode(const pipeline::Latents& latents, const std::string& where, const Request& flags,
                       const families::ModelSpec& spec, const pipeline::Hardware& hardware);

// Decides the film's marks, and whether it and the latents can go where they shall: folders, names, the encoder, keys.
// Before any weight is read.
void prepare_output(FilmOrder& order, Marking& marking);

// Both return the result: {"output", "seed", "size", "frames", "fps", "seconds", "timings", "record"}. When decoding
// fails or is interrupted, the error says where the latents are and how to continue.
Json make_film(pipeline::Generator& generator, const FilmOrder& order, const ProgressFn& progress);
Json decode_film(pipeline::Generator& generator, const FilmOrder& order, const pipeline::Latents& latents,
                 const ProgressFn& progress);

// Where the latents of a film go when nobody named a file: beside the output, or "" for standard output.
std::filesystem::path latents_beside(const std::string& output);

// On stdout as JSON or as a line for a person; on stderr when the film itself went to stdout.
void report_result(const Json& result, bool as_json);
// Whether all parts of the model can stay in memory from one film to the next.
bool fits_loaded(const pipeline::Plan& plan);

std::string numbered_name(const std::string& path, uint64_t seed);  // out.mp4 -> out-42.mp4

}  // namespace soragen::cli
