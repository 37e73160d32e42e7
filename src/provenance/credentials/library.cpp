#include "provenance/credentials/library.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "core/fail.h"
#include "provenance/credentials/certificate.h"

namespace soragen::provenance {
namespace {

constexpr std::string_view kLibraryVersion = "c2pa-rs/0.91.3";  // its interface changes every few months

std::string take_text(char* text) {
  const Owned<char> owned(text);
  return owned ? owned.get() : "";
}

Json settings_json(const std::string& anchors) {
  Json settings = {{"version", 1},
                   {"core",
                    {{"allowed_network_hosts", Json::array()},
                     {"allow_redirects", false},
                     {"backing_store_memory_threshold_in_mb", 64},  // larger films go through temporary files
                     {"decode_identity_assertions", false}}},
                   // Reading the finished file back (signer.cpp) checks more than verify_after_sign would.
                   {"verify",
                    {{"remote_manifest_fetch", false},
                     {"ocsp_fetch", false},
                     {"verify_after_sign", false},
                     {"verify_after_reading", true},
                     {"verify_trust", true}}},
                   {"builder", {{"thumbnail", {{"enabled", false}}}}}};
  if (!anchors.empty()) settings["trust"] = {{"trust_anchors", anchors}};
  return settings;
}

}  // namespace

std::string library_version() { return take_text(c2pa_version()); }

void check_library() {
  static const std::string version = library_version();
  if (!version.ends_with(kLibraryVersion))
    fail(ErrorKind::internal, "libc2pa_c.so is {}, but soragen was built for {}", version, kLibraryVersion);
}

std::string last_library_error() { return take_text(c2pa_error()); }

void fail_by_library(ErrorKind kind, std::string_view what) { fail(kind, "{}: {}", what, last_library_error()); }

Owned<C2paContext> make_context(const std::string& anchors) {
  check_library();
  if (!anchors.empty()) parse_certificates(anchors, "the file of trust anchors");  // the library takes any text
  const Owned<C2paSettings> settings(c2pa_settings_new());
  Owned<C2paContextBuilder> builder(c2pa_context_builder_new());
  const std::string text = settings_json(anchors).dump();
  if (!settings || !builder || c2pa_settings_update_from_string(settings.get(), text.c_str(), "json") != 0 ||
      c2pa_context_builder_set_settings(builder.get(), settings.get()) != 0)
    fail_by_library(ErrorKind::internal, "cannot set up the C2PA library");
  Owned<C2paContext> context(c2pa_context_builder_build(builder.release()));
  if (!context) fail_by_library(ErrorKind::internal, "cannot set up the C2PA library");
  return context;
}

FileStream::FileStream(const std::filesystem::path& path, Mode mode) : name_(path.string()), mode_(mode) {
  const bool is_new = mode == Mode::write;
  file_ = ::open(path.c_str(), is_new ? O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
  if (file_ < 0)
    fail(errno == ENOSPC || errno == EDQUOT ? ErrorKind::resource : ErrorKind::input, "cannot {} {}: {}",
         is_new ? "write" : "read", name_, std::strerror(errno));
  open_stream();
}

FileStream::FileStream(std::string_view name, std::span<const std::byte> bytes) : name_(name), mode_(Mode::write) {
  file_ = ::memfd_create("soragen", MFD_CLOEXEC);
  const auto size = static_cast<ssize_t>(bytes.size());
  if (file_ < 0 || ::pwrite(file_, bytes.data(), bytes.size(), 0) != size) {
    const int error = errno;
    if (file_ >= 0) ::close(file_);
    fail(ErrorKind::resource, "cannot hold {} in memory: {}", name_, std::strerror(error));
  }
  open_stream();
}

void FileStream::open_stream() {
  stream_ = c2pa_create_stream(this, read, seek, write, flush);
  if (stream_ != nullptr) return;
  ::close(file_);
  throw std::bad_alloc();
}

FileStream::~FileStream() {
  c2pa_release_stream(stream_);
  ::close(file_);
}

void FileStream::check() const {
  if (error_ == 0) return;
  const bool is_written = mode_ == Mode::write;
  fail(is_written ? ErrorKind::resource : ErrorKind::input, "cannot {} {}: {}", is_written ? "write" : "read", name_,
       std::strerror(error_));
}

intptr_t FileStream::note(intptr_t result) {
  if (result < 0 && error_ == 0) error_ = errno;
  return result;
}

intptr_t FileStream::read(void* self, uint8_t* data, intptr_t size) {
  auto& stream = *static_cast<FileStream*>(self);
  ssize_t count = 0;
  do count = ::read(stream.file_, data, static_cast<size_t>(size));
  while (count < 0 && errno == EINTR);
  return stream.note(count);
}

// A position that a hostile file asks for may be negative: an error of the file, which the library reports itself.
intptr_t FileStream::seek(void* self, intptr_t offset, C2paSeekMode mode) {
  const int whence = mode == C2PA_SEEK_START ? SEEK_SET : mode == C2PA_SEEK_CURRENT ? SEEK_CUR : SEEK_END;
  return ::lseek(static_cast<FileStream*>(self)->file_, offset, whence);
}

intptr_t FileStream::write(void* self, const uint8_t* data, intptr_t size) {
  auto& stream = *static_cast<FileStream*>(self);
  if (stream.mode_ == Mode::unchanged) return ::lseek(stream.file_, size, SEEK_CUR) < 0 ? stream.note(-1) : size;
  ssize_t count = 0;
  do count = ::write(stream.file_, data, static_cast<size_t>(size));
  while (count < 0 && errno == EINTR);
  return stream.note(count);
}

intptr_t FileStream::flush(void*) { return 0; }  // nothing is buffered here

}  // namespace soragen::provenance
