// How one film is marked: by a label that people see, a watermark in its frames and signed credentials. Made before any
// frame exists, so that whatever is wrong with keys and folders shows before an hour of work; src/publishing carries it
// out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provenance/credentials/signer.h"
#include "provenance/label/label.h"
#include "provenance/watermark/embedder.h"

namespace soragen::provenance {

struct Watermark {
  uint32_t id = 0;  // of the film, random
  watermark::Key key = watermark::public_key();
};

struct Marks {
  std::optional<Label> label;                       // nothing: no visible one. Drawn before the watermark
  std::optional<Watermark> watermark;               // nothing: not marked
  std::optional<WatermarkClaim> parents_watermark;  // that the frames bring with them; then there is no other
  std::shared_ptr<const Signer> signer;             // null: not signed
  int frames = 0;                                   // how many there will be, 0 if not known

  // What the credentials say about the making; title and watermark are added where they are known.
  std::string source_type = kTrainedAlgorithmicMedia;
  std::string model_name, model_identifier;
  std::vector<Ingredient> ingredients;
  Json record;  // null: none
};

// An id that no film in the register has, as the mark of such a film carries it (16 bits in the small form).
uint32_t draw_film_id(int width, int height, int frames);

// The secret of a private watermark: SHA-256 of the file. Throws Error{input} if others can read the file or it has
// less than 16 bytes.
watermark::Key read_watermark_key(const std::filesystem::path& path);

// What the mark says, for the credentials and for the register: scheme and id.
WatermarkClaim watermark_claim(watermark::Form form, uint32_t id);

}  // namespace soragen::provenance
