// The transform and the tile against their definitions, summed directly in double.
#include "provenance/watermark/pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <map>
#include <numbers>
#include <random>
#include <set>

#include "provenance/watermark/fft.h"

namespace soragen::provenance::watermark {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

TEST(Fft, IsTheSumOfItsDefinition) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const int rows = 8, columns = 32;
  ComplexGrid grid(rows, columns);
  for (float& value : grid.real) value = uniform(random);
  for (float& value : grid.imaginary) value = uniform(random);
  const ComplexGrid input = grid;
  Fft(rows, columns).forward_transposed(grid);
  ASSERT_EQ(grid.rows, columns);
  // log2(256) stages, each adding at most an epsilon of the largest sum, 256 * sqrt(2).
  const double tolerance = 8 * std::numeric_limits<float>::epsilon() * 256 * std::numbers::sqrt2;
  for (int k = 0; k < rows; ++k)
    for (int l = 0; l < columns; ++l) {
      std::complex<double> sum = 0;
      for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x)
          sum += std::complex<double>(input.real[input.at(y, x)], input.imaginary[input.at(y, x)]) *
                 std::polar(1.0, -kTurn * (double(k * y) / rows + double(l * x) / columns));
      EXPECT_NEAR(grid.real[grid.at(l, k)], sum.real(), tolerance);
      EXPECT_NEAR(grid.imaginary[grid.at(l, k)], sum.imag(), tolerance);
    }
}

class Forms : public testing::TestWithParam<Form> {};
INSTANTIATE_TEST_SUITE_P(Pattern, Forms, testing::Values(Form::standard, Form::small));

TEST_P(Forms, TileIsTheSumOfItsWaves) {
  const std::vector<Carrier> carriers = make_carriers(GetParam(), public_key());
  const std::vector<uint8_t> bits = encode_message(GetParam(), 0x1234);
  const int size = 64;
  const std::vector<float> tile = render_tile(carriers, bits, size);
  double power = 0;
  for (const float value : tile) power += value * value;
  EXPECT_NEAR(power / tile.size(), 1, 1e-4);
  for (const auto& [x, y] : {std::pair{0, 0}, {5, 0}, {0, 7}, {33, 50}}) {
    double sum = 0;
    for (const Carrier& c : carriers)
      sum += (c.bit != kPilot && bits[c.bit] == 0 ? -1 : 1) * c.amplitude *
             std::cos(kTurn * (c.kx * x + c.ky * y) / size + c.phase);
    EXPECT_NEAR(tile[y * size + x], sum, 1e-3) << x << "," << y;
  }
}

TEST_P(Forms, BitsShareTheSpectrumEvenly) {
  std::map<int, int> uses;
  std::set<std::pair<int, int>> places;
  for (const Carrier& c : make_carriers(GetParam(), public_key())) {
    ++uses[c.bit];
    EXPECT_TRUE(places.insert({c.kx, c.ky}).second);
    EXPECT_FALSE(places.contains({-c.kx, -c.ky}));
    EXPECT_LE(c.kx * c.kx + c.ky * c.ky, kHighestIndex * kHighestIndex);
  }
  EXPECT_EQ(uses.size(), raw_bit_count(GetParam()) + 1u);
  uses.erase(kPilot);
  const auto [least, most] =
      std::minmax_element(uses.begin(), uses.end(), [](auto& a, auto& b) { return a.second < b.second; });
  EXPECT_LE(most->second - least->second, 1);  // the last ring is not whole
}

TEST_P(Forms, AnotherKeyIsAnotherPattern) {
  Key key = public_key();
  key[31] ^= 1;
  const std::vector<uint8_t> bits = encode_message(GetParam(), 1);
  const std::vector<float> a = render_tile(make_carriers(GetParam(), public_key()), bits, 64),
                           b = render_tile(make_carriers(GetParam(), key), bits, 64);
  double correlation = 0;
  for (size_t i = 0; i < a.size(); ++i) correlation += a[i] * b[i] / a.size();
  // Some 1,200 waves of random phases: a deviation of 1 / sqrt(2 * 1200).
  EXPECT_LT(std::abs(correlation), 4 / std::sqrt(2400.0));
}

TEST(Layout, SmallAndShortFilmsGetTheSmallForm) {
  EXPECT_EQ(choose_form(1280, 720, 81), Form::standard);
  EXPECT_EQ(choose_form(832, 480, 0), Form::standard);
  EXPECT_EQ(choose_form(256, 144, 81), Form::small);
  EXPECT_EQ(choose_form(1280, 720, 1), Form::small);
}

TEST(Layout, EveryTileIsWhereTheDetectorLooksFirst) {
  for (const auto& [width, height] : {std::pair{1280, 720}, {720, 1280}, {832, 480}, {256, 144}, {128, 128}}) {
    const double relative = tile_period(width, height) / std::min(width, height);
    const std::vector<double> known = relative_periods();
    EXPECT_TRUE(std::any_of(known.begin(), known.end(), [&](double p) { return std::abs(p - relative) < 1e-12; }))
        << width << "x" << height;
  }
}

}  // namespace
}  // namespace soragen::provenance::watermark
