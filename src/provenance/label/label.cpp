#include "provenance/label/label.h"

#include <pango/pangocairo.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/fail.h"
#include "core/json.h"
#include "core/printable.h"

namespace soragen::provenance {
namespace {

constexpr int kSmallestText = 9;  // pixels; below this no letter is readable
constexpr size_t kLongest = 200;  // bytes
constexpr double kPlateOpacity = 0.45;

template <auto Free>
struct Deleter {
  void operator()(auto* object) const { Free(object); }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, Deleter<Free>>;
using Surface = Owned<cairo_surface_t, cairo_surface_destroy>;
using Context = Owned<cairo_t, cairo_destroy>;
using Layout = Owned<PangoLayout, g_object_unref>;
using Font = Owned<PangoFontDescription, pango_font_description_free>;

struct Box {
  int width = 0, height = 0;
};

void check_text(const std::string& text) {
  if (text.empty()) fail(ErrorKind::usage, "--label is empty; give the text to show, or leave it out");
  if (text.size() > kLongest)
    fail(ErrorKind::usage, "--label has {} bytes; at most {} are readable in a film", text.size(), kLongest);
  if (!g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr))
    fail(ErrorKind::usage, "--label {} is not UTF-8", printable(text));
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      fail(ErrorKind::usage, "--label {} holds a control character; use plain text", printable(text));
}

// The characters of the layout that no installed font draws.
std::string characters_without_font(PangoLayout* layout, const std::string& text) {
  if (pango_layout_get_unknown_glyphs_count(layout) == 0) return "";
  std::string missing;
  for (const char* c = text.c_str(); *c != 0; c = g_utf8_next_char(c)) {
    const std::string one(c, static_cast<size_t>(g_utf8_next_char(c) - c));
    pango_layout_set_text(layout, one.data(), static_cast<int>(one.size()));
    if (pango_layout_get_unknown_glyphs_count(layout) > 0) missing += one;
  }
  return missing;
}

Layout lay_out(cairo_t* context, const std::string& text, int text_height, int room) {
  Layout layout(pango_cairo_create_layout(context));
  const Font font(pango_font_description_from_string("Sans Bold"));
  pango_font_description_set_absolute_size(font.get(), text_height * PANGO_SCALE);
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
  if (const std::string missing = characters_without_font(layout.get(), text); !missing.empty())
    fail(ErrorKind::unsupported,
         "--label {}: no font on this machine has {}; install one (for Chinese, Japanese and Korean Debian's "
         "fonts-droid-fallback is small)",
         printable(text), printable(missing));
  pango_layout_set_width(layout.get(), room * PANGO_SCALE);
  pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
  return layout;
}

Box size_of(PangoLayout* layout) {
  PangoRectangle ink, box;
  pango_layout_get_pixel_extents(layout, &ink, &box);
  return {std::max(box.width, ink.x + ink.width), box.height};
}

void draw_plate(cairo_t* context, Box plate, double radius) {
  const double right = plate.width - radius, bottom = plate.height - radius;
  cairo_new_sub_path(context);
  cairo_arc(context, right, radius, radius, -M_PI / 2, 0);
  cairo_arc(context, right, bottom, radius, 0, M_PI / 2);
  cairo_arc(context, radius, bottom, radius, M_PI / 2, M_PI);
  cairo_arc(context, radius, radius, radius, M_PI, 3 * M_PI / 2);
  cairo_close_path(context);
  cairo_set_source_rgba(context, 0, 0, 0, kPlateOpacity);
  cairo_fill(context);
}

Surface surface_of(Box box) { return Surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, box.width, box.height)); }

}  // namespace

std::string label_text(const std::string& asked) { return asked == "cn" ? "AI生成" : asked; }

std::string aigc_metadata(const std::string& film_id) {
  return Json{{"Label", "1"},        {"ContentProducer", "soragen"}, {"ProduceID", film_id},
              {"ReservedCode1", ""}, {"ContentPropagator", ""},      {"PropagateID", ""},
              {"ReservedCode2", ""}}
      .dump();
}

Label::Label(const std::string& text, int width, int height) {
  check_text(text);
  const int text_height = std::max(kSmallestText, static_cast<int>(std::ceil(std::min(width, height) / 20.0)));
  const int margin = std::max(2, text_height / 3);
  // Measured on a surface of its own, since the plate's size follows from the text.
  const Surface scratch = surface_of({1, 1});
  const Context measure(cairo_create(scratch.get()));
  const Layout layout = lay_out(measure.get(), text, text_height, std::max(1, width - 4 * margin));
  const Box box = size_of(layout.get());
  width_ = box.width + 2 * margin;
  height_ = box.height + margin;
  if (width_ + margin > width || height_ > height / 3)
    fail(ErrorKind::usage, "--label {} needs {}x{} pixels of a film of {}x{}; a shorter one fits", printable(text),
         width_, height_, width, height);
  left_ = width - width_ - margin;
  top_ = height - height_ - margin;

  const Surface surface = surface_of({width_, height_});
  const Context context(cairo_create(surface.get()));
  draw_plate(context.get(), {width_, height_}, margin);
  cairo_move_to(context.get(), margin, margin / 2.0);
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  pango_cairo_update_layout(context.get(), layout.get());
  pango_cairo_show_layout(context.get(), layout.get());
  cairo_surface_flush(surface.get());
  const uint8_t* pixels = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int y = 0; y < height_; ++y)
    for (int x = 0; x < width_; ++x) {
      uint32_t argb = 0;  // premultiplied, in the machine's byte order; the text is white, so that one channel says it
      std::copy_n(pixels + y * stride + 4 * x, 4, reinterpret_cast<uint8_t*>(&argb));
      light_.push_back(static_cast<uint8_t>(argb & 255));
      cover_.push_back(static_cast<uint8_t>(argb >> 24));
    }
}

void Label::draw(Frame& frame) const {
  for (int y = 0; y < height_; ++y)
    for (int x = 0; x < width_; ++x) {
      const size_t i = static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x);
      uint8_t* rgb = frame.rgb.data() + 3 * (static_cast<size_t>(top_ + y) * static_cast<size_t>(frame.width) +
                                             static_cast<size_t>(left_ + x));
      for (int c = 0; c < 3; ++c)
        rgb[c] = static_cast<uint8_t>(std::min(255, light_[i] + (rgb[c] * (255 - cover_[i]) + 127) / 255));
    }
}

}  // namespace soragen::provenance
