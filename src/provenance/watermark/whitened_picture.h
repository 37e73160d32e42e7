// What a detector looks at: the fine structure of a frame's luma, made alike in strength everywhere, at a size that
// just holds the pattern. Content becomes noise, weak beside what it was; the pattern stays.
#pragma once

#include <vector>

#include "soragen/frame.h"

namespace soragen::provenance::watermark {

struct Plane {
  int width = 0, height = 0;
  std::vector<float> values;  // [height, width]
};

struct WorkingSize {
  int width = 0, height = 0;
  double scale = 1;  // working pixels per pixel of the film
};

// The short side at most 360 pixels; of very long pictures the middle.
WorkingSize working_size(int width, int height);

Plane whitened_picture(const Frame& frame, const WorkingSize& size);

// The mean over (2 rx + 1) x (2 ry + 1) values around each, at the borders over the part inside.
Plane box_mean(const Plane& plane, int rx, int ry);

}  // namespace soragen::provenance::watermark
