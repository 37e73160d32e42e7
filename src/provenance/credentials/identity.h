// Who signs: a certificate chain and its private key. Either this machine's own, made on first use in
// $XDG_CONFIG_HOME/soragen/identity (default ~/.config), or the user's.
//
//   root.pem, root.key   a certificate authority of ten years; root.pem is what others may trust
//   leaf.pem, leaf.key   what signs, for a year; renewed from the root when it has expired
//
// The folder has mode 0700, every file 0600. A key that others could read is refused, not mended.
#pragma once

#include <filesystem>
#include <string>

namespace soragen::provenance {

struct Identity {
  std::string name;         // common name of the signing certificate
  std::string chain;        // PEM, the signing certificate first
  std::string private_key;  // PEM, PKCS#8
  std::string algorithm;    // "es256"
};

std::filesystem::path identity_folder();  // Error{input} if neither XDG_CONFIG_HOME nor HOME says where

struct NewIdentity {
  std::filesystem::path folder;
  std::filesystem::path replaced;  // where the old one went, "" if there was none
  std::string name;
  std::string valid_until;  // of the leaf, "2027-11-24"
};
// name "": "soragen-" and eight random hexadecimal digits, which says nothing about the machine or its user. Throws
// Error{input} if there is an identity and it is not to be replaced; a replaced one is kept beside.
NewIdentity make_identity(const std::string& name, bool replace);

// Makes the identity if there is none. Throws Error{input} if a file is missing, readable by others or damaged.
Identity local_identity();

// The user's own. Throws Error{input} if the files do not fit together or the certificate may not sign.
Identity read_identity(const std::filesystem::path& certificates, const std::filesystem::path& key);

}  // namespace soragen::provenance
