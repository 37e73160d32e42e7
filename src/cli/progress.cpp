#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <utility>

#include "core/cancellation.h"
#include "core/json.h"
#include "core/log.h"

namespace soragen::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto kRedraw = 100ms;  // of the bar, and the densest that JSON lines come
constexpr auto kLineInterval = 60s;
constexpr size_t kBarCells = 24;
constexpr std::string_view kClearLine = "\r\x1b[K";

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void write_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

std::string counts(const ProgressState& state) {
  std::string text = state.films > 1 ? fmt::format("film {}/{} ", state.film, state.films) : "";
  text += fmt::format("{:<7} {}", to_string(state.progress.stage), state.progress.done);
  return state.progress.total > 0 ? text + fmt::format("/{}", state.progress.total) : text;
}

}  // namespace

ProgressMode choose_progress_mode(std::string_view name, bool is_quiet) {
  if (name == "json") return ProgressMode::json;
  if (name == "bar") return ProgressMode::bar;
  if (name == "none" || is_quiet) return ProgressMode::none;
  return ::isatty(STDERR_FILENO) != 0 ? ProgressMode::bar : ProgressMode::lines;
}

std::string format_time(double seconds) {
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, 359999.0) + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string bar_line(const ProgressState& state, size_t columns) {
  std::string line = counts(state);
  const Progress& progress = state.progress;
  if (progress.total > 0) {
    const double part = std::clamp(static_cast<double>(progress.done) / progress.total, 0.0, 1.0);
    const auto full = static_cast<size_t>(part * kBarCells);
    line += fmt::format(" [{}{}] {:3.0f}%", std::string(full, '#'), std::string(kBarCells - full, '-'),
                        std::floor(100 * part));
  }
  if (state.eta) line += fmt::format("  {} left", format_time(*state.eta));
  return line.substr(0, columns > 0 ? columns - 1 : 0);  // a full last column would wrap
}

std::string json_line(const ProgressState& state) {
  const auto rounded = [](double seconds) { return std::round(seconds * 1000) / 1000; };
  nlohmann::ordered_json line = {{"event", "progress"},
                                 {"film", state.film},
                                 {"films", state.films},
                                 {"stage", to_string(state.progress.stage)},
                                 {"done", state.progress.done},
                                 {"total", state.progress.total},
                                 {"elapsed", rounded(state.elapsed)}};
  line["eta"] = state.eta ? nlohmann::ordered_json(rounded(*state.eta)) : nlohmann::ordered_json(nullptr);
  return line.dump();
}

// The bar's line, which log lines of any thread push aside.
struct ProgressReporter::Screen {
  std::mutex mutex;
  std::string line;  // "" while there is no bar

  void show(std::string text) {
    const std::lock_guard lock(mutex);
    line = std::move(text);
    write_stderr(fmt::format("{}{}", kClearLine, line));
  }
  void clear() {
    const std::lock_guard lock(mutex);
    if (!line.empty()) write_stderr(kClearLine);
    line.clear();
  }
  void step_aside() {
    mutex.lock();
    if (!line.empty()) write_stderr(kClearLine);
  }
  void come_back() {
    if (!line.empty()) write_stderr(line);
    mutex.unlock();
  }
};

ProgressReporter::ProgressReporter(ProgressMode mode, int films) : mode_(mode), screen_(std::make_shared<Screen>()) {
  state_.films = films;
  begin_film(1);
  if (mode_ == ProgressMode::bar)
    set_log_hooks([screen = screen_] { screen->step_aside(); }, [screen = screen_] { screen->come_back(); });
}

ProgressReporter::~ProgressReporter() {
  end_film();
  set_log_hooks({}, {});
}

void ProgressReporter::begin_film(int film) {
  state_.film = film;
  film_begin_ = Clock::now();
  has_stage_ = false;
}

void ProgressReporter::end_film() {
  end_stage();
  screen_->clear();
}

ProgressFn ProgressReporter::callback() {
  return [this](const Progress& progress) { report(progress); };
}

void ProgressReporter::report(const Progress& progress) {
  const bool is_new_stage = !has_stage_ || progress.stage != state_.progress.stage;
  if (is_new_stage) {
    end_stage();
    has_stage_ = true;
    stage_begin_ = Clock::now();
    stage_first_ = progress.done;
  }
  state_.progress = progress;
  state_.elapsed = seconds_since(film_begin_);
  state_.stage_elapsed = seconds_since(stage_begin_);
  const int done = progress.done - stage_first_;
  state_.eta.reset();
  if (done > 0 && progress.total > 0)
    state_.eta = state_.stage_elapsed / done * std::max(0, progress.total - progress.done);

  if (is_cancelled() && !std::exchange(has_said_stopping_, true))
    log_info("stopping at the next safe point; Ctrl-C again stops at once");

  const bool is_last = progress.total > 0 && progress.done >= progress.total;
  const auto interval = mode_ == ProgressMode::lines ? Clock::duration(kLineInterval) : Clock::duration(kRedraw);
  if (mode_ == ProgressMode::lines && is_new_stage) last_shown_ = stage_begin_;
  if (Clock::now() - last_shown_ < interval && (mode_ == ProgressMode::lines || !(is_new_stage || is_last))) return;
  last_shown_ = Clock::now();
  if (mode_ == ProgressMode::bar) screen_->show(bar_line(state_, terminal_columns()));
  if (mode_ == ProgressMode::json) write_stderr(json_line(state_) + "\n");
  if (mode_ == ProgressMode::lines)
    log_info("{}{}", counts(state_), state_.eta ? fmt::format(", {} left", format_time(*state_.eta)) : "");
}

void ProgressReporter::end_stage() {
  // Denoising reports its beginning, and then perhaps loads: nothing to tell of yet.
  if (std::exchange(has_stage_, false) && mode_ == ProgressMode::lines && state_.progress.done > 0)
    log_info("{} in {:.1f} s", counts(state_), seconds_since(stage_begin_));
}

}  // namespace soragen::cli
