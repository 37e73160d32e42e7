#include "kernels/device/emulator/matrix.h"

namespace soragen::kernels::emulator {
namespace {

constexpr int kRowBytes = 16;    // eight numbers of 16 bits
constexpr int kBankBytes = 128;  // 32 banks of 4 bytes

// The eight rows of one matrix are read in one go when they fall on different groups of four banks.
void count_conflicts(const std::array<uint32_t, 8>& rows) {
  uint32_t groups = 0;
  for (const uint32_t address : rows) groups |= 1u << (address % kBankBytes / kRowBytes);
  ++statistics().matrix_loads;
  if (groups != 0xFF) ++statistics().bank_conflicts;
}

}  // namespace

void load_matrices(uint32_t (&r)[4], uint32_t address, bool transposed) {
  struct Arguments {
    uint32_t* r;
    uint32_t address;
  } mine{r, address};
  Block& block = Block::current();
  block.collective(transposed ? "ldmatrix.trans" : "ldmatrix", mine, [&](std::array<Arguments*, kWarpLanes>& lanes) {
    for (int matrix = 0; matrix < 4; ++matrix) {
      uint16_t rows[8][8];
      std::array<uint32_t, 8> addresses;
      for (int row = 0; row < 8; ++row) {
        const int lane = matrix * 8 + row;
        addresses[row] = lanes[lane]->address;
        block.shared().read(block.warp() * kWarpLanes + lane, addresses[row], rows[row], kRowBytes);
      }
      count_conflicts(addresses);
      for (int lane = 0; lane < kWarpLanes; ++lane) {
        const int i = lane / 4, j = lane % 4 * 2;
        const uint32_t low = transposed ? rows[j][i] : rows[i][j], high = transposed ? rows[j + 1][i] : rows[i][j + 1];
        lanes[lane]->r[matrix] = high << 16 | low;
      }
    }
  });
}

}  // namespace soragen::kernels::emulator
