// soragen --prompt TEXT -o FILE: one film, or one for each of several seeds.
#include <limits>
#include <optional>
#include <random>

#include "cli/commands.h"
#include "cli/film.h"
#include "cli/marking.h"
#include "cli/model_location.h"
#include "cli/progress.h"
#include "core/cancellation.h"
#include "core/fail.h"

namespace soragen::cli {
namespace {

void check_count(const Request& first, int64_t count) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());  // as the options table has it
  if (first.output == "-")
    fail(ErrorKind::usage, "--count {} cannot go to stdout, which holds one film; name a file with -o FILE", count);
  if (*first.seed > kLargest - static_cast<uint64_t>(count - 1))
    fail(ErrorKind::usage, "--seed {} with --count {} leaves the range of seeds, which ends at {}", *first.seed, count,
         kLargest);
}

// Film i of several: the seed goes up, and stands in the names.
Request request_of(const Request& first, int64_t i) {
  Request request = first;
  request.seed = *first.seed + static_cast<uint64_t>(i);
  if (first.output) request.output = numbered_name(*first.output, *request.seed);
  if (first.save_latents) request.save_latents = numbered_name(*first.save_latents, *request.seed);
  return request;
}

}  // namespace

int generate(const Invocation& invocation) {
  if (invocation.dry_run) return plan(invocation);
  Request first = invocation.request;
  const bool has_several = invocation.count > 1;
  if (!first.seed) first.seed = std::random_device()();
  if (has_several) check_count(first, invocation.count);
  const families::ModelSpec spec = pipeline::open_model(locate_model(invocation.model));
  const pipeline::Hardware hardware = pipeline::detect_hardware();
  std::optional<Marking> marking;  // once the first plan stands
  pipeline::Generator generator(spec, has_several);
  ProgressReporter progress(choose_progress_mode(invocation.progress, invocation.quiet),
                            static_cast<int>(invocation.count));
  for (int64_t i = 0; i < invocation.count; ++i) {
    check_cancelled();
    FilmOrder order = order_film(has_several ? request_of(first, i) : first, spec, hardware);
    if (!marking) marking.emplace(invocation.marks, spec);
    prepare_output(order, *marking);
    generator.keep_loaded(has_several && fits_loaded(order.plan));
    progress.begin_film(static_cast<int>(i) + 1);
    const Json result = make_film(generator, order, progress.callback());
    progress.end_film();
    report_result(result, invocation.json);
  }
  return 0;
}

}  // namespace soragen::cli
