// From the command line's words about marks to the marks of each film: the signer, which is opened once, a watermark
// with an id of its own, a label.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/film.h"
#include "cli/invocation.h"
#include "core/json.h"
#include "families/family.h"
#include "provenance/marks.h"

namespace soragen::cli {

// What films are signed and watermarked with.
struct MarkTools {
  std::shared_ptr<const provenance::Signer> signer;  // null: they are not signed
  provenance::watermark::Key key = provenance::watermark::public_key();
};
// Makes the local identity on first use. Says on stderr which marks are left out. Throws Error{usage, input, resource}
// for flags, keys, certificates and time-stamp servers that are of no use.
MarkTools open_mark_tools(const MarkFlags& flags);

class Marking {
 public:
  // Throws as open_mark_tools.
  Marking(const MarkFlags& flags, const families::ModelSpec& spec);

  provenance::Marks marks_for(const FilmOrder& order);  // each time with another watermark id
  bool includes_texts() const { return flags_.include_prompt; }
  const families::ModelSpec& spec() const { return spec_; }

 private:
  uint32_t draw_id(const FilmOrder& order);

  MarkFlags flags_;
  const families::ModelSpec& spec_;
  MarkTools tools_;
  std::string model_name_, fingerprint_;
  std::set<uint32_t> drawn_;  // the register knows only films that are finished
};

// What --label asks for: the label itself, and for China's the metadata that go with it. Throws Error{usage,
// unsupported} for a text that cannot be shown. The marks' watermark is known by then.
void add_label(const std::optional<std::string>& asked, publishing::OutputSettings& output, provenance::Marks& marks);

// The watermark that the film will have, if any.
std::optional<provenance::WatermarkClaim> watermark_of(const provenance::Marks& marks,
                                                       const publishing::OutputSettings& output);

// For the record: {"watermark": {"scheme", "id"} or null, "credentials": "embedded", "beside" or null}.
Json describe_marks(const provenance::Marks& marks, const publishing::OutputSettings& output);

}  // namespace soragen::cli
