// From a latent to frames, chunk by chunk.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace soragen::families {

// How much is decoded at once. All choices give the same film but for rounding, except tiles: the
// decoder's attention and its convolutions then see only their tile, as in the reference's tiled decode.
struct DecodeOptions {
  int64_t latent_frames = 1;       // latent frames per chunk after the first
  int64_t frames_per_pass = 1024;  // frames that one upsampling level takes at once; 1 needs least memory
  int64_t tile = 0;                // tile edge in pixels; 0: whole frames
  int64_t tile_stride = 0;         // distance of tiles in pixels; the overlap is blended linearly
  bool operator==(const DecodeOptions&) const = default;
};

// Frames in order: uint8 [T, H, W, 3], dense, on the CPU.
using FramesFn = std::function<void(const at::Tensor& frames)>;

class FrameDecoder {
 public:
  virtual ~FrameDecoder() = default;
  // latent: [C, T, H, W] float32, normalised as the denoiser leaves it. Memory does not grow with T.
  virtual void decode(const at::Tensor& latent, const DecodeOptions& options, const FramesFn& frames) = 0;
};

}  // namespace soragen::families
