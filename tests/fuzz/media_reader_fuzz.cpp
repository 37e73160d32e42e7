// A film from outside: refused, or frames of the size that it states. The first 16 frames are decoded; a film that
// goes on is more of the same. Seeds: two frames of 16x16 in each container that soragen writes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "media/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  const int file = ::memfd_create("film", MFD_CLOEXEC);
  SORAGEN_ASSERT(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size));
  test::expect_accepted_or_refused([&] {
    media::Reader reader("/proc/self/fd/" + std::to_string(file));
    Frame frame;
    for (int i = 0; i < 16 && reader.next(frame); ++i)
      SORAGEN_ASSERT(frame.rgb.size() == size_t{3} * reader.info().video.width * reader.info().video.height);
  });
  ::close(file);
  return 0;
}
