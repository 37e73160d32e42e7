// A small moving picture, its distance from another, and the ffmpeg programs as independent judges.
#pragma once

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "soragen/frame.h"

// x265 3.5 loses memory with every film; LeakSanitizer, where it is linked in, asks this.
extern "C" [[gnu::used]] inline const char* __lsan_default_suppressions() { return "leak:libx265\n"; }

namespace soragen::test {

// Smooth gradients that move, a saturated square that moves over them, and all of it in colour.
inline Frame make_frame(int width, int height, int time) {
  Frame frame{width, height, std::vector<uint8_t>(size_t{3} * width * height)};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      uint8_t* pixel = &frame.rgb[(size_t{3} * y) * width + size_t{3} * x];
      const auto wave = [&](double phase) {
        return static_cast<uint8_t>(127.5 + 100 * std::sin(0.07 * x + 0.05 * y + 0.2 * time + phase));
      };
      const bool is_square = x / 16 == (2 + time) % 8 && y / 16 == 1;
      pixel[0] = is_square ? 230 : wave(0);
      pixel[1] = is_square ? 30 : wave(2);
      pixel[2] = is_square ? 40 : wave(4);
    }
  return frame;
}

inline std::vector<Frame> make_film(int width, int height, int count) {
  std::vector<Frame> film;
  for (int i = 0; i < count; ++i) film.push_back(make_frame(width, height, i));
  return film;
}

inline Frame make_flat_frame(int width, int height, std::array<uint8_t, 3> colour) {
  Frame frame{width, height, std::vector<uint8_t>(size_t{3} * width * height)};
  for (size_t i = 0; i < frame.rgb.size(); ++i) frame.rgb[i] = colour[i % 3];
  return frame;
}

inline double psnr(const Frame& a, const Frame& b) {
  if (a.rgb.size() != b.rgb.size()) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(double(a.rgb[i]) - b.rgb[i], 2);
  return sum == 0 ? std::numeric_limits<double>::infinity()
                  : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.rgb.size()) / sum);
}

inline double worst_psnr(const std::vector<Frame>& a, const std::vector<Frame>& b) {
  if (a.size() != b.size()) return 0;
  double worst = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < a.size(); ++i) worst = std::min(worst, psnr(a[i], b[i]));
  return worst;
}

inline std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

// The command's standard output; a failure of the command is a failure of the test. ffmpeg would listen to a terminal,
// and be stopped there when the test runs in the background.
inline std::string run(const std::string& command) {
  FILE* pipe = ::popen(("exec < /dev/null; " + command).c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::array<char, 65536> buffer;
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command + "\n" + output);
  return output;
}

inline nlohmann::json ffprobe(const std::filesystem::path& path) {
  return nlohmann::json::parse(
      run("ffprobe -v error -count_packets -show_streams -show_format -show_packets -of json " + quoted(path)));
}

// Frames as the ffmpeg program decodes them, chroma taken as left-sited. input: its options and -i ...
inline std::vector<Frame> ffmpeg_frames(const std::string& input, int width, int height) {
  const std::string bytes = run("ffmpeg -v error " + input +
                                " -vsync passthrough -vf "
                                "scale=in_h_chr_pos=0:in_v_chr_pos=128:flags=bicubic+accurate_rnd+full_chroma_int,"
                                "format=rgb24 -f rawvideo -pix_fmt rgb24 -");
  const size_t size = size_t{3} * width * height;
  if (bytes.size() % size != 0) throw std::runtime_error("ffmpeg gave a part of a frame");
  std::vector<Frame> film;
  for (size_t at = 0; at < bytes.size(); at += size)
    film.push_back({width, height, {bytes.begin() + at, bytes.begin() + at + size}});
  return film;
}

inline void write_raw(const std::vector<Frame>& film, const std::filesystem::path& path) {
  FILE* file = std::fopen(path.c_str(), "wb");
  for (const Frame& frame : film) std::fwrite(frame.rgb.data(), 1, frame.rgb.size(), file);
  std::fclose(file);
}

}  // namespace soragen::test
