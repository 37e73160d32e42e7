// The sound of a film from outside: refused, or copied beside a picture of ours. Written to nowhere, as Matroska, which
// takes every codec. Seeds: a tenth of a second of picture and sound in each container that is read.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "media/film_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  const int file = ::memfd_create("film", MFD_CLOEXEC);
  SORAGEN_ASSERT(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size));
  test::expect_accepted_or_refused([&] {
    const media::FilmFormat format = media::choose_format({.path = "film.mkv",
                                                           .width = 16,
                                                           .height = 16,
                                                           .fps = {25, 1},
                                                           .audio_from = "/proc/self/fd/" + std::to_string(file)});
    media::check_audio(format);
    const auto writer = media::open_film_writer(format, "/dev/null");
    const Frame frame{16, 16, std::vector<uint8_t>(16 * 16 * 3)};
    for (int i = 0; i < 3; ++i) writer->push(frame);
    writer->finish();
  });
  ::close(file);
  return 0;
}
