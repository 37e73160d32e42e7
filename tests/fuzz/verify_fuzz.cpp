// What verify reads of a file from outside: its credentials. The first byte says how the rest is met: as a film, or as
// a manifest store kept apart from one. Whatever is in it, the report is made, and no control character of the file's
// reaches it. (Frames are media_reader's; the C2PA library itself is not instrumented, but must not end the process.)
// Seeds: films of two frames of 16x16 that were signed, and a manifest store.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "provenance/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  if (size == 0) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  test::expect_accepted_or_refused([&] {
    provenance::Verification found;
    if (data[0] == 'm') {
      found.credentials = provenance::read_manifest(std::as_bytes(rest), "");
    } else {
      const int file = ::memfd_create("film", MFD_CLOEXEC);
      SORAGEN_ASSERT(file >= 0 && ::write(file, rest.data(), rest.size()) == static_cast<ssize_t>(rest.size()));
      found.credentials = provenance::read_credentials("/proc/self/fd/" + std::to_string(file), "");
      ::close(file);
    }
    found.verdict = provenance::verdict_of(found);
    found.sentence = provenance::sentence_of(found);
    const std::string text =
        provenance::describe(found) + provenance::to_json(found).dump(-1, ' ', true, Json::error_handler_t::replace);
    const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; };
    SORAGEN_ASSERT(std::none_of(text.begin(), text.end(), is_control));
  });
  return 0;
}
