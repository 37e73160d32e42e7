// A visible label, drawn into the lower right corner of every frame: white text on a dark, half transparent plate.
// Pango chooses the fonts, so any script works for which the machine has a font.
//
// Height of the letters: a twentieth of the picture's shorter side and never under 9 pixels (GB 45438-2025, 4.3, asks
// for a twentieth). The text wraps; it may cover a third of the height at most.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "soragen/frame.h"

namespace soragen::provenance {

class Label {
 public:
  // Throws Error{usage} for a text that is empty, not UTF-8, has control characters or does not fit; Error{unsupported}
  // naming the characters for which no font is installed.
  Label(const std::string& text, int width, int height);

  void draw(Frame& frame) const;  // a frame of the size given

 private:
  int left_ = 0, top_ = 0, width_ = 0, height_ = 0;  // of the plate, pixels
  std::vector<uint8_t> light_, cover_;               // [height, width]: what is added, and how much of the frame goes
};

// "cn" stands for the label that China asks of generated films.
std::string label_text(const std::string& asked);

// The label for machines that goes with that of China, for the container's metadata (GB 45438-2025, 5): "this is
// generated, by soragen, under this id".
inline constexpr const char* kAigcKey = "AIGC";
std::string aigc_metadata(const std::string& film_id);

}  // namespace soragen::provenance
