#include "publishing/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "core/mapped_file.h"
#include "media/reader.h"
#include "media/test_film.h"
#include "provenance/marked_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::publishing {
namespace {
namespace fs = std::filesystem;

constexpr int kSide = 96, kCount = 7;

OutputSettings settings(const fs::path& path, const std::string& codec = "") {
  return {.path = path.string(), .codec = codec, .width = kSide, .height = kSide, .fps = {24, 1}};
}

// Of a user of this program's own.
const provenance::Marks& marks() {
  static const test::ScopedUser user;
  static const provenance::Marks marks = test::full_marks(kSide, kSide, kCount);
  return marks;
}

void publish(const OutputSettings& output, const provenance::Marks& with = marks()) {
  const auto sink = open_output(output, with);
  for (const Frame& frame : test::make_film(kSide, kSide, kCount)) sink->push(frame);
  sink->finish();
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    names.insert(fs::relative(entry.path(), folder).string());
  return names;
}

std::string text_of(const fs::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Standard output goes elsewhere while this lives.
class RedirectedStdout {
 public:
  explicit RedirectedStdout(int file) {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    ::dup2(file, STDOUT_FILENO);
    ::close(file);
  }
  ~RedirectedStdout() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

// Files cannot grow past this size while this lives: a full disk that needs no file system of its own.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &saved_);
    const rlimit small{bytes, saved_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &saved_); }

 private:
  rlimit saved_{};
};

// A name for each row of the table, so that a new row without a round trip fails here.
fs::path name_for(const media::Container& container, const fs::path& folder) {
  if (container.extension == "-") return "-";
  return folder / (container.extension == ".png" ? "frames/%04d.png" : "film" + std::string(container.extension));
}

std::vector<Frame> frames_of(const media::Container& container, const fs::path& path) {
  if (container.extension == ".png") return test::ffmpeg_frames("-i " + test::quoted(path), kSide, kSide);
  media::Reader reader(path);
  std::vector<Frame> film;
  for (Frame frame; reader.next(frame);) film.push_back(frame);
  return film;
}

TEST(Output, EveryRowOfTheTableMakesAFilm) {
  const std::vector<Frame> film = test::make_film(kSide, kSide, kCount);
  for (const media::Container& container : media::containers())
    for (const std::string_view codec : container.codecs) {
      SCOPED_TRACE(fmt::format("{} {}", container.extension, codec));
      const test::TempDir folder;
      fs::path path = name_for(container, folder.path());
      const OutputSettings output = settings(path, std::string(codec));
      validate_output(output, marks());
      EXPECT_EQ(names_in(folder.path()), std::set<std::string>{});  // nothing written yet
      if (path == "-") {
        path = folder / "stdout.y4m";
        const RedirectedStdout redirected(::open(path.c_str(), O_WRONLY | O_CREAT, 0644));
        publish(output);
      } else {
        publish(output);
      }
      const std::vector<Frame> back = frames_of(container, path);
      ASSERT_EQ(back.size(), film.size());
      EXPECT_GT(test::worst_psnr(film, back), 25);  // the same film; its quality is judged in tests/media
      for (const std::string& name : names_in(folder.path())) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
    }
}

TEST(Output, ReplacesAnOldFilmOnlyWhenTheNewIsWhole) {
  for (const std::string name : {"film.mp4", "film.mkv", "film.gif"}) {
    const test::TempDir folder;
    folder.write(name, "old");
    auto sink = open_output(settings(folder / name), marks());
    for (const Frame& frame : test::make_film(kSide, kSide, kCount)) sink->push(frame);
    EXPECT_TRUE(text_of(folder / name) == "old");
    sink->finish();
    EXPECT_FALSE(text_of(folder / name) == "old");
    std::set<std::string> expected = {name};
    if (name == "film.mkv") expected.insert("film.mkv.c2pa");
    EXPECT_EQ(names_in(folder.path()), expected);
  }
}

TEST(Output, AnAbortLeavesNoTrace) {
  for (const std::string name : {"film.mp4", "film.mkv", "film.webm", "film.gif", "film.y4m"})
    for (const int count : {0, 1, kCount}) {
      const test::TempDir folder;
      folder.write(name, "old");
      auto sink = open_output(settings(folder / name), marks());
      for (int i = 0; i < count; ++i) sink->push(test::make_frame(kSide, kSide, i));
      if (count == 1)
        sink.reset();  // an exception on its way out
      else
        sink->abort();
      sink.reset();
      EXPECT_TRUE(text_of(folder / name) == "old");
      EXPECT_EQ(names_in(folder.path()), std::set<std::string>{name});
    }
}

TEST(Output, AFullDiskLeavesTheOldFilm) {
  for (const std::string name : {"film.mp4", "film.mkv", "film.gif", "film.y4m"}) {
    const test::TempDir folder;
    folder.write(name, "old");
    {
      const SmallDisk disk(2048);
      EXPECT_ERROR(publish(settings(folder / name)), ErrorKind::resource, "File too large");
    }
    EXPECT_TRUE(text_of(folder / name) == "old");
    EXPECT_EQ(names_in(folder.path()), std::set<std::string>{name}) << name;
  }
}

TEST(Output, ADiskThatFillsAtTheIndexLeavesTheOldFilm) {
  // The film fits but for its last bytes: what only the trailer and moving the index to the front write.
  const test::TempDir folder;
  publish(settings(folder / "film.mp4"), {});
  const auto size = fs::file_size(folder / "film.mp4");
  folder.write("film.mp4", "old");
  for (const rlim_t missing : {1, 64, 400}) {
    const SmallDisk disk(size - missing);
    EXPECT_ERROR(publish(settings(folder / "film.mp4"), {}), ErrorKind::resource, "film.mp4");
    EXPECT_TRUE(text_of(folder / "film.mp4") == "old");
    EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"film.mp4"});
  }
}

TEST(Output, ImagesAppearTogetherOrNotAtAll) {
  const test::TempDir folder;
  auto sink = open_output(settings(folder / "new" / "%04d.png"), marks());
  for (const Frame& frame : test::make_film(kSide, kSide, kCount)) sink->push(frame);
  EXPECT_FALSE(fs::exists(folder / "new" / "0001.png"));
  sink->abort();
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{});  // the folder that it made went with it

  folder.write("kept/other.txt", "x");
  {
    const SmallDisk disk(1024);
    EXPECT_ERROR(publish(settings(folder / "kept" / "%04d.png")), ErrorKind::resource, "File too large");
  }
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"kept", "kept/other.txt"}));

  publish(settings(folder / "kept" / "%d.png"));
  EXPECT_EQ(names_in(folder / "kept"),
            (std::set<std::string>{"1.png", "2.png", "3.png", "4.png", "5.png", "6.png", "7.png", "other.txt"}));
}

TEST(Output, OldAndNewImagesDoNotMix) {
  const test::TempDir folder;
  folder.write("frames/0100.png", "old");
  const OutputSettings output = settings(folder / "frames" / "%04d.png");
  EXPECT_ERROR(validate_output(output, marks()), ErrorKind::input, "already holds 0100.png");
  EXPECT_ERROR(open_output(output, marks()), ErrorKind::input, "already holds 0100.png");
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"frames", "frames/0100.png"}));
}

TEST(Output, RefusesBadPlacesBeforeAnyWork) {
  const test::TempDir folder;
  folder.write("file", "x");
  fs::create_directory(folder / "folder.mp4");
  fs::create_directory(folder / "sealed.mkv.c2pa");
  for (const auto& check : {+[](const OutputSettings& output) { validate_output(output, marks()); },
                            +[](const OutputSettings& output) { open_output(output, marks()); }}) {
    EXPECT_ERROR(check(settings(folder / "sealed.mkv")), ErrorKind::input, "sealed.mkv.c2pa': it names a folder");
    EXPECT_ERROR(check(settings(folder / "none" / "a.mp4")), ErrorKind::input, "No such file or directory");
    EXPECT_ERROR(check(settings(folder / "none" / "none" / "%04d.png")), ErrorKind::input, "No such file or directory");
    EXPECT_ERROR(check(settings(folder / "file" / "a.mp4")), ErrorKind::input, "ot a ");
    EXPECT_ERROR(check(settings(folder / "file" / "%d.png")), ErrorKind::input, "ot a ");
    EXPECT_ERROR(check(settings(folder / "folder.mp4")), ErrorKind::input, "it names a folder");
    EXPECT_ERROR(check(settings(folder / std::string(300, 'a') / "a.mp4")), ErrorKind::input, "File name too long");
    EXPECT_ERROR(check(settings(folder / std::string(300, 'a') / "%d.png")), ErrorKind::input, "File name too long");
    EXPECT_ERROR(check(settings(folder / "frame.png")), ErrorKind::usage, "exactly one %d");
    EXPECT_ERROR(check(settings(folder / "%s.png")), ErrorKind::usage, "exactly one %d");
    EXPECT_ERROR(check(settings(folder / "a.mpg")), ErrorKind::usage, "not known");
    EXPECT_ERROR(check(settings(folder / "a.mp4", "ffv1")), ErrorKind::usage, "it takes h264");
  }
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"file", "folder.mp4", "sealed.mkv.c2pa"}));
}

TEST(Output, RefusesAnUnwritableFolder) {
  const test::TempDir folder;
  fs::create_directory(folder / "locked");
  ::chmod((folder / "locked").c_str(), 0555);
  ::chmod(folder.path().c_str(), 0755);
  const bool is_root = ::geteuid() == 0;
  ASSERT_EQ(is_root ? ::seteuid(65534) : 0, 0);  // root may write anywhere
  EXPECT_ERROR(validate_output(settings(folder / "locked" / "a.mp4"), marks()), ErrorKind::input, "Permission denied");
  EXPECT_ERROR(open_output(settings(folder / "locked" / "a.mp4"), marks()), ErrorKind::input, "Permission denied");
  EXPECT_ERROR(validate_output(settings(folder / "locked" / "%d.png"), marks()), ErrorKind::input, "Permission denied");
  EXPECT_ERROR(open_output(settings(folder / "locked" / "%d.png"), marks()), ErrorKind::input, "Permission denied");
  ASSERT_EQ(is_root ? ::seteuid(0) : 0, 0);
}

TEST(Output, AFrameOfAnotherSizeFails) {
  const test::TempDir folder;
  const auto push_all = [&](const provenance::Marks& with) {
    const auto sink = open_output(settings(folder / "a.mp4"), with);
    sink->push(test::make_frame(kSide, kSide, 0));
    sink->push(test::make_frame(kSide, kSide + 2, 1));
    sink->finish();
  };
  EXPECT_ERROR(push_all({}), ErrorKind::input, "frame 1 is 96x98");
  EXPECT_ERROR(push_all(marks()), ErrorKind::input, "a frame of 96x98");
}

TEST(Output, StdoutStreamsIntoFfmpeg) {
  const test::TempDir folder;
  const fs::path stream = folder / "stream", reference = folder / "film.y4m";
  publish(settings(reference));
  ASSERT_EQ(::mkfifo(stream.c_str(), 0600), 0);
  // The reader stands ready before the first frame, as on the right side of a pipe.
  FILE* ffmpeg = ::popen(
      ("ffmpeg -v error -y -i - -f rawvideo " + test::quoted(folder / "planes") + " < " + test::quoted(stream)).c_str(),
      "r");
  {
    const RedirectedStdout redirected(::open(stream.c_str(), O_WRONLY));
    publish(settings("-"));
  }
  EXPECT_EQ(::pclose(ffmpeg), 0);
  EXPECT_TRUE(text_of(folder / "planes") ==
              test::run("ffmpeg -v error -i " + test::quoted(reference) + " -f rawvideo -"));
  EXPECT_EQ(fs::file_size(folder / "planes"), size_t{kSide} * kSide * 3 / 2 * kCount);
}

TEST(Output, AReaderThatWentAwayIsAClearError) {
  std::signal(SIGPIPE, SIG_IGN);  // as the program does
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const RedirectedStdout redirected(ends[1]);
  EXPECT_ERROR(publish(settings("-")), ErrorKind::resource, "the program that reads it has ended");
}

TEST(Output, AFullDiskBehindStdoutIsAnError) {
  const RedirectedStdout redirected(::open("/dev/full", O_WRONLY));
  EXPECT_ERROR(publish(settings("-")), ErrorKind::resource, "cannot write standard output: No space left on device");
}

TEST(Output, NothingButFramesReachesTheTerminal) {
  // x264, x265 and SVT-AV1 introduce themselves at length; a film leaves no line on stdout or stderr.
  const test::TempDir folder;
  marks();  // a new identity does leave a line; it is made before the lines count
  std::fflush(stderr);
  const int saved = ::dup(STDERR_FILENO),
            file = ::open((folder / "terminal").c_str(), O_RDWR | O_CREAT | O_APPEND, 0644);
  ::dup2(file, STDERR_FILENO);
  {
    const RedirectedStdout redirected(::dup(file));
    for (const char* codec : {"h264", "h265", "av1", "vp9"}) publish(settings(folder / "film.mp4", codec));
    publish(settings(folder / "film.gif"));
    publish(settings(folder / "film.mkv"));
  }
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(file);
  EXPECT_EQ(text_of(folder / "terminal"), "");
}

}  // namespace
}  // namespace soragen::publishing
