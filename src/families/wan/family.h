// The Wan row of the family table: text-to-video directories in diffusers layout.
#pragma once

#include "families/family.h"

namespace soragen::families::wan {

extern const Family kFamily;

}  // namespace soragen::families::wan
