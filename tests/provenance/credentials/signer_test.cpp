// Signed files, read back; what a signature says; what happens when signing cannot be done.
#include "provenance/credentials/signer.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "provenance/credentials/openssl_program.h"
#include "provenance/credentials/reader.h"
#include "provenance/credentials/signed_film.h"
#include "support/expect_error.h"

namespace soragen::provenance {
namespace {
namespace fs = std::filesystem;

using test::bytes_of;
using test::ScopedUser;
using test::statement;
using test::write_film;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Form {
  const char* name;
  const char* media_type;
  bool embeds;
};
constexpr Form kForms[] = {{"film.mp4", "video/mp4", true},         {"film.m4v", "video/x-m4v", true},
                           {"film.mov", "video/quicktime", true},   {"film.gif", "image/gif", true},
                           {"film.mkv", "video/x-matroska", false}, {"film.webm", "video/webm", false},
                           {"film.y4m", "video/x-yuv4mpeg", false}};

TEST(Signer, EveryFormIsValidAndTrustedUnderOurRoot) {
  const ScopedUser user;
  const Signer signer(local_identity(), "");
  const std::string root = bytes_of(identity_folder() / "root.pem");
  for (const Form& form : kForms) {
    SCOPED_TRACE(form.name);
    const fs::path film = user.home / form.name;
    write_film(film);
    const std::string before = bytes_of(film);
    const std::vector<std::byte> manifest = signer.sign(statement(), film, form.media_type);
    EXPECT_EQ(can_embed(form.media_type), form.embeds);
    EXPECT_EQ(bytes_of(film) == before, !form.embeds);
    EXPECT_EQ(bytes_of(film).find(text_of(manifest).substr(0, 200)) != std::string::npos, form.embeds);
    const auto read = [&](const std::string& anchors) {
      return form.embeds ? read_credentials(film, anchors) : read_credentials(film, manifest, anchors);
    };
    EXPECT_EQ(read("").state, CredentialState::valid);
    EXPECT_EQ(read("").codes, std::vector<std::string>{"signingCredential.untrusted"});
    EXPECT_EQ(read(root).state, CredentialState::trusted);
    EXPECT_EQ(read(root).codes, std::vector<std::string>{});
    EXPECT_EQ(read("").is_beside, !form.embeds);
    EXPECT_EQ(read_credentials(film, "").state == CredentialState::none, !form.embeds);
  }
}

TEST(Signer, TheFilmItselfIsUnchanged) {
  const ScopedUser user;
  const fs::path film = user.home / "film.mp4";
  write_film(film);
  const std::string frames = test::run("ffmpeg -v error -i " + test::quoted(film) + " -f rawvideo -");
  Signer(local_identity(), "").sign(statement(), film, "video/mp4");
  EXPECT_TRUE(test::run("ffmpeg -v error -i " + test::quoted(film) + " -f rawvideo -") == frames);
  EXPECT_FALSE(fs::exists(film.string() + ".signed"));
}

TEST(Signer, SaysWhatItWasTold) {
  const ScopedUser user;
  make_identity("Ann Example", false);
  const fs::path film = user.home / "film.mp4";
  write_film(film);
  Signer(local_identity(), "").sign(statement(), film, "video/mp4");
  const Credentials found = read_credentials(film, "");
  EXPECT_EQ(found.signer, "Ann Example");
  EXPECT_EQ(found.organisation, "Ann Example");
  EXPECT_TRUE(found.generator.starts_with("soragen ")) << found.generator;
  EXPECT_EQ(found.title, "film.mp4");
  EXPECT_EQ(found.source_type, "trainedAlgorithmicMedia");
  EXPECT_EQ(found.actions, (std::vector<std::string>{"c2pa.created", "c2pa.watermarked.unbound"}));
  EXPECT_EQ(found.signing_time, "");
  EXPECT_EQ(found.claimed_time.size(), std::string("2026-11-24T16:00:00Z").size()) << found.claimed_time;
  ASSERT_TRUE(found.watermark.has_value());
  EXPECT_EQ(found.watermark->algorithm, "org.soragen.test");
  EXPECT_EQ(found.watermark->value, "0badcafe");
  EXPECT_EQ(found.record, statement().record);  // to the last bit
}

// What C2PA 2.4 and its conformance programme ask for, in the library's own words.
TEST(Signer, TheManifestFollowsTheSpecification) {
  const ScopedUser user;
  const fs::path film = user.home / "film.mp4";
  write_film(film);
  Signer(local_identity(), "").sign(statement(), film, "video/mp4");
  const FileStream stream(film, FileStream::Mode::read);
  const Owned<C2paContext> context = make_context("");
  const Owned<C2paReader> reader(
      c2pa_reader_with_stream(c2pa_reader_from_context(context.get()), "video/mp4", stream.get()));
  ASSERT_NE(reader, nullptr);
  const Json report = parse_json(Owned<char>(c2pa_reader_json(reader.get())).get(), "report");
  const Json manifest = report["manifests"][report["active_manifest"].get<std::string>()];
  EXPECT_EQ(manifest["claim_version"], 2);
  EXPECT_EQ(manifest["claim_generator_info"][0]["specVersion"], "2.4.0");
  std::map<std::string, Json> assertions;
  for (const Json& assertion : manifest["assertions"]) {
    assertions[assertion["label"]] = assertion["data"];
    EXPECT_EQ(assertion["created"], true) << assertion;
  }
  EXPECT_EQ(assertions["c2pa.actions.v2"]["allActionsIncluded"], true);
  const Json& created = assertions["c2pa.actions.v2"]["actions"][0];
  EXPECT_EQ(created["digitalSourceType"], "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia");
  EXPECT_EQ(created["softwareAgent"]["name"], "soragen");
  EXPECT_FALSE(assertions["c2pa.actions.v2"]["actions"][1].contains("digitalSourceType"));
  EXPECT_EQ(assertions["c2pa.ai-disclosure"], Json({{"modelType", "c2pa.types.model"},
                                                    {"modelName", "tiny"},
                                                    {"modelIdentifier", "sha256:0badcafe"},
                                                    {"contentProfile", {{"humanOversightLevel", "prompt_guided"}}}}));
  EXPECT_TRUE(assertions.contains("c2pa.hash.bmff.v3"));
}

TEST(Signer, IngredientsAreNamedWithTheirRelationship) {
  const ScopedUser user;
  const fs::path film = user.home / "film.mp4", parent = user.home / "parent.mp4";
  const Signer signer(local_identity(), "");
  write_film(film), write_film(parent, 3);
  user.home.write("noise.safetensors", "numbers");
  Statement said = statement();
  said.ingredients = {{user.home / "noise.safetensors", "application/octet-stream", "inputTo"}};
  signer.sign(said, film, "video/mp4");
  EXPECT_EQ(read_credentials(film, "").actions.front(), "c2pa.created");
  EXPECT_NE(bytes_of(film).find("noise.safetensors"), std::string::npos);

  signer.sign(statement(), parent, "video/mp4");
  write_film(film);
  said.ingredients = {{parent, "video/mp4", "parentOf"}};
  signer.sign(said, film, "video/mp4");
  const Credentials found = read_credentials(film, "");
  EXPECT_EQ(found.state, CredentialState::valid);
  EXPECT_EQ(found.actions, (std::vector<std::string>{"c2pa.opened", "c2pa.edited.metadata", "c2pa.watermarked.unbound",
                                                     "c2pa.transcoded"}));
  EXPECT_EQ(found.source_type, "trainedAlgorithmicMedia");
}

// The report of a film: its active manifest.
Json active_manifest(const fs::path& film, Json* report_out = nullptr) {
  const FileStream stream(film, FileStream::Mode::read);
  const Owned<C2paContext> context = make_context("");
  const Owned<C2paReader> reader(
      c2pa_reader_with_stream(c2pa_reader_from_context(context.get()), "video/mp4", stream.get()));
  const Json report = parse_json(Owned<char>(c2pa_reader_json(reader.get())).get(), "report");
  if (report_out != nullptr) *report_out = report;
  return report["manifests"][report["active_manifest"].get<std::string>()];
}

Json assertion_of(const Json& manifest, const std::string& label) {
  for (const Json& assertion : manifest["assertions"])
    if (assertion["label"] == label) return assertion["data"];
  return {};
}

// C2PA 2.4: no source type on c2pa.opened, one on every edit; IPTC's field where metadata belong.
TEST(Signer, AFilmWithAParentSaysHowItWasMade) {
  const ScopedUser user;
  const fs::path film = user.home / "film.mp4", parent = user.home / "parent.mp4";
  write_film(film), write_film(parent, 3);
  Statement said = statement();
  said.source_type = "compositeSynthetic";
  said.has_label = true;
  said.ingredients = {{parent, "video/mp4", "parentOf"}};
  Signer(local_identity(), "").sign(said, film, "video/mp4");
  const Json manifest = active_manifest(film);
  const std::string address = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic";
  std::map<std::string, Json> types;
  const Json actions = assertion_of(manifest, "c2pa.actions.v2");
  for (const Json& action : actions["actions"]) {
    EXPECT_TRUE(action.contains("when"));
    EXPECT_EQ(action["softwareAgent"]["name"], "soragen");
    types[action["action"]] = action.value("digitalSourceType", Json());
  }
  EXPECT_EQ(types["c2pa.opened"], Json());
  EXPECT_EQ(types["c2pa.edited.metadata"], address);
  EXPECT_EQ(types["c2pa.addedText"], "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits");
  EXPECT_EQ(types["c2pa.watermarked.unbound"], Json());
  EXPECT_EQ(types["c2pa.transcoded"], Json());
  EXPECT_EQ(types.size(), 5u);
  EXPECT_EQ(assertion_of(manifest, "c2pa.metadata")["Iptc4xmpExt:DigitalSourceType"], address);
  EXPECT_EQ(read_credentials(film, "").source_type, "compositeSynthetic");
}

TEST(Signer, AWatermarkOfTheParentIsNamedButNotDone) {
  const ScopedUser user;
  const fs::path film = user.home / "film.mp4", parent = user.home / "parent.mp4";
  write_film(film), write_film(parent, 3);
  Statement said = statement();
  said.ingredients = {{parent, "video/mp4", "parentOf"}};
  said.has_parents_watermark = true;
  Signer(local_identity(), "").sign(said, film, "video/mp4");
  const Credentials found = read_credentials(film, "");
  EXPECT_EQ(found.actions, (std::vector<std::string>{"c2pa.opened", "c2pa.edited.metadata", "c2pa.transcoded"}));
  ASSERT_TRUE(found.watermark.has_value());
  EXPECT_EQ(found.watermark->value, "0badcafe");
}

// Whether in the parent or in a file beside it, valid or not: kept, with what the check of it said.
TEST(Signer, TheParentsCredentialsAreKeptInside) {
  const ScopedUser user;
  const Signer signer(local_identity(), "");
  const fs::path film = user.home / "film.mp4", mp4 = user.home / "parent.mp4", mkv = user.home / "parent.mkv";
  write_film(mp4, 3), write_film(mkv, 3);
  signer.sign(statement(), mp4, "video/mp4");
  const std::vector<std::byte> manifest = signer.sign(statement(), mkv, "video/x-matroska");
  user.home.write("parent.mkv.c2pa", text_of(manifest));
  std::string changed = bytes_of(mp4);
  changed[changed.size() - 200] ^= 1;
  user.home.write("changed.mp4", changed);
  std::string changed_mkv = bytes_of(mkv);
  changed_mkv[changed_mkv.size() / 2] ^= 1;
  user.home.write("changed.mkv", changed_mkv);
  const fs::path beside = user.home / "parent.mkv.c2pa";
  const std::pair<Ingredient, std::string> parents[] = {
      {{mp4, "video/mp4", "parentOf"}, ""},
      {{mkv, "application/octet-stream", "parentOf", beside}, ""},
      {{user.home / "changed.mp4", "video/mp4", "parentOf"}, "assertion.bmffHash.mismatch"},
      {{user.home / "changed.mkv", "application/octet-stream", "parentOf", beside}, "assertion.dataHash.mismatch"}};
  for (const auto& [parent, code] : parents) {
    SCOPED_TRACE(parent.path.filename());
    write_film(film);
    Statement said = statement();
    said.ingredients = {parent};
    signer.sign(said, film, "video/mp4");
    EXPECT_EQ(read_credentials(film, "").state, CredentialState::valid);
    Json report;
    const Json ingredient = active_manifest(film, &report)["ingredients"][0];
    EXPECT_EQ(report["manifests"].size(), 2u);
    EXPECT_EQ(ingredient["relationship"], "parentOf");
    ASSERT_TRUE(report["manifests"].contains(ingredient["active_manifest"].get<std::string>()));
    std::set<std::string> codes;
    for (const Json& failure : ingredient["validation_results"]["activeManifest"]["failure"])
      codes.insert(failure["code"]);
    codes.erase("signingCredential.untrusted");
    EXPECT_EQ(codes, code.empty() ? std::set<std::string>{} : std::set<std::string>{code});
  }
  user.home.write("parent.mkv.c2pa", "nonsense");
  Statement said = statement();
  said.ingredients = {{mkv, "application/octet-stream", "parentOf", beside}};
  write_film(film);
  EXPECT_ERROR(signer.sign(said, film, "video/mp4"), ErrorKind::input,
               "cannot name " + mkv.string() + " in the credentials");
}

TEST(Signer, EveryKindOfKeySigns) {
  const test::Authority authority;
  for (const char* key : {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-algorithm ED25519",
                          "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"}) {
    authority.issue({.key = key});
    const fs::path film = authority.folder / "film.mp4";
    write_film(film);
    Signer(read_identity(authority.certificate(), authority.key()), "").sign(statement(), film, "video/mp4");
    EXPECT_EQ(read_credentials(film, bytes_of(authority.folder / "root.pem")).state, CredentialState::trusted) << key;
  }
}

TEST(Signer, AKeyThatDoesNotFitIsFoundBeforeAnyFilm) {
  const ScopedUser user;
  Identity identity = local_identity();
  make_identity("Bob", true);
  identity.private_key = local_identity().private_key;
  EXPECT_ERROR(Signer(identity, ""), ErrorKind::input, "");
}

// The library signs with it, but calls the result invalid: only reading back shows it.
TEST(Signer, ACertificateThatMakesInvalidCredentialsIsRefused) {
  const test::Authority authority;
  authority.issue({.purposes = "1.3.6.1.4.1.62558.2.1"});
  const Identity identity{"Ann", bytes_of(authority.certificate()), bytes_of(authority.key()), "es256"};
  EXPECT_ERROR(Signer(identity, ""), ErrorKind::input, "signingCredential.invalid");
}

// A port of this machine where nobody listens.
std::string dead_server() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(listener);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

TEST(Signer, ATimeStampServerThatIsDeadIsAClearError) {
  const ScopedUser user;
  const std::string server = dead_server();
  EXPECT_ERROR(Signer(local_identity(), server), ErrorKind::resource, "time-stamp server " + server);
  EXPECT_ERROR(Signer(local_identity(), "no address"), ErrorKind::usage, "no address");
}

TEST(Signer, AFullDiskLeavesTheUnsignedFileAlone) {
  const ScopedUser user;
  const Signer signer(local_identity(), "");
  std::signal(SIGXFSZ, SIG_IGN);
  for (const char* name : {"film.mp4", "film.gif"}) {
    const fs::path film = user.home / name;
    write_film(film);
    const std::string before = bytes_of(film);
    for (const int64_t room : {int64_t{0}, int64_t{100}, static_cast<int64_t>(before.size()) + 100}) {
      rlimit saved{};
      ::getrlimit(RLIMIT_FSIZE, &saved);
      const rlimit small{static_cast<rlim_t>(room), saved.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &small);
      EXPECT_ERROR(signer.sign(statement(), film, name[5] == 'm' ? "video/mp4" : "image/gif"), ErrorKind::resource,
                   "File too large");
      ::setrlimit(RLIMIT_FSIZE, &saved);
      EXPECT_TRUE(bytes_of(film) == before);
      EXPECT_FALSE(fs::exists(film.string() + ".signed"));
    }
  }
}

}  // namespace
}  // namespace soragen::provenance
