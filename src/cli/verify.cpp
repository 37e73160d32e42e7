// soragen verify FILE: who made this, is it unchanged, does it carry a watermark.
#include "provenance/verify.h"
#include "cli/commands.h"
#include "cli/results.h"
#include "core/mapped_file.h"
#include "provenance/marks.h"

namespace soragen::cli {

int verify(const Invocation& invocation) {
  provenance::VerifySettings settings{.use_register = !invocation.no_register};
  if (!invocation.marks.watermark_key.empty())
    settings.key = provenance::read_watermark_key(invocation.marks.watermark_key);
  if (!invocation.trust.empty()) {
    const MappedFile anchors(invocation.trust);
    settings.anchors.assign(reinterpret_cast<const char*>(anchors.bytes().data()), anchors.bytes().size());
  }
  const provenance::Verification found = provenance::verify(invocation.operands.front(), settings);
  if (invocation.json)
    print_json(provenance::to_json(found), 2);
  else
    print_text(provenance::describe(found));
  return provenance::exit_code(found.verdict);
}

}  // namespace soragen::cli
