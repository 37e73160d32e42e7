// Finds where the pilot lies: a correlation over all shifts for each size, rotation and symmetry that is tried.
// The score is the correlation in deviations of what chance gives: about 4.5 for the best shift of one placement,
// about 6 for the best of a full search, when there is no mark.
#pragma once

#include <functional>
#include <vector>

#include "provenance/watermark/spectrum.h"

namespace soragen::provenance::watermark {

enum class Effort {
  fixed,  // the film as it was made, resized, mirrored or turned by quarters
  full,   // also cropped, padded, stretched, rotated by up to 12 degrees
};

struct Candidate {
  Form form = Form::standard;
  Placement placement;
  double score = 0;
};

class PilotSearch {
 public:
  PilotSearch(const Key& key, const Spectrum& spectrum, const WorkingSize& size);

  // Calls found(candidate, least score to be believed) with the best candidates, stage after stage from few hypotheses
  // to many, until it returns true.
  void run(Effort effort, const std::function<bool(const Candidate&, double)>& found) const;

  void refine(Candidate& candidate) const;  // to the top of the peak that the candidate stands on

 private:
  struct Stage {
    std::vector<Placement> placements;
    double least_score;
  };
  std::vector<Candidate> whole() const;
  std::vector<Stage> stages(Effort effort) const;
  std::vector<Candidate> best_of(const std::vector<Placement>& placements) const;
  double score(const Candidate& candidate) const;

  const Spectrum& spectrum_;
  WorkingSize size_;
  int short_side_;
  std::vector<Carrier> standard_, small_;
};

}  // namespace soragen::provenance::watermark
