// soragen decode LATENTS -o FILE: the film of saved latents, without denoising.
#include "cli/commands.h"
#include "cli/film.h"
#include "cli/marking.h"
#include "cli/model_location.h"
#include "cli/progress.h"

namespace soragen::cli {

int decode(const Invocation& invocation) {
  const std::string& file = invocation.operands.front();
  const pipeline::Latents latents = pipeline::read_latents(file);
  const families::ModelSpec spec = pipeline::open_model(locate_model(invocation.model));
  FilmOrder order = order_decode(latents, file, invocation.request, spec, pipeline::detect_hardware());
  Marking marking(invocation.marks, spec);
  prepare_output(order, marking);

  pipeline::Generator generator(spec, false);
  ProgressReporter progress(choose_progress_mode(invocation.progress, invocation.quiet), 1);
  const Json result = decode_film(generator, order, latents, progress.callback());
  progress.end_film();
  report_result(result, invocation.json);
  return 0;
}

}  // namespace soragen::cli
