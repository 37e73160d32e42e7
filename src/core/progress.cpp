#include "soragen/progress.h"

namespace soragen {

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::load:
      return "load";
    case Stage::text:
      return "text";
    case Stage::denoise:
      return "denoise";
    case Stage::decode:
      return "decode";
    case Stage::mark:
      return "mark";
  }
  return "?";
}

}  // namespace soragen
