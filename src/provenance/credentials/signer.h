// Puts signed credentials on finished files. Signing is the last write: every byte of the file is covered by it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "provenance/credentials/identity.h"
#include "provenance/credentials/manifest.h"

namespace soragen::provenance {

// Whether the library can put a manifest into a file of this media type ("video/mp4"); otherwise it goes beside.
bool can_embed(const std::string& media_type);

class Signer {
 public:
  // time_stamp_server: an RFC 3161 URL, or "" for signatures that are worth as long as the certificate. Signs something
  // small at once, so that whatever is wrong shows before an hour of work: Error{input} for certificate and key,
  // Error{resource} for a time-stamp server that does not answer.
  Signer(Identity identity, std::string time_stamp_server);

  const Identity& identity() const { return identity_; }

  // Writes the credentials into the file where they fit, reads the result back and accepts nothing but a valid state.
  // Returns the manifest store, which for a type that cannot hold it is all there is. Throws Error{resource} on a full
  // disk or a silent time-stamp server; the file is then unsigned and to be thrown away.
  std::vector<std::byte> sign(const Statement& statement, const std::filesystem::path& file,
                              const std::string& media_type) const;

 private:
  std::string describe(const std::string& name) const;

  Identity identity_;
  std::string time_stamp_server_;
};

}  // namespace soragen::provenance
