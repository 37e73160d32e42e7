#include "provenance/watermark/fft.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "core/fail.h"
#include "kernels/element.h"

namespace soragen::provenance::watermark {
namespace {

constexpr int kStrip = 64;  // columns done together: a strip of 2,048 rows stays in the second-level cache
constexpr int kBlock = 32;  // of the transposition

SORAGEN_CPU_KERNEL void butterfly(float* __restrict ar, float* __restrict ai, float* __restrict br,
                                  float* __restrict bi, int count, float cosine, float sine) {
  for (int x = 0; x < count; ++x) {
    const float tr = br[x] * cosine - bi[x] * sine, ti = br[x] * sine + bi[x] * cosine;
    br[x] = ar[x] - tr;
    bi[x] = ai[x] - ti;
    ar[x] += tr;
    ai[x] += ti;
  }
}

}  // namespace

Fft::Twiddles::Twiddles(int size) : cosine(size / 2), sine(size / 2), reversed(size) {
  SORAGEN_ASSERT(size > 0 && std::has_single_bit(static_cast<unsigned>(size)));
  for (int i = 0; i < size / 2; ++i) {
    const double angle = -2 * std::numbers::pi * i / size;
    cosine[i] = static_cast<float>(std::cos(angle));
    sine[i] = static_cast<float>(std::sin(angle));
  }
  for (int i = 1; i < size; ++i) reversed[i] = reversed[i / 2] / 2 + (i % 2) * (size / 2);
}

Fft::Fft(int rows, int columns) : rows_(rows), columns_(columns), scratch_(static_cast<size_t>(rows) * columns) {}

void Fft::transform_columns(ComplexGrid& grid, const Twiddles& twiddles) {
  const int size = grid.rows;
  for (int left = 0; left < grid.columns; left += kStrip) {
    const int count = std::min(kStrip, grid.columns - left);
    for (int row = 0; row < size; ++row)
      if (const int other = twiddles.reversed[row]; other > row)
        for (auto* part : {grid.real.data(), grid.imaginary.data()})
          std::swap_ranges(part + grid.at(row, left), part + grid.at(row, left) + count, part + grid.at(other, left));
    for (int half = 1; half < size; half *= 2)
      for (int start = 0; start < size; start += 2 * half)
        for (int j = 0; j < half; ++j) {
          const size_t a = grid.at(start + j, left), b = grid.at(start + j + half, left);
          const int turn = j * (size / (2 * half));
          butterfly(&grid.real[a], &grid.imaginary[a], &grid.real[b], &grid.imaginary[b], count, twiddles.cosine[turn],
                    twiddles.sine[turn]);
        }
  }
}

void Fft::transpose(ComplexGrid& grid) {
  for (auto* part : {&grid.real, &grid.imaginary}) {
    for (int top = 0; top < grid.rows; top += kBlock)
      for (int left = 0; left < grid.columns; left += kBlock)
        for (int y = top; y < std::min(top + kBlock, grid.rows); ++y)
          for (int x = left; x < std::min(left + kBlock, grid.columns); ++x)
            scratch_[static_cast<size_t>(x) * grid.rows + y] = (*part)[grid.at(y, x)];
    part->swap(scratch_);
  }
  std::swap(grid.rows, grid.columns);
}

void Fft::forward_transposed(ComplexGrid& grid) {
  SORAGEN_ASSERT(grid.rows == static_cast<int>(rows_.reversed.size()) &&
                 grid.columns == static_cast<int>(columns_.reversed.size()));
  transform_columns(grid, rows_);
  transpose(grid);
  transform_columns(grid, columns_);
}

}  // namespace soragen::provenance::watermark
