#include "provenance/credentials/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>

#include "core/fail.h"
#include "core/printable.h"

namespace soragen::provenance {
namespace {

// Purposes of a certificate (extended key usage).
constexpr const char* kClaimSigning = "1.3.6.1.4.1.62558.2.1";
constexpr const char* kEmailProtection = "1.3.6.1.5.5.7.3.4";
constexpr const char* kDocumentSigning = "1.3.6.1.5.5.7.3.36";
constexpr const char* kAnyPurpose = "2.5.29.37.0";

using BioPtr = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>>;

std::string take_openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

void must(bool succeeded) {
  if (!succeeded) fail(ErrorKind::internal, "OpenSSL cannot make a certificate: {}", take_openssl_error());
}

std::string text_of(BIO& memory) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(&memory, &data);
  return {data, static_cast<size_t>(size)};
}

BioPtr open_text(std::string_view text) {
  BioPtr memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  must(memory != nullptr);
  return memory;
}

void set_name(X509_NAME& subject, const std::string& name) {
  for (const char* field : {"O", "CN"})
    must(X509_NAME_add_entry_by_txt(&subject, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1);
}

void add_extension(X509& certificate, X509& issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  must(extension && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

CertificatePtr make_certificate(EVP_PKEY& key, const Validity& validity) {
  CertificatePtr certificate(X509_new());
  std::array<unsigned char, 16> serial{};
  must(certificate && RAND_bytes(serial.data(), serial.size()) == 1);
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7F) | 0x40);  // positive, and as long as it says
  const std::unique_ptr<BIGNUM, OpenSslFree<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  must(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr);
  must(X509_set_version(certificate.get(), X509_VERSION_3) == 1 && X509_set_pubkey(certificate.get(), &key) == 1);
  must(ASN1_TIME_set(X509_getm_notBefore(certificate.get()), validity.from) != nullptr &&
       ASN1_TIME_set(X509_getm_notAfter(certificate.get()), validity.until) != nullptr);
  return certificate;
}

bool has_purpose(const EXTENDED_KEY_USAGE& purposes, const char* wanted) {
  for (int i = 0; i < sk_ASN1_OBJECT_num(&purposes); ++i) {
    std::array<char, 80> text{};
    OBJ_obj2txt(text.data(), text.size(), sk_ASN1_OBJECT_value(&purposes, i), 1);
    if (std::string_view(text.data()) == wanted) return true;
  }
  return false;
}

void check_purposes(X509& leaf, const std::string& where) {
  const std::unique_ptr<EXTENDED_KEY_USAGE, OpenSslFree<EXTENDED_KEY_USAGE_free>> purposes(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(&leaf, NID_ext_key_usage, nullptr, nullptr)));
  constexpr const char* kWanted =
      "it needs emailProtection (1.3.6.1.5.5.7.3.4) or documentSigning (1.3.6.1.5.5.7.3.36)";
  if (!purposes) fail(ErrorKind::input, "{} names no purpose (extended key usage); {}", where, kWanted);
  if (has_purpose(*purposes, kAnyPurpose))
    fail(ErrorKind::input, "{} is for any purpose, which C2PA forbids; {}", where, kWanted);
  if (!has_purpose(*purposes, kEmailProtection) && !has_purpose(*purposes, kDocumentSigning))
    fail(ErrorKind::input, "{} is not for signing documents; {}", where, kWanted);
}

int refuse_password(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

std::time_t time_of(const ASN1_TIME& time) {
  std::tm parts{};
  must(ASN1_TIME_to_tm(&time, &parts) == 1);
  return ::timegm(&parts);
}

}  // namespace

KeyPtr make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  must(key != nullptr);
  return key;
}

CertificatePtr make_root(EVP_PKEY& key, const std::string& name, const Validity& validity) {
  CertificatePtr root = make_certificate(key, validity);
  set_name(*X509_get_subject_name(root.get()), name + " root");
  must(X509_set_issuer_name(root.get(), X509_get_subject_name(root.get())) == 1);
  add_extension(*root, *root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(*root, *root, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(*root, *root, NID_subject_key_identifier, "hash");
  must(X509_sign(root.get(), &key, EVP_sha256()) > 0);
  return root;
}

CertificatePtr make_leaf(EVP_PKEY& key, const std::string& name, const Validity& validity, X509& root,
                         EVP_PKEY& root_key) {
  CertificatePtr leaf = make_certificate(key, validity);
  set_name(*X509_get_subject_name(leaf.get()), name);
  must(X509_set_issuer_name(leaf.get(), X509_get_subject_name(&root)) == 1);
  add_extension(*leaf, root, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(*leaf, root, NID_key_usage, "critical,digitalSignature");
  // The second is for validators from before C2PA had a purpose of its own.
  add_extension(*leaf, root, NID_ext_key_usage, fmt::format("{},{}", kClaimSigning, kEmailProtection));
  add_extension(*leaf, root, NID_subject_key_identifier, "hash");
  add_extension(*leaf, root, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(leaf.get(), &root_key, EVP_sha256()) > 0);
  return leaf;
}

std::string to_pem(X509& certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  must(memory && PEM_write_bio_X509(memory.get(), &certificate) == 1);
  return text_of(*memory);
}

std::string to_pem(EVP_PKEY& key) {
  const BioPtr memory(BIO_new(BIO_s_secmem()));  // wiped when freed
  must(memory && PEM_write_bio_PKCS8PrivateKey(memory.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(*memory);
}

std::vector<CertificatePtr> parse_certificates(std::string_view pem, const std::string& where) {
  const BioPtr memory = open_text(pem);
  std::vector<CertificatePtr> certificates;
  while (X509* certificate = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(certificate);
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = take_openssl_error();
  if (!is_end) fail(ErrorKind::input, "{} holds a damaged certificate: {}", where, error);
  if (certificates.empty())
    fail(ErrorKind::input, "{} holds no certificate; a PEM file begins with -----BEGIN CERTIFICATE-----", where);
  return certificates;
}

KeyPtr parse_key(std::string_view pem, const std::string& where) {
  const BioPtr memory = open_text(pem);
  bool is_encrypted = false;
  KeyPtr key(PEM_read_bio_PrivateKey(memory.get(), nullptr, refuse_password, &is_encrypted));
  const std::string error = key ? "" : take_openssl_error();
  if (is_encrypted)
    fail(ErrorKind::input, "{} is encrypted; decrypt it first: openssl pkcs8 -in KEY -out PLAIN, mode 0600", where);
  if (!key) fail(ErrorKind::input, "{} holds no private key in PEM form: {}", where, error);
  return key;
}

std::string common_name(X509& certificate) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place < 0) return "";
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  if (size < 0) return "";
  std::string name(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return name;
}

std::time_t expiry_of(X509& certificate) { return time_of(*X509_get0_notAfter(&certificate)); }

bool is_valid_at(X509& certificate, std::time_t time) {
  return time_of(*X509_get0_notBefore(&certificate)) <= time && time <= expiry_of(certificate);
}

std::string format_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string algorithm_of(EVP_PKEY& key, const std::string& where) {
  const int bits = EVP_PKEY_get_bits(&key);
  switch (EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_EC: {
      std::array<char, 32> curve{};
      EVP_PKEY_get_group_name(&key, curve.data(), curve.size(), nullptr);
      const std::string_view name(curve.data());
      if (name == "prime256v1") return "es256";
      if (name == "secp384r1") return "es384";
      if (name == "secp521r1") return "es512";
      break;
    }
    case EVP_PKEY_ED25519:
      return "ed25519";
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
      if (bits >= 2048) return "ps256";
      break;
    default:
      break;
  }
  fail(ErrorKind::input,
       "{} is a key that C2PA does not take ({}, {} bits); use one on the curve P-256, P-384 or P-521, Ed25519, or RSA "
       "of 2048 bits and more",
       where, EVP_PKEY_get0_type_name(&key), bits);
}

void check_may_sign(X509& leaf, std::time_t now, const std::string& where) {
  if (X509_get_version(&leaf) != X509_VERSION_3)
    fail(ErrorKind::input, "{} is not an X.509 version 3 certificate", where);
  if ((X509_get_extension_flags(&leaf) & EXFLAG_CA) != 0)
    fail(ErrorKind::input, "{} belongs to a certificate authority, which may not sign films; use one that it issued",
         where);
  if ((X509_get_extension_flags(&leaf) & EXFLAG_SI) != 0)  // issuer and subject are one
    fail(ErrorKind::input, "{} is self-signed; C2PA needs one issued by an authority, which may be your own", where);
  if ((X509_get_key_usage(&leaf) & KU_DIGITAL_SIGNATURE) == 0 || X509_get_ext_by_NID(&leaf, NID_key_usage, -1) < 0)
    fail(ErrorKind::input, "{} has no key usage digitalSignature", where);
  if (X509_get0_authority_key_id(&leaf) == nullptr)
    fail(ErrorKind::input, "{} does not name its issuer's key (authority key identifier)", where);
  check_purposes(leaf, where);
  if (is_valid_at(leaf, now)) return;
  const std::time_t from = time_of(*X509_get0_notBefore(&leaf));
  fail(ErrorKind::input, "{} is valid from {} to {} and today is {}", where, format_date(from),
       format_date(expiry_of(leaf)), format_date(now));
}

}  // namespace soragen::provenance
