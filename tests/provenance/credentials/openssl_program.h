// Certificates made by the openssl program: what a user's own look like, good and bad.
#pragma once

#include <filesystem>
#include <string>

#include "media/test_film.h"
#include "support/temp_dir.h"

namespace soragen::test {

inline constexpr const char* kSigningPurposes = "1.3.6.1.4.1.62558.2.1,emailProtection";

struct CertificateOptions {
  std::string name = "leaf";  // file names
  std::string key = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
  std::string basic = "critical,CA:FALSE";
  std::string usage = "critical,digitalSignature";
  std::string purposes = kSigningPurposes;  // "" for none
  bool names_issuer_key = true;
  std::string validity = "-days 30";  // negative: it has ended
};

// An authority in a folder, and what it issues: <name>.pem with <name>.key, mode 0600.
class Authority {
 public:
  Authority() {
    shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out root.key");
    shell(
        "openssl req -x509 -new -key root.key -days 100 -subj '/O=Test authority/CN=Test root' -addext "
        "basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out root.pem");
  }

  void issue(const CertificateOptions& options) const {
    std::string extensions = "basicConstraints=" + options.basic + "\nkeyUsage=" + options.usage + "\n";
    if (!options.purposes.empty()) extensions += "extendedKeyUsage=" + options.purposes + "\n";
    extensions += "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=" +
                  std::string(options.names_issuer_key ? "keyid" : "none") + "\n";
    folder.write("extensions", extensions);
    shell("openssl genpkey " + options.key + " -out " + options.name + ".key");
    shell("openssl req -new -key " + options.name + ".key -subj '/O=Test studio/CN=Test signer' -out request");
    shell("openssl x509 -req -in request -CA root.pem -CAkey root.key -set_serial 7 -extfile extensions " +
          options.validity + " -out " + options.name + ".pem");
    std::filesystem::permissions(key(options.name), std::filesystem::perms(0600));
  }

  std::filesystem::path certificate(const std::string& name = "leaf") const { return folder / (name + ".pem"); }
  std::filesystem::path key(const std::string& name = "leaf") const { return folder / (name + ".key"); }

  TempDir folder;

 private:
  void shell(const std::string& command) const { run("cd " + quoted(folder.path()) + " && " + command + " 2>&1"); }
};

}  // namespace soragen::test
