// The C2PA library's objects in owning types, its errors as ours, local files as its streams.
//
// Nothing here touches the network: contexts forbid every host and every kind of fetching, whatever a file asks for.
// A time stamp is the one exception; its address belongs to the signer and is the user's own word.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "provenance/credentials/c2pa_api.h"
#include "soragen/error.h"

namespace soragen::provenance {

struct LibraryFree {
  void operator()(const void* pointer) const { c2pa_free(pointer); }
};
template <typename T>
using Owned = std::unique_ptr<T, LibraryFree>;

// Throws Error{internal} unless the library in the process is the version that these sources were written against.
void check_library();
std::string library_version();  // "c2pa-c-ffi/0.91.3 c2pa-rs/0.91.3"

// What the last call of this thread that failed said: "Kind: message", or "" .
std::string last_library_error();
[[noreturn]] void fail_by_library(ErrorKind kind, std::string_view what);

// anchors: PEM certificates whose signatures count as trusted, or "". Throws Error{input} if they are none.
Owned<C2paContext> make_context(const std::string& anchors);

// A file for the library to read or write; its position is its own.
class FileStream {
 public:
  // unchanged: what is written is not, since the library copies a file there whose credentials go beside it.
  enum class Mode { read, write, unchanged };
  FileStream(const std::filesystem::path& path, Mode mode);             // Error{input} if it cannot be opened
  FileStream(std::string_view name, std::span<const std::byte> bytes);  // in memory, to read and to write
  ~FileStream();
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;

  C2paStream* get() const { return stream_; }
  // Throws Error{resource} if a read or write failed: the library's own words hide the reason.
  void check() const;

 private:
  void open_stream();
  static intptr_t read(void* self, uint8_t* data, intptr_t size);
  static intptr_t seek(void* self, intptr_t offset, C2paSeekMode mode);
  static intptr_t write(void* self, const uint8_t* data, intptr_t size);
  static intptr_t flush(void* self);
  intptr_t note(intptr_t result);

  std::string name_;
  int file_ = -1;
  int error_ = 0;  // errno of the first call that failed
  Mode mode_ = Mode::read;
  C2paStream* stream_ = nullptr;
};

}  // namespace soragen::provenance
