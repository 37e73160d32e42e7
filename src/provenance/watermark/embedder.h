// Puts a watermark into the frames of a film, one after the other, in place: the same delta on R, G and B, so only
// luma changes. The pattern stands still; how strong it is follows the local activity of the picture.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "provenance/watermark/pattern.h"
#include "soragen/frame.h"

namespace soragen::provenance::watermark {

struct Settings {
  uint32_t id = 0;  // of the film; the small form carries the low 16 bits
  std::optional<double>
      psnr;  // dB, the least: frames with little to hide it get more; not given: 42, or 40 in the small form
  Key key = public_key();
  std::optional<Form> form;  // not given: choose_form()
};

class Embedder {
 public:
  // frames: how many will come, 0 for not known. Throws Error{usage} for a size below 1 or a PSNR outside 30..52.
  Embedder(const Settings& settings, int width, int height, int frames);

  void mark(Frame& frame);  // throws Error{input} if its size is not the one given
  Form form() const { return form_; }
  uint32_t id() const { return id_; }  // as the mark carries it

 private:
  void measure_activity(const Frame& frame);
  void set_strength();
  void add_pattern(Frame& frame) const;

  int width_, height_;
  Form form_;
  uint32_t id_;
  double target_error_;          // mean squared error to reach, grey levels squared
  double largest_loss_;          // of mean structural similarity
  double strongest_in_flats_;    // grey levels
  double structural_share_;      // of the pattern's power, what counts for it
  std::vector<int8_t> pattern_;  // [height, 3 * width], each value three times, kPatternScale for one deviation
  int across_, down_;            // blocks of 8 x 8 pixels
  std::vector<float> variance_;  // [down_, across_], of luma
  std::vector<float> strength_;  // [down_, across_], deviations of the pattern in grey levels
};

}  // namespace soragen::provenance::watermark
