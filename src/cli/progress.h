// Progress of films on stderr, in one of three forms:
//   bar    one line of a terminal, redrawn; log lines step in above it
//   lines  a line when a stage ends, and one a minute within it: for log files
//   json   {"event":"progress","film":1,"films":1,"stage":"denoise","done":3,"total":24,"elapsed":1.2,"eta":8.4}
//          a line each; eta, in seconds, is of the stage and null while nothing is known
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "soragen/progress.h"

namespace soragen::cli {

enum class ProgressMode { none, bar, lines, json };

// What --progress names; "auto" is a bar on a terminal and lines elsewhere.
ProgressMode choose_progress_mode(std::string_view name, bool is_quiet);

struct ProgressState {
  int film = 1, films = 1;
  Progress progress;
  double elapsed = 0;         // seconds since the film began
  double stage_elapsed = 0;   // seconds since the stage began
  std::optional<double> eta;  // seconds until the stage ends
};

std::string format_time(double seconds);  // "0:07", "1:02:03"
std::string bar_line(const ProgressState& state, size_t columns);
std::string json_line(const ProgressState& state);

// Everything that has to be said about a run on stderr. One exists at a time.
class ProgressReporter {
 public:
  ProgressReporter(ProgressMode mode, int films);
  ~ProgressReporter();
  ProgressReporter(const ProgressReporter&) = delete;
  ProgressReporter& operator=(const ProgressReporter&) = delete;

  void begin_film(int film);  // from 1
  void end_film();            // also after a failure: takes the bar away
  ProgressFn callback();

 private:
  struct Screen;
  void report(const Progress& progress);
  void end_stage();

  using Clock = std::chrono::steady_clock;
  ProgressMode mode_;
  std::shared_ptr<Screen> screen_;
  ProgressState state_;
  bool has_stage_ = false;
  bool has_said_stopping_ = false;
  int stage_first_ = 0;  // units that were finished when the stage began
  Clock::time_point film_begin_, stage_begin_, last_shown_;
};

}  // namespace soragen::cli
