// Small films as soragen's own writers make them, and an identity to sign them with.
#pragma once

#include <fstream>

#include "core/mapped_file.h"
#include "media/film_writer.h"
#include "media/test_film.h"
#include "provenance/credentials/signer.h"
#include "support/environment.h"

namespace soragen::test {

inline void write_film(const std::filesystem::path& path, int phase = 0) {
  constexpr int kSide = 96, kCount = 5;
  const auto writer = media::open_film_writer(
      media::choose_format({.path = path.string(), .width = kSide, .height = kSide, .fps = {24, 1}}), path);
  for (int i = 0; i < kCount; ++i) writer->push(make_frame(kSide, kSide, phase + i));
  writer->finish();
}

inline std::string bytes_of(const std::filesystem::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline provenance::Statement statement() {
  return {.title = "film.mp4",
          .model_name = "tiny",
          .model_identifier = "sha256:0badcafe",
          .watermark = provenance::WatermarkClaim{"org.soragen.test", "0badcafe"},
          .record = {{"seed", 7}, {"small numbers", {1, 2, 3}}, {"exact", 0.1 + 0.2}, {"text", "\"\x1b[2J\n"}}};
}

}  // namespace soragen::test
