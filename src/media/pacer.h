// Frames that have times of their own, onto a sink that takes a constant number a second. Each goes into the slot
// nearest to its time, counted from the film's first frame; a slot that stays empty shows the frame before it, of two
// frames in one slot the later is shown. So picture and sound stay together to half a frame, however irregular the
// times; a film that has a constant rate keeps every frame, however roughly its container rounds them.
#pragma once

#include <cstdint>

#include "soragen/frame.h"
#include "soragen/rational.h"

namespace soragen::media {

class Pacer {
 public:
  Pacer(FrameSink& sink, const Rational& fps) : sink_(sink), fps_(fps) {}

  // time: microseconds since the film began; before the first frame, that frame is shown. Takes the frame's memory and
  // gives another's. Throws Error{input} for a frame that would stand for more than an hour.
  void push(Frame& frame, int64_t time);
  void finish(int64_t end);  // when the last frame's picture ends; after at least one frame. The sink goes on

  int64_t written() const { return next_; }
  int64_t repeated() const { return next_ + dropped_ - taken_; }
  int64_t dropped() const { return dropped_; }

 private:
  int64_t slot_of(int64_t time) const;
  void check_still(int64_t slot) const;
  void write_until(int64_t slot);

  FrameSink& sink_;
  Rational fps_;
  Frame waiting_;  // in slot_, until the next frame says how long it lasts
  int64_t first_time_ = 0, first_slot_ = 0, slot_ = 0;
  int64_t next_ = 0;  // slot to write
  int64_t taken_ = 0, dropped_ = 0;
};

}  // namespace soragen::media
