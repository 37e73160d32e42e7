#include "core/folders.h"

#include "support/environment.h"
#include "support/expect_error.h"

namespace soragen {
namespace {

using test::ScopedVariable;

TEST(Folders, FollowTheXdgRules) {
  const ScopedVariable home("HOME", "/home/ann"), config("XDG_CONFIG_HOME", ""), data("XDG_DATA_HOME", "relative");
  EXPECT_EQ(config_folder(), "/home/ann/.config/soragen");
  EXPECT_EQ(data_folder(), "/home/ann/.local/share/soragen");  // relative paths are to be ignored
  const ScopedVariable other_config("XDG_CONFIG_HOME", "/c"), other_data("XDG_DATA_HOME", "/d");
  EXPECT_EQ(config_folder(), "/c/soragen");
  EXPECT_EQ(data_folder(), "/d/soragen");
}

TEST(Folders, NobodyHasNone) {
  const ScopedVariable home("HOME", ""), config("XDG_CONFIG_HOME", ""), data("XDG_DATA_HOME", "");
  EXPECT_ERROR(config_folder(), ErrorKind::input, "set XDG_CONFIG_HOME or HOME");
  EXPECT_ERROR(data_folder(), ErrorKind::input, "set XDG_DATA_HOME or HOME");
}

}  // namespace
}  // namespace soragen
