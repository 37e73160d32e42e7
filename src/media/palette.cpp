#include "media/palette.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace soragen::media {
namespace {

constexpr int kBits = 6;  // colours are counted in cells of 4 levels: finer than any 256 colours can follow
constexpr int kCells = 1 << (3 * kBits);
constexpr size_t kColours = 256;
using Colour = std::array<double, 3>;
using Rgb = std::array<int, 3>;

int cell_of(int r, int g, int b) {
  constexpr int kShift = 8 - kBits;
  return (r >> kShift) << (2 * kBits) | (g >> kShift) << kBits | b >> kShift;
}

// The pixels that fall into one cell, by their mean.
struct Sample {
  Colour colour{};
  double count = 0;
};

struct Box {
  size_t begin = 0, end = 0;  // a range of samples
  Colour mean{};
  double spread = 0;  // summed squared distance along the widest axis: what a split there can save
  int axis = 0;
};

std::vector<Sample> count_colours(const Frame& frame) {
  std::vector<Sample> cells(kCells);
  for (size_t i = 0; i < frame.rgb.size(); i += 3) {
    Sample& cell = cells[cell_of(frame.rgb[i], frame.rgb[i + 1], frame.rgb[i + 2])];
    for (int axis = 0; axis < 3; ++axis) cell.colour[axis] += frame.rgb[i + axis];
    cell.count += 1;
  }
  std::erase_if(cells, [](const Sample& cell) { return cell.count == 0; });
  for (Sample& cell : cells)
    for (double& value : cell.colour) value /= cell.count;
  return cells;
}

Box measure(const std::vector<Sample>& samples, size_t begin, size_t end) {
  Box box{begin, end};
  Colour squares{};
  double count = 0;
  for (size_t i = begin; i < end; ++i) {
    for (int axis = 0; axis < 3; ++axis) {
      const double value = samples[i].colour[axis];
      box.mean[axis] += samples[i].count * value;
      squares[axis] += samples[i].count * value * value;
    }
    count += samples[i].count;
  }
  for (int axis = 0; axis < 3; ++axis) {
    box.mean[axis] /= count;
    squares[axis] -= count * box.mean[axis] * box.mean[axis];
  }
  box.axis = static_cast<int>(std::max_element(squares.begin(), squares.end()) - squares.begin());
  box.spread = end - begin > 1 ? squares[box.axis] : 0;
  return box;
}

std::vector<Box> median_cut(std::vector<Sample>& samples) {
  std::vector<Box> boxes = {measure(samples, 0, samples.size())};
  while (boxes.size() < kColours) {
    const auto widest =
        std::max_element(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.spread < b.spread; });
    if (widest->spread <= 0) break;
    const Box box = *widest;
    const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(box.begin);
    const auto end = samples.begin() + static_cast<std::ptrdiff_t>(box.end);
    auto middle = std::partition(begin, end, [&](const Sample& s) { return s.colour[box.axis] <= box.mean[box.axis]; });
    if (middle == begin || middle == end) middle = begin + (end - begin) / 2;  // rounding put all on one side
    const auto split = static_cast<size_t>(middle - samples.begin());
    *widest = measure(samples, box.begin, split);
    boxes.push_back(measure(samples, split, box.end));
  }
  return boxes;
}

// The nearest of a list of colours. They are sorted by green, so the search goes outward from the wanted green and
// ends where green alone is farther than the best.
class NearestColour {
 public:
  explicit NearestColour(const std::vector<Rgb>& sorted) : sorted_(sorted) {}

  int operator()(const Rgb& wanted) const {
    const auto by_green = [](const Rgb& colour, int green) { return colour[1] < green; };
    const auto start =
        static_cast<int>(std::lower_bound(sorted_.begin(), sorted_.end(), wanted[1], by_green) - sorted_.begin());
    int best = 0, best_distance = std::numeric_limits<int>::max();
    const auto is_farther = [&](int i) {
      const int dr = wanted[0] - sorted_[i][0], dg = wanted[1] - sorted_[i][1], db = wanted[2] - sorted_[i][2];
      const int distance = dr * dr + dg * dg + db * db;
      if (distance < best_distance) best = i, best_distance = distance;
      return dg * dg >= best_distance;
    };
    for (int i = start; i < static_cast<int>(sorted_.size()) && !is_farther(i); ++i) {}
    for (int i = start - 1; i >= 0 && !is_farther(i); --i) {}
    return best;
  }

 private:
  const std::vector<Rgb>& sorted_;
};

// Floyd-Steinberg: the error of a pixel goes 7/16 right, 3/16 below left, 5/16 below, 1/16 below right.
std::vector<uint8_t> diffuse(const Frame& frame, const std::vector<Rgb>& colours) {
  const NearestColour nearest(colours);
  std::vector<uint8_t> index(static_cast<size_t>(frame.width) * frame.height);
  const size_t padded = (static_cast<size_t>(frame.width) + 2) * 3;  // a pixel of margin on both sides
  std::vector<int> here(padded), below(padded);                      // in sixteenths
  for (int y = 0; y < frame.height; ++y) {
    std::fill(below.begin(), below.end(), 0);
    for (int x = 0; x < frame.width; ++x) {
      const size_t pixel = static_cast<size_t>(y) * frame.width + x, at = (static_cast<size_t>(x) + 1) * 3;
      Rgb wanted;
      for (int axis = 0; axis < 3; ++axis)
        wanted[axis] = std::clamp(frame.rgb[3 * pixel + axis] + here[at + axis] / 16, 0, 255);
      const int chosen = nearest(wanted);
      index[pixel] = static_cast<uint8_t>(chosen);
      for (int axis = 0; axis < 3; ++axis) {
        const int error = wanted[axis] - colours[chosen][axis];
        here[at + 3 + axis] += 7 * error;
        below[at - 3 + axis] += 3 * error;
        below[at + axis] += 5 * error;
        below[at + 3 + axis] += error;
      }
    }
    here.swap(below);
  }
  return index;
}

}  // namespace

IndexedImage quantize(const Frame& frame) {
  std::vector<Sample> samples = count_colours(frame);
  std::vector<Rgb> colours;
  for (const Box& box : median_cut(samples))
    colours.push_back({static_cast<int>(std::lround(box.mean[0])), static_cast<int>(std::lround(box.mean[1])),
                       static_cast<int>(std::lround(box.mean[2]))});
  std::sort(colours.begin(), colours.end(), [](const Rgb& a, const Rgb& b) { return a[1] < b[1]; });
  IndexedImage image;
  image.palette.fill(0xFF000000u);
  for (size_t i = 0; i < colours.size(); ++i)
    image.palette[i] |= static_cast<uint32_t>(colours[i][0] << 16 | colours[i][1] << 8 | colours[i][2]);
  image.index = diffuse(frame, colours);
  return image;
}

}  // namespace soragen::media
