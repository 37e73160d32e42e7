// No form of output leaves without its marks, and a film whose marks cannot be made does not leave at all.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "core/mapped_file.h"
#include "media/reader.h"
#include "media/test_film.h"
#include "provenance/marked_film.h"
#include "provenance/register.h"
#include "provenance/verify.h"
#include "publishing/output.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::publishing {
namespace {
namespace fs = std::filesystem;

// Large enough for the watermark to be found again after any of the codecs.
constexpr int kWidth = 256, kHeight = 256, kCount = 16;

OutputSettings settings(const fs::path& path, const std::string& codec = "") {
  return {.path = path.string(), .codec = codec, .width = kWidth, .height = kHeight, .fps = {24, 1}};
}

// A moving picture with detail, as a film has.
std::vector<Frame> make_film() {
  std::vector<Frame> film;
  for (int i = 0; i < kCount; ++i) film.push_back(test::make_frame(kWidth, kHeight, i));
  return film;
}

void publish(const OutputSettings& output, const provenance::Marks& marks) {
  const auto sink = open_output(output, marks);
  for (const Frame& frame : make_film()) sink->push(frame);
  sink->finish();
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) names.insert(fs::relative(entry.path(), folder).string());
  return names;
}

std::string text_of(const fs::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

class MarksTest : public testing::Test {
 protected:
  test::ScopedUser user;
  test::TempDir folder;
  provenance::Marks marks = test::full_marks(kWidth, kHeight, kCount);
  std::string anchors = text_of(provenance::identity_folder() / "root.pem");
};

std::string expected_id(const provenance::Marks& marks) {
  const auto form = provenance::watermark::choose_form(kWidth, kHeight, kCount);
  return provenance::watermark_claim(form, marks.watermark->id).value;
}

void expect_marked(const provenance::Verification& found, const std::string& id) {
  EXPECT_EQ(found.verdict, provenance::Verdict::intact) << describe(found);
  EXPECT_EQ(found.credentials.state, provenance::CredentialState::trusted);
  ASSERT_TRUE(found.credentials.watermark.has_value());
  EXPECT_EQ(found.credentials.watermark->value, id);
  EXPECT_EQ(found.credentials.record, (Json{{"seed", 7}, {"timesteps", {1, 2, 3}}}));
}

TEST_F(MarksTest, EveryFormLeavesWithItsMarks) {
  const std::string id = expected_id(marks);
  for (const media::Container& container : media::containers()) {
    if (container.extension == "-") continue;  // below
    for (const std::string_view codec : container.codecs) {
      SCOPED_TRACE(fmt::format("{} {}", container.extension, codec));
      const bool is_sequence = container.extension == ".png";
      const fs::path film = folder / (is_sequence ? "frames/%04d.png" : "film" + std::string(container.extension));
      publish(settings(film, std::string(codec)), marks);
      for (int i = 1; i <= (is_sequence ? kCount : 1); ++i) {
        const fs::path file = is_sequence ? folder / fmt::format("frames/{:04}.png", i) : film;
        const auto found = provenance::verify(file, {.anchors = anchors});
        expect_marked(found, id);
        EXPECT_EQ(found.credentials.title, file.filename());
        if (!is_sequence) {  // one frame of the smallest form may be too little
          ASSERT_TRUE(found.watermark.mark.has_value()) << describe(found);
          EXPECT_EQ(found.watermark.mark->value, id);
          EXPECT_EQ(found.watermark.matches_credentials, true);
        }
      }
      fs::remove_all(film);
      fs::remove_all(folder / "frames");
    }
  }
}

TEST_F(MarksTest, APipeCarriesTheWatermark) {
  const fs::path film = folder / "film.y4m";
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO), file = ::open(film.c_str(), O_WRONLY | O_CREAT, 0644);
  ::dup2(file, STDOUT_FILENO);
  publish(settings("-"), marks);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved), ::close(file);
  const auto found = provenance::verify(film, {});
  EXPECT_EQ(found.verdict, provenance::Verdict::watermark_only);
  ASSERT_TRUE(found.watermark.mark.has_value());
  EXPECT_EQ(found.watermark.mark->value, expected_id(marks));
}

TEST_F(MarksTest, EachMarkCanBeLeftOut) {
  provenance::Marks no_watermark = marks, no_credentials = marks;
  no_watermark.watermark.reset();
  no_credentials.signer.reset();
  publish(settings(folder / "a.mp4"), no_watermark);
  auto found = provenance::verify(folder / "a.mp4", {.anchors = anchors});
  EXPECT_EQ(found.verdict, provenance::Verdict::intact);
  EXPECT_FALSE(found.credentials.watermark.has_value());
  EXPECT_FALSE(found.watermark.mark.has_value());
  EXPECT_EQ(found.credentials.actions, std::vector<std::string>{"c2pa.created"});
  publish(settings(folder / "b.mp4"), no_credentials);
  found = provenance::verify(folder / "b.mp4", {.use_register = false});
  EXPECT_EQ(found.verdict, provenance::Verdict::watermark_only);
  publish(settings(folder / "c.mp4"), {});
  found = provenance::verify(folder / "c.mp4", {});
  EXPECT_EQ(found.verdict, provenance::Verdict::no_marks);
  // Unmarked films are those of the encoder, bit for bit.
  publish(settings(folder / "d.mp4"), {});
  EXPECT_TRUE(text_of(folder / "c.mp4") == text_of(folder / "d.mp4"));
}

TEST_F(MarksTest, TheWatermarkIsFaint) {
  publish(settings(folder / "marked.mkv"), marks);
  media::Reader reader(folder / "marked.mkv");  // lossless
  std::vector<Frame> back;
  for (Frame frame; reader.next(frame);) back.push_back(frame);
  const double psnr = test::worst_psnr(make_film(), back);
  EXPECT_GT(psnr, 38);
  EXPECT_LT(psnr, 60);  // and there
}

// The label lies under the watermark: it hides no part of it from the detector, and the watermark's faint pattern is in
// it.
TEST_F(MarksTest, ALabelIsDrawnBeforeTheWatermark) {
  marks.label.emplace("Made with AI", kWidth, kHeight);
  publish(settings(folder / "a.mkv"), marks);
  provenance::Marks only_label;
  only_label.label = marks.label;
  publish(settings(folder / "label.mkv"), only_label);
  publish(settings(folder / "plain.mkv"), {});
  EXPECT_EQ(provenance::verify(folder / "a.mkv", {}).watermark.mark->value, expected_id(marks));
  Frame marked, labelled, plain;
  ASSERT_TRUE(media::Reader(folder / "a.mkv").next(marked));
  ASSERT_TRUE(media::Reader(folder / "label.mkv").next(labelled));
  ASSERT_TRUE(media::Reader(folder / "plain.mkv").next(plain));
  int in_label = 0, patterned = 0;
  for (size_t i = 0; i < plain.rgb.size(); ++i) {
    if (plain.rgb[i] == labelled.rgb[i]) continue;
    ++in_label;
    patterned += marked.rgb[i] != labelled.rgb[i];
  }
  EXPECT_GT(in_label, 1000);
  EXPECT_GT(patterned, in_label / 4);
}

TEST_F(MarksTest, TheParentsWatermarkIsNotLaidOverAgain) {
  const std::string id = expected_id(marks);
  publish(settings(folder / "parent.mp4"), marks);
  provenance::Marks second = marks;
  second.watermark.reset();
  second.parents_watermark = provenance::WatermarkClaim{"org.soragen.watermark.1", id};
  second.ingredients = {{folder / "parent.mp4", "video/mp4", "parentOf"}};
  publish(settings(folder / "a.mkv"), second);
  Frame frame;
  ASSERT_TRUE(media::Reader(folder / "a.mkv").next(frame));
  EXPECT_EQ(frame.rgb, make_film()[0].rgb);
  const auto found = provenance::verify(folder / "a.mkv", {.anchors = anchors});
  EXPECT_EQ(found.credentials.watermark->value, id);
  // The register still leads to the film that the watermark was made for.
  const auto entry = provenance::find_in_register(id);
  EXPECT_EQ(provenance::read_manifest(entry->manifest, "").title, "parent.mp4");
}

TEST_F(MarksTest, TheRegisterFindsWhatWasStripped) {
  publish(settings(folder / "a.mp4"), marks);
  const std::string id = expected_id(marks);
  ASSERT_TRUE(provenance::find_in_register(id).has_value());
  test::run("ffmpeg -v error -i " + test::quoted(folder / "a.mp4") + " -c copy " + test::quoted(folder / "b.mp4"));
  const auto found = provenance::verify(folder / "b.mp4", {.anchors = anchors});
  EXPECT_EQ(found.verdict, provenance::Verdict::watermark_only);
  ASSERT_TRUE(found.from_register.has_value());
  EXPECT_EQ(found.from_register->manifest, provenance::find_in_register(id)->path);
  EXPECT_EQ(found.from_register->credentials.state, provenance::CredentialState::trusted);
  EXPECT_EQ(found.from_register->credentials.record["seed"], 7);
  EXPECT_NE(found.sentence.find("a hint, not a proof"), std::string::npos);
  EXPECT_FALSE(provenance::verify(folder / "b.mp4", {.use_register = false}).from_register.has_value());
  // No second film of this machine gets the same id.
  for (int i = 0; i < 20; ++i) EXPECT_NE(provenance::draw_film_id(kWidth, kHeight, kCount), marks.watermark->id);
}

TEST_F(MarksTest, ARegisterThatCannotBeWrittenCostsNoFilm) {
  user.home.write("data", "a file where a folder should be");
  testing::internal::CaptureStderr();
  publish(settings(folder / "a.mp4"), marks);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("not in this machine's register"), std::string::npos);
  EXPECT_EQ(provenance::verify(folder / "a.mp4", {}).verdict, provenance::Verdict::intact);
}

TEST_F(MarksTest, AnAbortLeavesNoFileBeside) {
  for (const char* name : {"a.mkv", "a.webm", "a.y4m"}) {
    auto sink = open_output(settings(folder / name), marks);
    sink->push(make_film()[0]);
    sink->abort();
    EXPECT_EQ(names_in(folder.path()), std::set<std::string>{}) << name;
  }
}

TEST_F(MarksTest, ADiskThatFillsWhileSigningLeavesTheOldFilm) {
  std::signal(SIGXFSZ, SIG_IGN);
  publish(settings(folder / "probe.mp4"), {});
  const auto unsigned_size = fs::file_size(folder / "probe.mp4");
  fs::remove(folder / "probe.mp4");
  provenance::Marks only_credentials = marks;
  only_credentials.watermark.reset();
  folder.write("film.mp4", "old");
  folder.write("film.y4m", "old");
  folder.write("film.y4m.c2pa", "old credentials");
  for (const auto& [name, room] :
       {std::pair("film.mp4", unsigned_size), {"film.mp4", unsigned_size + 100}, {"film.y4m", uintmax_t{100}}}) {
    rlimit saved{};
    ::getrlimit(RLIMIT_FSIZE, &saved);
    const rlimit small{static_cast<rlim_t>(room), saved.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_ERROR(publish(settings(folder / name), only_credentials), ErrorKind::resource, "");
    ::setrlimit(RLIMIT_FSIZE, &saved);
    EXPECT_EQ(text_of(folder / name), "old");
    EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"film.mp4", "film.y4m", "film.y4m.c2pa"}));
  }
  EXPECT_EQ(text_of(folder / "film.y4m.c2pa"), "old credentials");
}

TEST_F(MarksTest, AFilmThatReplacesASignedOneTakesItsCredentialsAway) {
  publish(settings(folder / "a.mkv"), marks);
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"a.mkv", "a.mkv.c2pa"}));
  publish(settings(folder / "a.mkv"), {});
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a.mkv"});
  EXPECT_EQ(provenance::verify(folder / "a.mkv", {}).verdict, provenance::Verdict::no_marks);
}

}  // namespace
}  // namespace soragen::publishing
