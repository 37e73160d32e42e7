// Progress of one film, reported from the thread that generates.
#pragma once

#include <functional>
#include <string_view>

namespace soragen {

enum class Stage { load, text, denoise, decode, mark };
std::string_view to_string(Stage stage);

struct Progress {
  Stage stage = Stage::load;
  int done = 0;   // units finished: tensors loaded, prompts, steps, frames
  int total = 0;  // 0 when unknown
};

// Called often and cheaply; must not throw. Cancellation goes through core/cancellation.h.
using ProgressFn = std::function<void(const Progress&)>;

}  // namespace soragen
