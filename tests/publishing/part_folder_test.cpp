#include "publishing/part_folder.h"

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::publishing {
namespace {
namespace fs = std::filesystem;

TEST(PartFolder, RemovesWhatAKilledProcessLeft) {
  const test::TempDir folder;
  folder.write("%04d.png.part/0099.png", "stale");
  PartFolder part(folder / "%04d.png");
  std::ofstream(part.path() / part.name().at(1)) << "new";
  part.commit();
  EXPECT_TRUE(fs::exists(folder / "0001.png"));
  EXPECT_FALSE(fs::exists(folder / "0099.png"));
  EXPECT_FALSE(fs::exists(folder / "%04d.png.part"));
}

TEST(PartFolder, AMoveThatFailsMovesNone) {
  const test::TempDir folder;
  PartFolder part(folder / "%d.png");
  for (int i = 1; i <= 3; ++i) std::ofstream(part.path() / part.name().at(i)) << "new";
  fs::create_directories(folder / "2.png" / "in the way");
  EXPECT_ERROR(part.commit(), ErrorKind::resource, "cannot move ");
  part.discard();
  EXPECT_FALSE(fs::exists(folder / "1.png"));
  EXPECT_FALSE(fs::exists(folder / "3.png"));
  EXPECT_TRUE(fs::exists(folder / "2.png" / "in the way"));
  EXPECT_FALSE(fs::exists(folder / "%d.png.part"));
}

TEST(PartFolder, TheFolderItMadeGoesUnlessCommitted) {
  const test::TempDir folder;
  { PartFolder part(folder / "new" / "%d.png"); }
  EXPECT_FALSE(fs::exists(folder / "new"));
  PartFolder(folder / "new" / "%d.png").commit();
  EXPECT_TRUE(fs::exists(folder / "new"));
}

}  // namespace
}  // namespace soragen::publishing
