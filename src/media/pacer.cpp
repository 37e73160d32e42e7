#include "media/pacer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/cancellation.h"
#include "core/fail.h"

namespace soragen::media {
namespace {

constexpr double kLongestStill = 3600;  // seconds; a hostile file may state any time, and every slot becomes a frame

double slots_in(int64_t microseconds, const Rational& fps) {
  return static_cast<double>(microseconds) * 1e-6 * fps.value();
}

}  // namespace

int64_t Pacer::slot_of(int64_t time) const { return first_slot_ + std::llround(slots_in(time - first_time_, fps_)); }

void Pacer::push(Frame& frame, int64_t time) {
  if (taken_ == 0) {
    first_time_ = time;
    first_slot_ = slot_ = std::max<int64_t>(0, std::llround(slots_in(time, fps_)));
    check_still(slot_);
  } else if (const int64_t slot = slot_of(time); slot > slot_) {
    check_still(slot);
    write_until(slot);
    slot_ = slot;
  } else {
    ++dropped_;
  }
  std::swap(waiting_, frame);
  ++taken_;
}

void Pacer::finish(int64_t end) {
  SORAGEN_ASSERT(taken_ > 0);
  const int64_t slot = std::max(slot_of(end), slot_ + 1);
  check_still(slot);
  write_until(slot);
}

void Pacer::check_still(int64_t slot) const {
  const double seconds = static_cast<double>(slot - next_) / fps_.value();
  if (seconds > kLongestStill)
    fail(ErrorKind::input, "frame {} stands still for {:.0f} s by the film's own times; at most {:.0f} are believed",
         std::max<int64_t>(taken_ - 1, 0), seconds, kLongestStill);
}

void Pacer::write_until(int64_t slot) {
  for (; next_ < slot; ++next_) {
    check_cancelled();
    sink_.push(waiting_);
  }
}

}  // namespace soragen::media
