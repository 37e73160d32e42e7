#include "provenance/watermark/whitened_picture.h"

#include <algorithm>
#include <cmath>

namespace soragen::provenance::watermark {
namespace {

// The finest wave of a standard mark is 4.6 pixels long where the short side is 360, cropped or not.
constexpr int kShortSide = 360, kLongSide = 1000;
constexpr int kMeanRadius = 4, kDeviationRadius = 5;
constexpr float kQuiet = 1;  // grey levels: noise of a still, flat place, not to be blown up
constexpr float kClip = 2;   // deviations: edges are content

// Luma of BT.709, over the source pixels that each working pixel covers.
struct Coverage {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Coverage> coverages(int from, int to, double scale) {
  std::vector<Coverage> list(to);
  const double start = (from * scale - to) / 2;  // working pixels left out at this side
  for (int i = 0; i < to; ++i) {
    const double begin = std::clamp((start + i) / scale, 0.0, double(from)),
                 end = std::clamp((start + i + 1) / scale, begin, double(from));
    list[i].first = std::min(static_cast<int>(begin), from - 1);
    for (int x = list[i].first; x < std::max(static_cast<int>(std::ceil(end)), list[i].first + 1) && x < from; ++x)
      list[i].weights.push_back(static_cast<float>((std::min(end, x + 1.0) - std::max(begin, double(x))) * scale));
  }
  return list;
}

Plane working_luma(const Frame& frame, const WorkingSize& size) {
  Plane plane{size.width, size.height, std::vector<float>(size_t(size.width) * size.height)};
  const std::vector<Coverage> columns = coverages(frame.width, size.width, size.scale);
  const std::vector<Coverage> rows = coverages(frame.height, size.height, size.scale);
  std::vector<float> line(frame.width);
  for (int y = 0; y < size.height; ++y) {
    std::fill(line.begin(), line.end(), 0.f);
    for (size_t i = 0; i < rows[y].weights.size(); ++i) {
      const uint8_t* pixel = &frame.rgb[3 * (size_t(rows[y].first) + i) * frame.width];
      const float weight = rows[y].weights[i];
      for (int x = 0; x < frame.width; ++x, pixel += 3)
        line[x] += weight * (0.2126f * pixel[0] + 0.7152f * pixel[1] + 0.0722f * pixel[2]);
    }
    for (int x = 0; x < size.width; ++x) {
      float sum = 0;
      for (size_t i = 0; i < columns[x].weights.size(); ++i) sum += columns[x].weights[i] * line[columns[x].first + i];
      plane.values[size_t(y) * size.width + x] = sum;
    }
  }
  return plane;
}

}  // namespace

WorkingSize working_size(int width, int height) {
  const double scale = std::min(1.0, double(kShortSide) / std::min(width, height));
  const auto side = [scale](int pixels) {
    return std::clamp(static_cast<int>(std::lround(pixels * scale)), 1, kLongSide);
  };
  return {side(width), side(height), scale};
}

Plane box_mean(const Plane& plane, int rx, int ry) {
  const int width = plane.width, height = plane.height;
  const std::vector<float>& values = plane.values;
  Plane across = plane, out = plane;
  for (int y = 0; y < height; ++y) {
    const float* row = &values[size_t(y) * width];
    double sum = 0;
    for (int x = 0; x < std::min(rx, width); ++x) sum += row[x];
    for (int x = 0; x < width; ++x) {
      if (x + rx < width) sum += row[x + rx];
      if (x > rx) sum -= row[x - rx - 1];
      const int count = std::min(x + rx, width - 1) - std::max(x - rx, 0) + 1;
      across.values[size_t(y) * width + x] = static_cast<float>(sum / count);
    }
  }
  std::vector<double> sums(width);
  const auto add = [&](int y, double sign) {
    for (int x = 0; x < plane.width; ++x) sums[x] += sign * across.values[size_t(y) * plane.width + x];
  };
  for (int y = 0; y < std::min(ry, height); ++y) add(y, 1);
  for (int y = 0; y < height; ++y) {
    if (y + ry < height) add(y + ry, 1);
    if (y > ry) add(y - ry - 1, -1);
    const double share = 1.0 / (std::min(y + ry, height - 1) - std::max(y - ry, 0) + 1);
    for (int x = 0; x < width; ++x) out.values[size_t(y) * width + x] = static_cast<float>(sums[x] * share);
  }
  return out;
}

Plane whitened_picture(const Frame& frame, const WorkingSize& size) {
  Plane plane = working_luma(frame, size);
  const Plane mean = box_mean(plane, kMeanRadius, kMeanRadius);
  Plane power = plane;
  for (size_t i = 0; i < power.values.size(); ++i) {
    plane.values[i] -= mean.values[i];
    power.values[i] = plane.values[i] * plane.values[i];
  }
  power = box_mean(power, kDeviationRadius, kDeviationRadius);
  for (size_t i = 0; i < power.values.size(); ++i)
    plane.values[i] = std::clamp(plane.values[i] / std::sqrt(power.values[i] + kQuiet * kQuiet), -kClip, kClip);
  return plane;
}

}  // namespace soragen::provenance::watermark
