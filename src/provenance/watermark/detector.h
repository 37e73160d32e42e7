// Looks for a watermark in frames, knowing nothing of the film but the key. Of every frame a quarter of a megabyte is
// kept at most; frames beyond some fifty, spread over the film, add little.
#pragma once

#include <vector>

#include "provenance/watermark/frame_weights.h"
#include "provenance/watermark/search.h"

namespace soragen::provenance::watermark {

struct Detection {
  bool found = false;  // the pilot is there and the message passes its check
  uint32_t id = 0;     // of the film, when found; 16 bits in the small form
  Form form = Form::standard;
  double score = 0;                        // of the pilot, found or not
  int bits_corrected = 0;                  // of raw_bit_count(form)
  double tile_width = 0, tile_height = 0;  // pixels of the frames; tile_period() if the film keeps its size
  double rotation = 0;                     // degrees counter-clockwise, with quarter turns, -180 to 180
  bool mirrored = false;                   // before the rotation
  std::vector<float> soft_bits;            // [raw_bit_count(form)], positive for 1, of the best placement
};

class Detector {
 public:
  explicit Detector(const Key& key = public_key()) : key_(key) {}

  void add(const Frame& frame);  // any frames of the film; throws Error{input} if the size changes or is below 1
  int frames() const { return frames_; }
  Detection detect(Effort effort) const;

 private:
  std::vector<float> read_bits(const Spectrum& average, const Candidate& candidate) const;

  Key key_;
  int frames_ = 0, width_ = 0, height_ = 0;
  WorkingSize size_;
  Plane sum_;
  std::vector<SmallPicture> pictures_;
};

}  // namespace soragen::provenance::watermark
