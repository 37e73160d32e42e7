// All the marks that a film gets by default, for the user that is in force (ScopedUser).
#pragma once

#include "provenance/credentials/identity.h"
#include "provenance/marks.h"
#include "support/environment.h"

namespace soragen::test {

inline provenance::Marks full_marks(int width, int height, int frames) {
  return {.watermark = provenance::Watermark{provenance::draw_film_id(width, height, frames)},
          .signer = std::make_shared<provenance::Signer>(provenance::local_identity(), ""),
          .frames = frames,
          .model_name = "tiny",
          .model_identifier = "sampled-sha256:0badcafe",
          .record = {{"seed", 7}, {"timesteps", {1, 2, 3}}}};
}

}  // namespace soragen::test
