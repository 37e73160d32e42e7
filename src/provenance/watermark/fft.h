// The two-dimensional Fourier transform of powers of two, in place, real and imaginary parts apart so that the inner
// loops run over neighbours in memory.
#pragma once

#include <cstddef>
#include <vector>

namespace soragen::provenance::watermark {

struct ComplexGrid {
  ComplexGrid(int rows, int columns)
      : rows(rows), columns(columns), real(static_cast<size_t>(rows) * columns), imaginary(real.size()) {}
  size_t at(int row, int column) const { return static_cast<size_t>(row) * columns + column; }

  int rows, columns;
  std::vector<float> real, imaginary;  // [rows, columns]
};

class Fft {
 public:
  Fft(int rows, int columns);  // powers of two

  // X[k, l] = sum over y, x of grid[y, x] exp(-2 pi i (k y / rows + l x / columns)), not scaled.
  // The result is transposed: grid becomes [columns, rows] and holds X[k, l] at (l, k).
  void forward_transposed(ComplexGrid& grid);

 private:
  struct Twiddles {
    explicit Twiddles(int size);
    std::vector<float> cosine, sine;  // exp(-2 pi i j / size), j < size / 2
    std::vector<int> reversed;        // bit-reversed indices
  };
  static void transform_columns(ComplexGrid& grid, const Twiddles& twiddles);
  void transpose(ComplexGrid& grid);

  Twiddles rows_, columns_;
  std::vector<float> scratch_;
};

}  // namespace soragen::provenance::watermark
