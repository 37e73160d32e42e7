// How the C library's allocator treats large blocks.
#pragma once

namespace soragen::pipeline {

// Activations of hundreds of megabytes are made and freed at every layer. By default each is mapped anew,
// and the kernel clears every page of it again; this keeps freed blocks for the next layer.
void keep_freed_memory();

// Gives freed blocks back to the system, at the end of a stage.
void return_freed_memory();

}  // namespace soragen::pipeline
