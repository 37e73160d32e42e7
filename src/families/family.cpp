#include "families/family.h"

namespace soragen::families {

int64_t Geometry::tokens(int64_t width, int64_t height, int64_t frames) const {
  return latent_frames(frames) / patch[0] * (height / spatial / patch[1]) * (width / spatial / patch[2]);
}

}  // namespace soragen::families
