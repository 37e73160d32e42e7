// Files that were changed after signing, and files from elsewhere. Expected values: what C2PA 2.2 section 15.2.2 calls
// each failure, as the official library reports it for files that it signed itself.
#include "provenance/credentials/reader.h"

#include <cstring>

#include "provenance/credentials/certificate.h"
#include "provenance/credentials/openssl_program.h"
#include "provenance/credentials/signed_film.h"
#include "support/expect_error.h"

namespace soragen::provenance {
namespace {
namespace fs = std::filesystem;

using test::bytes_of;
using test::quoted;
using test::run;
using test::write_bytes;
using test::write_film;

struct Box {
  size_t begin = 0, size = 0;
};

// Top-level boxes of an ISO media file, by the standard: 4 bytes of size, 4 of type.
std::map<std::string, Box> boxes_of(const std::string& file) {
  std::map<std::string, Box> boxes;
  for (size_t at = 0; at + 8 <= file.size();) {
    uint32_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<uint8_t>(file[at + i]);
    boxes[file.substr(at + 4, 4)] = {at, size};
    at += std::max<size_t>(size, 8);
  }
  return boxes;
}

class Tampering : public testing::Test {
 protected:
  Tampering() {
    signer.sign(test::statement(), film, "video/mp4");
    good = bytes_of(film);
    boxes = boxes_of(good);
  }

  Credentials with(const std::string& bytes) const {
    write_bytes(film, bytes);
    return read_credentials(film, anchors);
  }
  std::string with_change(const Box& box, size_t offset, char flip = 1) const {
    std::string bytes = good;
    bytes[box.begin + offset] ^= flip;
    return bytes;
  }

  static fs::path written(const fs::path& path) { return write_film(path), path; }

  test::ScopedUser user;
  fs::path film = written(user.home / "film.mp4");
  Signer signer{local_identity(), ""};
  std::string anchors = bytes_of(identity_folder() / "root.pem");
  std::string good;
  std::map<std::string, Box> boxes;
};

using Codes = std::vector<std::string>;

TEST_F(Tampering, Untouched) {
  EXPECT_EQ(with(good).state, CredentialState::trusted);
  EXPECT_LT(boxes["uuid"].begin, boxes["moov"].begin);  // after ftyp, before what it protects
  EXPECT_EQ(boxes["uuid"].begin, boxes["ftyp"].size);
}

TEST_F(Tampering, ABitOfThePicture) {
  const Credentials found = with(with_change(boxes["mdat"], boxes["mdat"].size / 2));
  EXPECT_EQ(found.state, CredentialState::invalid);
  EXPECT_EQ(found.codes, Codes{"assertion.bmffHash.mismatch"});
}

TEST_F(Tampering, ABitOfTheIndex) {
  EXPECT_EQ(with(with_change(boxes["moov"], 20)).codes, Codes{"assertion.bmffHash.mismatch"});
}

TEST_F(Tampering, AnAppendedBox) {
  EXPECT_EQ(with(good + std::string("\0\0\0\x10skin12345678", 16)).codes, Codes{"assertion.bmffHash.mismatch"});
  // Padding is left out of the library's hash: unnoticed by design.
  for (const std::string padding : {"free", "skip"})
    EXPECT_EQ(with(good + std::string("\0\0\0\x10", 4) + padding + "12345678").state, CredentialState::trusted);
}

TEST_F(Tampering, TheCredentialsOfAnotherFilm) {
  const fs::path other = user.home / "other.mp4";
  write_film(other, 9);
  signer.sign(test::statement(), other, "video/mp4");
  const std::string foreign = bytes_of(other);
  const Box theirs = boxes_of(foreign)["uuid"], ours = boxes["uuid"];
  ASSERT_EQ(theirs.size, ours.size);
  std::string bytes = good;
  bytes.replace(ours.begin, ours.size, foreign, theirs.begin, theirs.size);
  EXPECT_EQ(with(bytes).codes, Codes{"assertion.bmffHash.mismatch"});
}

TEST_F(Tampering, ASecondManifestStore) {
  std::string bytes = good;
  const Box uuid = boxes["uuid"];
  bytes.insert(uuid.begin, good.substr(uuid.begin, uuid.size));
  const Credentials found = with(bytes);
  EXPECT_EQ(found.state, CredentialState::damaged);
  EXPECT_EQ(found.codes, Codes{"Manifest: more than one manifest store detected"});
}

TEST_F(Tampering, TheBrandIsNotProtected) {
  EXPECT_EQ(with(with_change(boxes["ftyp"], 8)).state, CredentialState::trusted);  // by design: ftyp is left out
}

TEST_F(Tampering, WhatTheCredentialsSay) {
  const auto flip_in = [&](const std::string& text) {
    const size_t at = good.find(text);
    EXPECT_NE(at, std::string::npos) << text;
    return with(with_change({at, text.size()}, text.size() - 1));
  };
  EXPECT_EQ(flip_in("0badcafe").codes, Codes{"assertion.hashedURI.mismatch"});
  EXPECT_EQ(flip_in("trainedAlgorithmicMedia").state, CredentialState::invalid);
  EXPECT_EQ(flip_in("film.mp4").codes, Codes{"claimSignature.mismatch"});  // in the claim, which is what is signed
  EXPECT_EQ(flip_in("film.mp4").state, CredentialState::invalid);
}

TEST_F(Tampering, EveryByteOfTheManifestIsNoticedOrPadding) {
  // In steps, since each look costs a millisecond; what a change leaves trusted must read the same as before.
  const Credentials before = with(good);
  const Box uuid = boxes["uuid"];
  for (size_t offset = 0; offset < uuid.size; offset += 7) {
    const Credentials found = with(with_change(uuid, offset, 0x20));
    if (found.state != CredentialState::trusted) continue;
    EXPECT_EQ(found.signer, before.signer) << offset;
    EXPECT_EQ(found.actions, before.actions) << offset;
    EXPECT_EQ(found.record, before.record) << offset;
  }
}

TEST_F(Tampering, ARemuxDropsTheCredentials) {
  run("ffmpeg -v error -i " + quoted(film) + " -c copy " + quoted(user.home / "copy.mp4"));
  EXPECT_EQ(read_credentials(user.home / "copy.mp4", anchors).state, CredentialState::none);
}

TEST_F(Tampering, CutOffAtEveryLength) {
  for (size_t size = 1; size < good.size(); size += 61) {
    const Credentials found = with(good.substr(0, size));
    EXPECT_LE(found.state, CredentialState::invalid) << size;
  }
}

TEST_F(Tampering, AKeyThatIsNotTheCertificates) {
  // A film re-signed by somebody else is valid, but not under our root: the name alone proves nothing.
  make_identity(local_identity().name, true);
  write_film(film);
  Signer(local_identity(), "").sign(test::statement(), film, "video/mp4");
  const Credentials found = read_credentials(film, anchors);
  EXPECT_EQ(found.state, CredentialState::valid);
  EXPECT_EQ(found.codes, Codes{"signingCredential.untrusted"});
}

TEST(Reading, ASignatureByAnExpiredCertificateCountsNoMore) {
  const test::ScopedUser user;
  const fs::path film = user.home / "film.mp4";
  write_film(film);
  // Made now, valid for a few seconds: signed in time, read too late.
  const KeyPtr root_key = make_key(), leaf_key = make_key();
  const std::time_t now = std::time(nullptr);
  const CertificatePtr root = make_root(*root_key, "Ann", {now - 60, now + 86400});
  const CertificatePtr leaf = make_leaf(*leaf_key, "Ann", {now - 60, now + 2}, *root, *root_key);
  const Signer signer({"Ann", to_pem(*leaf), to_pem(*leaf_key), "es256"}, "");
  signer.sign(test::statement(), film, "video/mp4");
  ::sleep(4);
  const Credentials found = read_credentials(film, to_pem(*root));
  EXPECT_EQ(found.state, CredentialState::invalid);
  EXPECT_NE(std::find(found.codes.begin(), found.codes.end(), "signingCredential.expired"), found.codes.end())
      << found.codes.front();
}

TEST(Reading, FilesWithoutCredentials) {
  const test::TempDir folder;
  for (const char* name : {"a.mp4", "a.mov", "a.gif", "a.mkv", "a.webm", "a.y4m"}) {
    write_film(folder / name);
    EXPECT_EQ(read_credentials(folder / name, "").state, CredentialState::none) << name;
  }
  for (const char* name : {"a.png", "a.jpg"}) {
    run("ffmpeg -v error -f lavfi -i testsrc=s=64x64:d=0.04 " + quoted(folder / name));
    EXPECT_EQ(read_credentials(folder / name, "").state, CredentialState::none) << name;
  }
  EXPECT_ERROR(read_credentials(folder / "missing", ""), ErrorKind::input, "No such file");
}

TEST(Reading, AStoreBesideTheWrongFile) {
  const test::ScopedUser user;
  write_film(user.home / "a.mkv"), write_film(user.home / "b.mkv", 4);
  const std::vector<std::byte> manifest =
      Signer(local_identity(), "").sign(test::statement(), user.home / "a.mkv", "video/x-matroska");
  const Credentials found = read_credentials(user.home / "b.mkv", manifest, "");
  EXPECT_EQ(found.state, CredentialState::invalid);
  EXPECT_EQ(found.codes, (Codes{"signingCredential.untrusted", "assertion.dataHash.mismatch"}));
  // Alone, the store still says who signed; a change to it is seen.
  EXPECT_EQ(read_manifest(manifest, "").state, CredentialState::valid);
  EXPECT_EQ(read_manifest(manifest, bytes_of(identity_folder() / "root.pem")).state, CredentialState::trusted);
  EXPECT_EQ(read_manifest(manifest, "").record, test::statement().record);
  std::string text(reinterpret_cast<const char*>(manifest.data()), manifest.size());
  text[text.find("0badcafe")] = '1';
  EXPECT_EQ(read_manifest(std::as_bytes(std::span(text)), "").state, CredentialState::invalid);
  EXPECT_EQ(read_manifest(std::as_bytes(std::span(text).first(100)), "").state, CredentialState::damaged);
}

TEST(Reading, AnchorsThatAreNone) {
  const test::TempDir folder;
  write_film(folder / "a.mp4");
  EXPECT_ERROR(read_credentials(folder / "a.mp4", "nonsense"), ErrorKind::input,
               "the file of trust anchors holds no certificate");
}

}  // namespace
}  // namespace soragen::provenance
