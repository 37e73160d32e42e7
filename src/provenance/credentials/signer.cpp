#include "provenance/credentials/signer.h"

#include <fmt/ranges.h>

#include <ctime>
#include <set>
#include <span>

#include "core/fail.h"
#include "provenance/credentials/ingredient.h"
#include "provenance/credentials/library.h"
#include "provenance/credentials/reader.h"

namespace soragen::provenance {
namespace fs = std::filesystem;

namespace {

std::string now_as_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[sizeof "2026-11-24T16:00:00Z"];
  std::strftime(text, sizeof text, "%FT%TZ", &parts);
  return text;
}

Owned<C2paBuilder> make_builder(C2paContext& context, const Statement& statement) {
  C2paBuilder* empty = c2pa_builder_from_context(&context);
  const std::string definition =
      manifest_definition(statement, now_as_text()).dump(-1, ' ', false, Json::error_handler_t::replace);
  Owned<C2paBuilder> builder(empty == nullptr ? nullptr : c2pa_builder_with_definition(empty, definition.c_str()));
  if (!builder) fail_by_library(ErrorKind::internal, "cannot describe the film for its credentials");
  for (size_t i = 0; i < statement.ingredients.size(); ++i) add_ingredient(*builder, statement.ingredients[i], i);
  return builder;
}

Owned<C2paSigner> open_signer(const Identity& identity, const std::string& time_stamp_server) {
  const C2paSignerInfo info{.alg = identity.algorithm.c_str(),
                            .sign_cert = identity.chain.c_str(),
                            .private_key = identity.private_key.c_str(),
                            .ta_url = time_stamp_server.empty() ? nullptr : time_stamp_server.c_str()};
  Owned<C2paSigner> signer(c2pa_signer_from_info(&info));
  if (!signer) fail_by_library(ErrorKind::input, fmt::format("cannot sign with the certificate of {}", identity.name));
  return signer;
}

// One signature from one stream to another; the manifest store.
std::vector<std::byte> sign_stream(C2paBuilder& builder, C2paSigner& signer, const std::string& media_type,
                                   const FileStream& source, const FileStream& destination, const std::string& name) {
  const unsigned char* bytes = nullptr;
  const int64_t size =
      c2pa_builder_sign(&builder, media_type.c_str(), source.get(), destination.get(), &signer, &bytes);
  const Owned<const unsigned char> owned(bytes);
  if (size < 0) {
    const std::string reason = last_library_error();
    source.check();
    destination.check();
    fail(ErrorKind::resource, "cannot sign {}: {}", name, reason);
  }
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  return {begin, begin + size};
}

// A file of its own until it takes the name of the unsigned one.
class SignedCopy {
 public:
  explicit SignedCopy(const fs::path& file) : file_(file), copy_(file.string() + ".signed") {}
  ~SignedCopy() {
    std::error_code ignored;
    fs::remove(copy_, ignored);
  }
  const fs::path& path() const { return copy_; }
  void replace_original() {
    std::error_code error;
    fs::rename(copy_, file_, error);
    if (error) fail(ErrorKind::resource, "cannot rename {}: {}", copy_.string(), error.message());
  }

 private:
  fs::path file_, copy_;
};

void check_result(const Credentials& found, const Statement& statement, const std::string& name) {
  const bool is_valid = found.state == CredentialState::valid || found.state == CredentialState::trusted;
  if (!is_valid)
    fail(ErrorKind::input, "{} was signed, but its credentials are not valid ({}); this certificate cannot sign films",
         name, fmt::join(found.codes, ", "));
  // What the library made of our words.
  SORAGEN_ASSERT(found.record == statement.record);
  SORAGEN_ASSERT(found.watermark.has_value() == statement.watermark.has_value());
}

}  // namespace

bool can_embed(const std::string& media_type) {
  static const std::set<std::string> types = [] {
    size_t count = 0;
    const char* const* names = c2pa_builder_supported_mime_types(&count);
    std::set<std::string> found(names, names + count);
    c2pa_free_string_array(names, count);
    return found;
  }();
  return types.contains(media_type);
}

Signer::Signer(Identity identity, std::string time_stamp_server)
    : identity_(std::move(identity)), time_stamp_server_(std::move(time_stamp_server)) {
  const std::string& server = time_stamp_server_;
  if (!server.empty() && !server.starts_with("http://") && !server.starts_with("https://"))
    fail(ErrorKind::usage, "--tsa '{}' is not valid; use the http:// or https:// address of a time-stamp server",
         server);
  const Statement nothing{.title = "probe"};
  const Owned<C2paContext> context = make_context("");
  const Owned<C2paBuilder> builder = make_builder(*context, nothing);
  c2pa_builder_set_no_embed(builder.get());
  const FileStream source("probe", std::as_bytes(std::span(nothing.title)));
  const FileStream destination("probe", std::span<const std::byte>());
  const std::string what = describe(fmt::format("with the certificate of {}", identity_.name));
  const std::vector<std::byte> manifest = sign_stream(*builder, *open_signer(identity_, time_stamp_server_),
                                                      "application/octet-stream", source, destination, what);
  check_result(read_credentials(source, manifest, ""), nothing, what);
}

// Of failures, the time stamp's are the likely ones, and the library names only an address within the server.
std::string Signer::describe(const std::string& name) const {
  return time_stamp_server_.empty() ? name : fmt::format("{} (time-stamp server {})", name, time_stamp_server_);
}

std::vector<std::byte> Signer::sign(const Statement& statement, const fs::path& file,
                                    const std::string& media_type) const {
  const Owned<C2paContext> context = make_context("");
  const Owned<C2paBuilder> builder = make_builder(*context, statement);
  const Owned<C2paSigner> signer = open_signer(identity_, time_stamp_server_);
  const std::string what = describe(file.string());
  const FileStream source(file, FileStream::Mode::read);
  if (!can_embed(media_type)) {
    c2pa_builder_set_no_embed(builder.get());
    const FileStream unchanged(file, FileStream::Mode::unchanged);
    std::vector<std::byte> manifest = sign_stream(*builder, *signer, media_type, source, unchanged, what);
    check_result(read_credentials(file, manifest, ""), statement, file.string());
    return manifest;
  }
  SignedCopy copy(file);
  std::vector<std::byte> manifest;
  {
    const FileStream destination(copy.path(), FileStream::Mode::write);
    manifest = sign_stream(*builder, *signer, media_type, source, destination, what);
  }
  check_result(read_credentials(copy.path(), ""), statement, file.string());
  copy.replace_original();
  return manifest;
}

}  // namespace soragen::provenance
