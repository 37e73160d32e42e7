#include "provenance/marks.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/fail.h"
#include "core/mapped_file.h"
#include "provenance/register.h"

namespace soragen::provenance {
namespace {

uint32_t random_id(watermark::Form form) {
  uint32_t id = 0;
  SORAGEN_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id) == 1);
  return id >> (32 - watermark::id_bit_count(form));
}

}  // namespace

uint32_t draw_film_id(int width, int height, int frames) {
  constexpr int kTries = 100;  // of 16 bits, a register of thousands of films has used up a part
  const watermark::Form form = watermark::choose_form(width, height, frames);
  uint32_t id = random_id(form);
  for (int i = 1; i < kTries && find_in_register(watermark_claim(form, id).value); ++i) id = random_id(form);
  return id;
}

watermark::Key read_watermark_key(const std::filesystem::path& path) {
  constexpr size_t kFewest = 16;  // bytes; less could be guessed
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    fail(ErrorKind::input, "cannot read the watermark key {}: {}", path.string(), std::strerror(errno));
  if ((status.st_mode & 077) != 0)
    fail(ErrorKind::input, "the watermark key {} can be read by others (mode {:04o}); chmod 600 it", path.string(),
         status.st_mode & 07777);
  const MappedFile file(path);
  if (file.bytes().size() < kFewest)
    fail(ErrorKind::input, "the watermark key {} has {} bytes; use at least {}: openssl rand -out {} 32", path.string(),
         file.bytes().size(), kFewest, path.filename().string());
  watermark::Key key{};
  unsigned int size = 0;
  SORAGEN_ASSERT(EVP_Digest(file.bytes().data(), file.bytes().size(), key.data(), &size, EVP_sha256(), nullptr) == 1);
  SORAGEN_ASSERT(size == key.size());
  return key;
}

WatermarkClaim watermark_claim(watermark::Form form, uint32_t id) {
  return {.algorithm = fmt::format("org.soragen.watermark.{}", watermark::kSchemeVersion),
          .value = fmt::format("{:0{}x}", id, watermark::id_bit_count(form) / 4)};
}

}  // namespace soragen::provenance
