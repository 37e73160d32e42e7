#include "provenance/credentials/identity.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/fail.h"
#include "core/folders.h"
#include "core/log.h"
#include "core/printable.h"
#include "provenance/credentials/certificate.h"

namespace soragen::provenance {
namespace fs = std::filesystem;

namespace {

constexpr std::time_t kDay = 24 * 60 * 60;
constexpr std::time_t kLeafLife = 365 * kDay, kRootLife = 3652 * kDay;
constexpr size_t kMaxName = 58;           // X.509 allows 64 characters, and the root's name is " root" longer
constexpr size_t kMaxPemBytes = 1 << 20;  // a chain has a few KiB

void write_file(const fs::path& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool is_written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!is_written) fail(ErrorKind::resource, "cannot write {}: {}", path.string(), std::strerror(error));
}

enum class Secrecy { open, secret };

// From one open file, so that what is checked is what is read.
std::string read_file(const fs::path& path, Secrecy secrecy) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(ErrorKind::input, "cannot read {}: {}", path.string(), std::strerror(errno));
  struct stat status {};
  std::string text;
  const bool is_known = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  if (is_known && static_cast<size_t>(status.st_size) <= kMaxPemBytes) {
    text.resize(static_cast<size_t>(status.st_size));
    const ssize_t count = ::read(file, text.data(), text.size());
    text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  }
  ::close(file);
  if (!is_known || static_cast<size_t>(status.st_size) > kMaxPemBytes)
    fail(ErrorKind::input, "cannot read {}: it is no file of certificates or keys", path.string());
  if (secrecy == Secrecy::secret && (status.st_mode & 077) != 0)
    fail(ErrorKind::input, "the private key {} can be read by others (mode {:04o}); chmod 600 it, or make a new one",
         path.string(), status.st_mode & 07777);
  return text;
}

std::string random_name() {
  std::array<unsigned char, 4> bytes{};
  SORAGEN_ASSERT(RAND_bytes(bytes.data(), bytes.size()) == 1);
  return fmt::format("soragen-{:02x}{:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2], bytes[3]);
}

void check_name(const std::string& name) {
  if (printable(name) != name || name.find_first_not_of(' ') == std::string::npos)
    fail(ErrorKind::usage, "--name '{}' is not valid; use the name that your films shall be signed with", name);
  if (name.size() > kMaxName)
    fail(ErrorKind::usage, "--name has {} bytes; a certificate holds at most {}", name.size(), kMaxName);
}

// A certificate from a minute ago, so that a machine whose clock is a little behind takes it too.
Validity valid_for(std::time_t life) {
  const std::time_t now = std::time(nullptr);
  return {now - 60, now + life};
}

void write_identity(const fs::path& folder, const std::string& name) {
  const KeyPtr root_key = make_key(), leaf_key = make_key();
  const CertificatePtr root = make_root(*root_key, name, valid_for(kRootLife));
  const CertificatePtr leaf = make_leaf(*leaf_key, name, valid_for(kLeafLife), *root, *root_key);
  write_file(folder / "root.pem", to_pem(*root));
  write_file(folder / "root.key", to_pem(*root_key));
  write_file(folder / "leaf.pem", to_pem(*leaf));
  write_file(folder / "leaf.key", to_pem(*leaf_key));
}

// Where an identity that is replaced goes: its films can still be checked against its root.
fs::path put_aside(const fs::path& folder) {
  for (int i = 1;; ++i) {
    const fs::path aside = folder.string() + fmt::format("-{}-{}", format_date(std::time(nullptr)), i);
    if (fs::exists(aside)) continue;
    fs::rename(folder, aside);
    return aside;
  }
}

// In a folder of its own, renamed when whole: of two first uses at once, both then have the same identity.
NewIdentity create(const fs::path& folder, const std::string& name, bool replace) {
  NewIdentity made{.folder = folder, .name = name, .valid_until = format_date(std::time(nullptr) + kLeafLife)};
  std::string part = folder.string() + ".XXXXXX";
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (error || ::mkdtemp(part.data()) == nullptr)
    fail(ErrorKind::input, "cannot make a signing identity in {}: {}; XDG_CONFIG_HOME may name another folder",
         folder.parent_path().string(), error ? error.message() : std::strerror(errno));
  try {
    write_identity(part, name);
    if (replace && fs::exists(folder)) made.replaced = put_aside(folder);
    fs::rename(part, folder, error);
  } catch (...) {
    fs::remove_all(part, error);
    throw;
  }
  if (!error) return made;
  std::error_code ignored;
  fs::remove_all(part, ignored);
  if (!fs::exists(folder / "leaf.pem"))
    fail(ErrorKind::resource, "cannot make a signing identity in {}: {}", folder.string(), error.message());
  return made;
}

// The same key under a new certificate of the same name.
void renew_leaf(const fs::path& folder, X509& expired) {
  const std::string root_name = (folder / "root.pem").string();
  const CertificatePtr root =
      std::move(parse_certificates(read_file(folder / "root.pem", Secrecy::open), root_name)[0]);
  const KeyPtr root_key = parse_key(read_file(folder / "root.key", Secrecy::secret), (folder / "root.key").string());
  const KeyPtr leaf_key = parse_key(read_file(folder / "leaf.key", Secrecy::secret), (folder / "leaf.key").string());
  if (X509_check_private_key(root.get(), root_key.get()) != 1)
    fail(ErrorKind::input, "{} is not the key of root.pem beside it; soragen keygen --force makes a new identity",
         (folder / "root.key").string());
  const Validity validity = valid_for(kLeafLife);
  if (expiry_of(*root) < validity.until)
    fail(ErrorKind::input,
         "the signing identity in {} has come to its end ({}); soragen keygen --force makes a new one", folder.string(),
         format_date(expiry_of(*root)));
  const CertificatePtr leaf = make_leaf(*leaf_key, common_name(expired), validity, *root, *root_key);
  const fs::path part = folder / fmt::format("leaf.pem.{}", ::getpid());
  std::error_code ignored;
  fs::remove(part, ignored);
  write_file(part, to_pem(*leaf));
  fs::rename(part, folder / "leaf.pem");
  log_info("the signing certificate of {} had expired; renewed until {}", common_name(*leaf),
           format_date(validity.until));
}

}  // namespace

fs::path identity_folder() { return config_folder() / "identity"; }

NewIdentity make_identity(const std::string& name, bool replace) {
  if (!name.empty()) check_name(name);
  const fs::path folder = identity_folder();
  if (fs::exists(folder) && !replace)
    fail(ErrorKind::input, "there is a signing identity in {}; --force puts it aside and makes a new one",
         folder.string());
  return create(folder, name.empty() ? random_name() : name, replace);
}

Identity local_identity() {
  const fs::path folder = identity_folder();
  if (!fs::exists(folder)) {
    const NewIdentity made = create(folder, random_name(), false);
    log_info("made a signing identity in {}; films are signed as {} ('soragen keygen --help' for a name of your own)",
             made.folder.string(), made.name);
  }
  const fs::path file = folder / "leaf.pem";
  const CertificatePtr leaf = std::move(parse_certificates(read_file(file, Secrecy::open), file.string())[0]);
  if (expiry_of(*leaf) < std::time(nullptr)) renew_leaf(folder, *leaf);
  return read_identity(file, folder / "leaf.key");
}

Identity read_identity(const fs::path& certificates, const fs::path& key) {
  const std::vector<CertificatePtr> chain =
      parse_certificates(read_file(certificates, Secrecy::open), certificates.string());
  const KeyPtr private_key = parse_key(read_file(key, Secrecy::secret), key.string());
  X509& leaf = *chain.front();
  check_may_sign(leaf, std::time(nullptr), fmt::format("the certificate {}", certificates.string()));
  if (X509_check_private_key(&leaf, private_key.get()) != 1)
    fail(ErrorKind::input, "the private key {} does not belong to the first certificate of {}", key.string(),
         certificates.string());
  Identity identity{.name = common_name(leaf),
                    .private_key = to_pem(*private_key),
                    .algorithm = algorithm_of(*private_key, key.string())};
  for (const CertificatePtr& certificate : chain) identity.chain += to_pem(*certificate);
  return identity;
}

}  // namespace soragen::provenance
