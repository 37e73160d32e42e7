#include "pipeline/memory_pools.h"

#include <malloc.h>

namespace soragen::pipeline {

void keep_freed_memory() {
  // The threshold for mapping blocks cannot be raised above 32 MiB, so mapping is turned off as a whole.
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

void return_freed_memory() { ::malloc_trim(0); }

}  // namespace soragen::pipeline
