#include "media/orientation.h"

#include <algorithm>
#include <cstdlib>

#include "core/fail.h"

namespace soragen::media {

std::optional<Orientation> orientation_of(const int32_t* matrix) {
  constexpr int32_t kOne = 1 << 16;
  for (const int i : {0, 1, 3, 4})
    if (matrix[i] != 0 && matrix[i] != kOne && matrix[i] != -kOne) return std::nullopt;
  const Orientation found{matrix[0] / kOne, matrix[1] / kOne, matrix[3] / kOne, matrix[4] / kOne};
  const bool is_straight = found.a != 0 && found.d != 0 && found.b == 0 && found.c == 0;
  const bool is_turned = found.a == 0 && found.d == 0 && found.b != 0 && found.c != 0;
  return is_straight || is_turned ? std::optional(found) : std::nullopt;
}

void turn_upright(const Frame& stored, const Orientation& orientation, Frame& upright) {
  SORAGEN_ASSERT(&stored != &upright);
  const auto [a, b, c, d] = orientation;
  upright.width = orientation.swaps_sides() ? stored.height : stored.width;
  upright.height = orientation.swaps_sides() ? stored.width : stored.height;
  upright.rgb.resize(stored.rgb.size());
  // Where the first stored pixel goes: a side that runs backwards begins at its other end.
  const int left = a + c < 0 ? upright.width - 1 : 0, top = b + d < 0 ? upright.height - 1 : 0;
  const uint8_t* pixel = stored.rgb.data();
  for (int y = 0; y < stored.height; ++y)
    for (int x = 0; x < stored.width; ++x, pixel += 3) {
      const int to_x = left + a * x + c * y, to_y = top + b * x + d * y;
      std::copy_n(pixel, 3, &upright.rgb[3 * (static_cast<size_t>(to_y) * static_cast<size_t>(upright.width) +
                                              static_cast<size_t>(to_x))]);
    }
}

}  // namespace soragen::media
