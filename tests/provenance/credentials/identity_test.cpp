// This machine's identity and the user's own, against certificates of the openssl program and its judgement.
#include "provenance/credentials/identity.h"

#include <sys/stat.h>

#include <ctime>

#include "provenance/credentials/certificate.h"
#include "provenance/credentials/openssl_program.h"
#include "support/environment.h"
#include "support/expect_error.h"

namespace soragen::provenance {
namespace {
namespace fs = std::filesystem;

using test::Authority;
using test::quoted;
using test::run;
using test::ScopedUser;
using test::ScopedVariable;

int mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::string text_of(const fs::path& path) { return run("cat " + quoted(path)); }

// A leaf that ended yesterday, under the same root and key.
void let_leaf_expire(const fs::path& folder) {
  const std::string key = text_of(folder / "leaf.key"), root_key = text_of(folder / "root.key");
  const KeyPtr leaf_key = parse_key(key, "leaf.key"), authority_key = parse_key(root_key, "root.key");
  const auto root = parse_certificates(text_of(folder / "root.pem"), "root.pem");
  const std::time_t now = std::time(nullptr);
  std::ofstream(folder / "leaf.pem") << to_pem(
      *make_leaf(*leaf_key, "Ann", {now - 200'000, now - 100'000}, *root[0], *authority_key));
}

TEST(LocalIdentity, FirstUseMakesFilesThatOthersCannotRead) {
  const ScopedUser user;
  const Identity identity = local_identity();
  const fs::path folder = identity_folder();
  EXPECT_EQ(folder, user.home / "config/soragen/identity");
  EXPECT_EQ(mode_of(folder), 0700);
  for (const char* name : {"root.pem", "root.key", "leaf.pem", "leaf.key"}) EXPECT_EQ(mode_of(folder / name), 0600);
  EXPECT_TRUE(identity.name.starts_with("soragen-")) << identity.name;
  EXPECT_EQ(identity.algorithm, "es256");
  const Identity again = local_identity();
  EXPECT_EQ(again.chain, identity.chain);
  EXPECT_EQ(again.private_key, identity.private_key);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.parent_path()), {}), 1);  // nothing half-made beside it
}

TEST(LocalIdentity, OpensslAcceptsTheChainAndSeesTheProfile) {
  const ScopedUser user;
  make_identity("Ann", false);
  const std::string folder = identity_folder().string();
  EXPECT_EQ(run("cd " + folder + " && openssl verify -x509_strict -purpose any -CAfile root.pem leaf.pem"),
            "leaf.pem: OK\n");
  const std::string leaf = run("openssl x509 -noout -text -in " + folder + "/leaf.pem");
  for (const char* part :
       {"Version: 3", "Subject: O = Ann, CN = Ann", "CA:FALSE", "Digital Signature", "1.3.6.1.4.1.62558.2.1",
        "E-mail Protection", "X509v3 Authority Key Identifier", "X509v3 Subject Key Identifier", "prime256v1"})
    EXPECT_NE(leaf.find(part), std::string::npos) << part << "\n" << leaf;
  const std::string root = run("openssl x509 -noout -text -in " + folder + "/root.pem");
  for (const char* part : {"CA:TRUE, pathlen:0", "Certificate Sign", "CN = Ann root"})
    EXPECT_NE(root.find(part), std::string::npos) << part << "\n" << root;
  // A year and ten: still valid a day before, no more a day after.
  const auto expires_within = [&](const std::string& file, int days) {
    return run("openssl x509 -noout -in " + folder + file + " -checkend " + std::to_string(days * 86400) + " || true")
               .find("will expire") != std::string::npos;
  };
  EXPECT_FALSE(expires_within("/leaf.pem", 364));
  EXPECT_TRUE(expires_within("/leaf.pem", 366));
  EXPECT_FALSE(expires_within("/root.pem", 3650));
  EXPECT_TRUE(expires_within("/root.pem", 3654));
}

TEST(LocalIdentity, IsReplacedOnlyWhenAskedTo) {
  const ScopedUser user;
  EXPECT_EQ(make_identity("Ann", false).replaced, "");
  const std::string old_root = text_of(identity_folder() / "root.pem");
  EXPECT_ERROR(make_identity("Bob", false), ErrorKind::input, "--force puts it aside");
  const NewIdentity made = make_identity("Bob", true);
  EXPECT_EQ(local_identity().name, "Bob");
  EXPECT_EQ(text_of(made.replaced / "root.pem"), old_root);  // films of before can still be checked
  EXPECT_EQ(mode_of(made.replaced / "root.key"), 0600);
  EXPECT_NE(make_identity("Bob", true).replaced, made.replaced);
}

TEST(LocalIdentity, NamesThatACertificateCannotHold) {
  const ScopedUser user;
  EXPECT_ERROR(make_identity(std::string(59, 'a'), false), ErrorKind::usage, "at most 58");
  EXPECT_ERROR(make_identity("a\nb", false), ErrorKind::usage, "is not valid");
  EXPECT_ERROR(make_identity("\xFF", false), ErrorKind::usage, "is not valid");
  EXPECT_ERROR(make_identity("  ", false), ErrorKind::usage, "is not valid");
  EXPECT_FALSE(fs::exists(identity_folder()));
  make_identity("Åsa/CN=Mallory, O=\"x\" 水", false);
  EXPECT_EQ(local_identity().name, "Åsa/CN=Mallory, O=\"x\" 水");
}

TEST(LocalIdentity, AnExpiredLeafIsRenewedFromTheRoot) {
  const ScopedUser user;
  make_identity("Ann", false);
  const std::string old_root = text_of(identity_folder() / "root.pem"), old_key = local_identity().private_key;
  let_leaf_expire(identity_folder());
  testing::internal::CaptureStderr();
  const Identity renewed = local_identity();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("signing certificate of Ann had expired; renewed until "),
            std::string::npos);
  EXPECT_EQ(renewed.name, "Ann");
  EXPECT_EQ(renewed.private_key, old_key);
  EXPECT_EQ(text_of(identity_folder() / "root.pem"), old_root);
  EXPECT_EQ(run("cd " + identity_folder().string() + " && openssl verify -CAfile root.pem leaf.pem"), "leaf.pem: OK\n");
}

TEST(LocalIdentity, DamageIsNamedAndNothingIsMadeAnew) {
  const auto damaged = [](const char* name, const std::string& content, const char* message) {
    SCOPED_TRACE(name);
    const ScopedUser user;
    local_identity();
    const fs::path file = identity_folder() / name;
    content.empty() ? void(fs::remove(file)) : void(std::ofstream(file) << content);
    EXPECT_ERROR(local_identity(), ErrorKind::input, message);
  };
  damaged("leaf.key", "", "leaf.key: No such file");
  damaged("leaf.pem", "", "leaf.pem: No such file");
  damaged("leaf.pem", "nonsense", "holds no certificate");
  damaged("leaf.key", "nonsense", "holds no private key");
  const ScopedUser user;
  local_identity();
  let_leaf_expire(identity_folder());
  std::ofstream(identity_folder() / "root.key") << to_pem(*make_key());
  EXPECT_ERROR(local_identity(), ErrorKind::input, "root.key is not the key of root.pem");
  fs::permissions(identity_folder() / "root.key", fs::perms(0640));
  EXPECT_ERROR(local_identity(), ErrorKind::input, "can be read by others (mode 0640)");
  fs::remove(identity_folder() / "root.key");
  EXPECT_ERROR(local_identity(), ErrorKind::input, "root.key: No such file");
}

TEST(LocalIdentity, NowhereToKeepIt) {
  const ScopedUser user;
  {
    const ScopedVariable nowhere("XDG_CONFIG_HOME", "relative"), homeless("HOME", "");
    EXPECT_ERROR(local_identity(), ErrorKind::input, "set XDG_CONFIG_HOME or HOME");
  }
  user.home.write("file", "x");
  const ScopedVariable blocked("XDG_CONFIG_HOME", (user.home / "file").string());
  EXPECT_ERROR(local_identity(), ErrorKind::input, "cannot make a signing identity in ");
}

TEST(OwnIdentity, EveryKindOfKeyThatC2paTakes) {
  const Authority authority;
  const std::pair<const char*, const char*> kinds[] = {{"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "es256"},
                                                       {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "es384"},
                                                       {"-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "es512"},
                                                       {"-algorithm ED25519", "ed25519"},
                                                       {"-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "ps256"}};
  for (const auto& [key, algorithm] : kinds) {
    authority.issue({.key = key});
    const Identity identity = read_identity(authority.certificate(), authority.key());
    EXPECT_EQ(identity.algorithm, algorithm);
    EXPECT_EQ(identity.name, "Test signer");
  }
}

TEST(OwnIdentity, KeysThatC2paDoesNotTake) {
  const Authority authority;
  for (const char* key :
       {"-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"}) {
    authority.issue({.key = key});
    EXPECT_ERROR(read_identity(authority.certificate(), authority.key()), ErrorKind::input,
                 "a key that C2PA does not take");
  }
}

TEST(OwnIdentity, CertificatesThatTheProfileForbids) {
  const Authority authority;
  const auto forbidden = [&](const test::CertificateOptions& options, const char* message) {
    SCOPED_TRACE(message);
    authority.issue(options);
    EXPECT_ERROR(read_identity(authority.certificate(), authority.key()), ErrorKind::input, message);
  };
  forbidden({.basic = "critical,CA:TRUE"}, "belongs to a certificate authority");
  forbidden({.usage = "critical,keyAgreement"}, "no key usage digitalSignature");
  forbidden({.purposes = ""}, "names no purpose");
  forbidden({.purposes = "anyExtendedKeyUsage,emailProtection"}, "any purpose, which C2PA forbids");
  forbidden({.purposes = "serverAuth,1.3.6.1.4.1.62558.2.1"}, "not for signing documents");
  forbidden({.names_issuer_key = false}, "does not name its issuer's key");
  forbidden({.validity = "-days -1"}, "is valid from ");
  EXPECT_ERROR(read_identity(authority.folder / "root.pem", authority.folder / "root.key"), ErrorKind::input,
               "belongs to a certificate authority");
  run("cd " + quoted(authority.folder.path()) +
      " && openssl req -x509 -new -key leaf.key -subj /CN=self -days 9 -addext basicConstraints=critical,CA:FALSE "
      "-addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=emailProtection -out leaf.pem");
  EXPECT_ERROR(read_identity(authority.certificate(), authority.key()), ErrorKind::input, "is self-signed");
}

TEST(OwnIdentity, FilesThatDoNotFit) {
  const Authority authority;
  authority.issue({});
  authority.issue({.name = "other"});
  EXPECT_ERROR(read_identity(authority.certificate(), authority.key("other")), ErrorKind::input,
               "other.key does not belong to the first certificate of ");
  EXPECT_ERROR(read_identity(authority.key(), authority.key()), ErrorKind::input, "leaf.key holds no certificate");
  EXPECT_ERROR(read_identity(authority.certificate(), authority.certificate("missing")), ErrorKind::input,
               "No such file");
  EXPECT_ERROR(read_identity(authority.folder.path(), authority.key()), ErrorKind::input, "no file of certificates");
  fs::permissions(authority.key(), fs::perms(0644));
  EXPECT_ERROR(read_identity(authority.certificate(), authority.key()), ErrorKind::input,
               "can be read by others (mode 0644); chmod 600 it");
  run("cd " + quoted(authority.folder.path()) +
      " && umask 077 && openssl pkcs8 -topk8 -passout pass:secret -in other.key -out sealed.key");
  EXPECT_ERROR(read_identity(authority.certificate(), authority.key("sealed")), ErrorKind::input, "is encrypted");
  // The first certificate is whole, the second is not.
  std::string chain = text_of(authority.certificate());
  chain += chain.substr(0, chain.size() / 2) + "-----END CERTIFICATE-----\n";
  std::ofstream(authority.certificate("broken")) << chain;
  EXPECT_ERROR(read_identity(authority.certificate("broken"), authority.key("other")), ErrorKind::input,
               "holds a damaged certificate");
}

}  // namespace
}  // namespace soragen::provenance
