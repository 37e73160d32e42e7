// X.509 through OpenSSL, as far as signing films needs it: a root and a leaf of our own, and whether a certificate may
// sign at all. The rules are those of C2PA 2.2, section 14.5, as the official library enforces them.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace soragen::provenance {

template <auto kFree>
struct OpenSslFree {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpenSslFree<X509_free>>;

KeyPtr make_key();  // P-256

struct Validity {
  std::time_t from = 0, until = 0;
};
// A self-signed authority that may issue leaves only.
CertificatePtr make_root(EVP_PKEY& key, const std::string& name, const Validity& validity);
// A certificate that may sign claims and nothing else. Subject: organisation and common name are `name`.
CertificatePtr make_leaf(EVP_PKEY& key, const std::string& name, const Validity& validity, X509& root,
                         EVP_PKEY& root_key);

std::string to_pem(X509& certificate);
std::string to_pem(EVP_PKEY& key);  // PKCS#8, not encrypted
// Both throw Error{input} with `where` in front.
std::vector<CertificatePtr> parse_certificates(std::string_view pem, const std::string& where);
KeyPtr parse_key(std::string_view pem, const std::string& where);

std::string common_name(X509& certificate);  // "" if it has none
std::time_t expiry_of(X509& certificate);
bool is_valid_at(X509& certificate, std::time_t time);
std::string format_date(std::time_t time);  // "2026-11-24", UTC

// The name that C2PA has for signatures of such a key: "es256", "ps256", ... Throws Error{input} for another kind.
std::string algorithm_of(EVP_PKEY& key, const std::string& where);

// Throws Error{input} saying what the C2PA profile forbids: an authority, no permission to sign, an unsuitable or
// missing purpose, self-signed, out of date at `now`.
void check_may_sign(X509& leaf, std::time_t now, const std::string& where);

}  // namespace soragen::provenance
