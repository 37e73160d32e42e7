// The small pieces: rates, spelling, hashes, part files, scratch files, cancellation.
#include <gtest/gtest.h>

#include <fstream>

#include "core/cancellation.h"
#include "core/hash.h"
#include "core/part_file.h"
#include "core/scratch_file.h"
#include "core/spelling.h"
#include "soragen/rational.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen {
namespace {

namespace fs = std::filesystem;

TEST(FrameRate, IsExact) {
  EXPECT_EQ(parse_frame_rate("24"), (Rational{24, 1}));
  EXPECT_EQ(parse_frame_rate("23.976"), (Rational{2997, 125}));
  EXPECT_EQ(parse_frame_rate("30000/1001"), (Rational{30000, 1001}));
  EXPECT_EQ(parse_frame_rate("60/2"), (Rational{30, 1}));
  EXPECT_EQ(to_string(Rational{30000, 1001}), "30000/1001");
  for (const char* text : {"0", "-1", "1001", "1/0", "0/5", "nan", "1e3", "24fps", "", "/", "1.23456", "99999999999/1"})
    EXPECT_ERROR(parse_frame_rate(text), ErrorKind::usage, "is not valid");
}

TEST(Spelling, FindsTheMeantWordOrNone) {
  const std::vector<std::string> words = {"steps", "size", "seed"};
  EXPECT_EQ(nearest_word("stpes", words), "steps");
  EXPECT_EQ(nearest_word("sizes", words), "size");
  EXPECT_EQ(nearest_word("completely-different", words), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'x'), words), "");
}

TEST(Hash, KnownValue) {  // FIPS 180-2, appendix B.1
  EXPECT_EQ(sha256_hex(std::string_view("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PartFile, LeavesTheTargetUntouchedUntilCommitted) {
  const test::TempDir dir;
  const fs::path target = dir.write("film.mp4", "old");
  {
    const PartFile part(target);
    std::ofstream(part.path()) << "new";
  }
  EXPECT_EQ(fs::file_size(target), 3u);
  EXPECT_FALSE(fs::exists(dir / "film.mp4.part"));
  PartFile part(target);
  std::ofstream(part.path()) << "newer";
  part.commit();
  EXPECT_EQ(fs::file_size(target), 5u);
}

TEST(PartFile, RefusesPlacesThatCannotBeWritten) {
  const test::TempDir dir;
  EXPECT_ERROR(PartFile(dir / "none/film.mp4"), ErrorKind::input, "cannot write");
  EXPECT_ERROR(PartFile(dir.path()), ErrorKind::input, "names a folder");
}

TEST(ScratchFile, HoldsBytesAndLeavesNoName) {
  const test::TempDir dir;
  ::setenv("TMPDIR", dir.path().c_str(), 1);
  {
    const ScratchFile scratch(1 << 20);
    scratch.bytes()[12345] = std::byte{7};
    EXPECT_EQ(scratch.bytes()[12345], std::byte{7});
    EXPECT_TRUE(fs::is_empty(dir.path()));
  }
  EXPECT_ERROR(ScratchFile(size_t{1} << 60), ErrorKind::resource, "set TMPDIR to a folder with room");
  ::setenv("TMPDIR", "/nonexistent", 1);
  EXPECT_ERROR(ScratchFile(1), ErrorKind::resource, "cannot make a scratch file");
  ::unsetenv("TMPDIR");
}

TEST(Cancellation, IsSeenUntilReset) {
  EXPECT_NO_THROW(check_cancelled());
  request_cancellation();
  EXPECT_ERROR(check_cancelled(), ErrorKind::interrupted, "interrupted");
  reset_cancellation();
  EXPECT_NO_THROW(check_cancelled());
}

}  // namespace
}  // namespace soragen
