// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/paste_mask.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/core/target.hpp>
#include <odt/core/utf8.hpp>
#include <odt/io/draw.hpp>
#include <odt/io/outline_text.hpp>
#include <odt/io/shaping.hpp>
#include <odt/io/system_fonts.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>
#include <set>
#include <vector>

namespace odt {

namespace detail::draw {

/// The web's named colours, in the order in which the API gives them to classes (by id).
inline constexpr std::uint32_t colors[] = {
    0xf0f8ff, 0x7fff00, 0x00ffff, 0x7fffd4, 0xf0ffff, 0xf5f5dc, 0xffe4c4, 0xffebcd, 0x8a2be2, 0xdeb887, 0x5f9ea0,
    0xfaebd7, 0xd2691e, 0xff7f50, 0x6495ed, 0xfff8dc, 0xdc143c, 0x00ffff, 0x008b8b, 0xb8860b, 0xa9a9a9, 0xbdb76b,
    0xff8c00, 0x9932cc, 0xe9967a, 0x8fbc8f, 0x00ced1, 0x9400d3, 0xff1493, 0x00bfff, 0x1e90ff, 0xb22222, 0xfffaf0,
    0x228b22, 0xff00ff, 0xdcdcdc, 0xf8f8ff, 0xffd700, 0xdaa520, 0xfa8072, 0xd2b48c, 0xf0fff0, 0xff69b4, 0xcd5c5c,
    0xfffff0, 0xf0e68c, 0xe6e6fa, 0xfff0f5, 0x7cfc00, 0xfffacd, 0xadd8e6, 0xf08080, 0xe0ffff, 0xfafad2, 0xd3d3d3,
    0xd3d3d3, 0x90ee90, 0xffb6c1, 0xffa07a, 0x20b2aa, 0x87cefa, 0x778899, 0x778899, 0xb0c4de, 0xffffe0, 0x00ff00,
    0x32cd32, 0xfaf0e6, 0xff00ff, 0x66cdaa, 0xba55d3, 0x9370db, 0x3cb371, 0x7b68ee, 0x00fa9a, 0x48d1cc, 0xc71585,
    0xf5fffa, 0xffe4e1, 0xffe4b5, 0xffdead, 0xfdf5e6, 0x808000, 0x6b8e23, 0xffa500, 0xff4500, 0xda70d6, 0xeee8aa,
    0x98fb98, 0xafeeee, 0xdb7093, 0xffefd5, 0xffdab9, 0xcd853f, 0xffc0cb, 0xdda0dd, 0xb0e0e6, 0x800080, 0xff0000,
    0xbc8f8f, 0x4169e1, 0x8b4513, 0x008000, 0xf4a460, 0x2e8b57, 0xfff5ee, 0xa0522d, 0xc0c0c0, 0x87ceeb, 0x6a5acd,
    0x708090, 0x708090, 0xfffafa, 0x00ff7f, 0x4682b4, 0xadff2f, 0x008080, 0xd8bfd8, 0xff6347, 0x40e0d0, 0xee82ee,
    0xf5deb3, 0xffffff, 0xf5f5f5, 0xffff00, 0x9acd32};

ODT_INLINE color to_color(std::uint32_t rgb) {
  return {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8), static_cast<std::uint8_t>(rgb)};
}

/// Black or white, whichever stands out more.
ODT_INLINE color ink_on(color c) {
  const int light = 299 * c.red + 587 * c.green + 114 * c.blue;
  return light > 110'000 ? color{0, 0, 0} : color{255, 255, 255};
}

/// Pixel rows [top, bottom) and columns [left, right).
struct area_of_pixels {
  int top, left, bottom, right;

  bool meets(const area_of_pixels& b) const {
    return top < b.bottom && b.top < bottom && left < b.right && b.left < right;
  }
};

ODT_INLINE void fill(image& picture, area_of_pixels a, color ink) {
  for (int y = std::max(a.top, 0); y < std::min(a.bottom, picture.height); ++y)
    for (int x = std::max(a.left, 0); x < std::min(a.right, picture.width); ++x) {
      std::uint8_t* pixel = picture.at(y, x);
      pixel[0] = ink.red, pixel[1] = ink.green, pixel[2] = ink.blue;
    }
}

/// The pixels of a frame's outer edge, inside the picture. Lines of an even width lie where the API's do: the left and
/// the lower one half a pixel further right and down than the others.
ODT_INLINE area_of_pixels frame_of(size2 size, const boxf& b, int line_width) {
  const auto edge = [](float position, int length, int shift) {
    const float pixel = std::nearbyint(std::clamp(position, 0.f, 1.f) * static_cast<float>(length));
    return std::clamp(static_cast<int>(pixel) + shift, 0, length);
  };
  const int half = line_width / 2, other = line_width - half;
  return {edge(b.ymin, size.height, -half), edge(b.xmin, size.width, 1 - other), edge(b.ymax, size.height, half + 1),
          edge(b.xmax, size.width, other)};
}

ODT_INLINE void fill_frame(image& picture, area_of_pixels a, int line_width, color ink) {
  fill(picture, {a.top, a.left, std::min(a.bottom, a.top + line_width), a.right}, ink);
  fill(picture, {std::max(a.top, a.bottom - line_width), a.left, a.bottom, a.right}, ink);
  fill(picture, {a.top, a.left, a.bottom, std::min(a.right, a.left + line_width)}, ink);
  fill(picture, {a.top, std::max(a.left, a.right - line_width), a.bottom, a.right}, ink);
}

/// Lays a colour over the pixels of an object, as strong as the API does.
ODT_INLINE void tint(image& picture, const run_lengths& mask, color ink) {
  constexpr int opacity = 102;  // of 255
  const auto mix = [](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>((above * opacity + below * (255 - opacity) + 127) / 255);
  };
  for_each_line(mask, [&](int x, int top, int pixels) {
    for (int y = top; y < top + pixels; ++y) {
      std::uint8_t* pixel = picture.at(y, x);
      pixel[0] = mix(pixel[0], ink.red), pixel[1] = mix(pixel[1], ink.green), pixel[2] = mix(pixel[2], ink.blue);
    }
  });
}

/// A box to be drawn.
struct item {
  boxf bounds;
  int label;
  std::string text;
  run_lengths mask{};  // without counts: none
};

/// A label's text, its height and size with margins, so that it fits into a picture of this width.
struct tag {
  std::string text;
  int cap_height, margin;
  size2 size;
};

ODT_INLINE void remove_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0u) == 0x80u) text.pop_back();
  if (!text.empty()) text.pop_back();
}

ODT_INLINE tag fit_tag(std::string text, int cap_height, size2 picture, const std::string& font) {
  constexpr int smallest = 5;
  const auto measure = [&font](std::string t, int cap) {
    const int margin = std::max(1, cap / 5);
    const size2 s = text_size(t, cap, font);
    return tag{std::move(t), cap, margin, {s.height + 2 * margin, s.width + 2 * margin}};
  };
  tag fitted = measure(text, cap_height);
  while (fitted.size.width > picture.width && fitted.cap_height > smallest)
    fitted = measure(std::move(fitted.text), fitted.cap_height - 1);
  while (fitted.size.width > picture.width && !text.empty()) {
    remove_last_character(text);
    fitted = measure(text + "..", fitted.cap_height);
  }
  return fitted;
}

/// Where a label goes: above its frame, else inside at the top, below, inside at the bottom: the first place that is in
/// the picture and free.
ODT_INLINE area_of_pixels place_tag(const tag& t, area_of_pixels frame, size2 picture,
                                    const std::vector<area_of_pixels>& taken) {
  const int left = std::clamp(frame.left, 0, std::max(0, picture.width - t.size.width));
  const auto at = [&](int top) { return area_of_pixels{top, left, top + t.size.height, left + t.size.width}; };
  const int inside = std::clamp(frame.top, 0, std::max(0, picture.height - t.size.height));
  for (const int top : {frame.top - t.size.height, inside, frame.bottom, frame.bottom - t.size.height}) {
    const area_of_pixels place = at(top);
    const bool in_picture = top >= 0 && place.bottom <= picture.height;
    if (in_picture && std::ranges::none_of(taken, [&](const auto& other) { return place.meets(other); })) return place;
  }
  return at(frame.top >= t.size.height ? frame.top - t.size.height : inside);
}

ODT_INLINE void draw_items(image& picture, const std::vector<item>& items, const draw_options& options) {
  if (picture.channels != 3) fail("drawing: the picture has ", picture.channels, " channels; three are needed");
  const size2 size = picture.size();
  const double side = std::sqrt(static_cast<double>(size.height) * size.width);
  const int line = options.line_width > 0 ? options.line_width
                                          : std::max(side < 100 ? 1 : 2, static_cast<int>(std::lround(side / 250)));
  const int cap =
      options.text_height > 0 ? options.text_height : std::max(9, 3 * static_cast<int>(std::lround(side / 135)));
  const auto reversed = [&](auto&& body) {  // the first are the best: they lie on top
    for (std::size_t i = items.size(); i-- > 0;) body(i);
  };
  std::vector<area_of_pixels> frames, places;
  std::vector<tag> tags;
  for (const item& each : items) {
    frames.push_back(frame_of(size, each.bounds, line));
    tags.push_back(fit_tag(each.text, cap, size, options.font));
    places.push_back(place_tag(tags.back(), frames.back(), size, places));
  }
  reversed([&](std::size_t i) { tint(picture, items[i].mask, class_color(items[i].label)); });
  reversed([&](std::size_t i) {
    const color ink = class_color(items[i].label),
                dark = ink_on(ink) == color{0, 0, 0} ? color{0, 0, 0} : color{255, 255, 255};
    const int border = std::max(1, line / 4);
    const auto& f = frames[i];
    if (options.outline && line >= 2)
      fill_frame(picture, {f.top - border, f.left - border, f.bottom + border, f.right + border}, line + 2 * border,
                 dark);
    fill_frame(picture, f, line, ink);
  });
  reversed([&](std::size_t i) {
    if (items[i].text.empty()) return;
    const color ink = class_color(items[i].label);
    fill(picture, places[i], ink);
    draw_text(picture, places[i].top + tags[i].margin, places[i].left + tags[i].margin, tags[i].text,
              tags[i].cap_height, ink_on(ink), options.font);
  });
}

/// Says once why a name does not look as it should.
ODT_INLINE void report_flaws(const std::string& name, const std::string& font) {
  if (is_ascii(name)) return;
  static std::mutex mutex;
  static std::set<std::string> known;
  const std::lock_guard lock(mutex);
  if (!known.insert(name).second) return;
  if (const std::string missing = missing_characters(name, font); !missing.empty())
    warn("the class name \"", name, "\" is drawn with question marks, since no font has ", missing, ": ",
         font_advice(missing));
  if (needs_shaper(name) && !can_shape())
    warn("the letters of the class name \"", name,
         "\" are drawn apart and from left to right, since there is no HarfBuzz "
         "(Debian's libharfbuzz0b, at build libharfbuzz-dev) to set its script");
}

ODT_INLINE std::string name_of(int label, std::span<const std::string> class_names, const draw_options& options) {
  if (label < 0 || static_cast<std::size_t>(label) >= class_names.size()) return {};
  const std::string& name = class_names[static_cast<std::size_t>(label)];
  if (options.labels) report_flaws(name, options.font);
  return name;
}

}  // namespace detail::draw

ODT_INLINE color class_color(int label) {
  constexpr int count = static_cast<int>(std::size(detail::draw::colors));
  return detail::draw::to_color(detail::draw::colors[((label + 1) % count + count) % count]);
}

ODT_INLINE std::string label_text(std::string_view class_name, float score, bool name, bool percent) {
  std::string text;
  if (name) text = class_name.empty() ? "N/A" : class_name;
  if (percent) text += str(name ? ": " : "", static_cast<int>(std::nearbyint(100. * static_cast<double>(score))), "%");
  return text;
}

ODT_INLINE void draw_box(image& picture, const boxf& bounds, color ink, int line_width) {
  if (picture.channels != 3) fail("draw_box: the picture has ", picture.channels, " channels; three are needed");
  detail::draw::fill_frame(picture, detail::draw::frame_of(picture.size(), bounds, line_width), line_width, ink);
}

ODT_INLINE void draw_detections(image& picture, const detections& found, std::span<const std::string> class_names,
                                const draw_options& options) {
  std::vector<detail::draw::item> items;
  for (const detection& d : found) {
    if (!(d.score > options.min_score)) continue;
    if (static_cast<int>(items.size()) >= options.max_boxes) break;
    items.push_back(
        {d.bounds, d.label,
         label_text(detail::draw::name_of(d.label, class_names, options), d.score, options.labels, options.scores)});
    if (options.masks && !d.mask.pixels.empty()) items.back().mask = object_pixels(d, picture.size());
  }
  detail::draw::draw_items(picture, items, options);
}

ODT_INLINE void draw_labels(image& picture, const labels& truth, std::span<const std::string> class_names,
                            const draw_options& options) {
  std::vector<detail::draw::item> items;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    items.push_back(
        {truth.boxes[i], truth.classes[i],
         label_text(detail::draw::name_of(truth.classes[i], class_names, options), 1, options.labels, false)});
    if (!options.masks || i >= truth.masks.size()) continue;
    const size2 size = truth.masks[i].size();
    if (size != picture.size())
      fail("drawing: a mask of ", size.height, "x", size.width, " pixels (height x width) for a picture of ",
           picture.height, "x", picture.width);
    items.back().mask = to_runs(truth.masks[i]);
  }
  detail::draw::draw_items(picture, items, options);
}

ODT_INLINE image side_by_side(const image& left, const image& right) {
  if (left.channels != right.channels)
    fail("side_by_side: pictures of ", left.channels, " and ", right.channels, " channels");
  image both(std::max(left.height, right.height), left.width + right.width, left.channels);
  const auto copy = [&both](const image& source, int x) {
    const auto bytes = static_cast<std::size_t>(source.width) * static_cast<std::size_t>(source.channels);
    for (int y = 0; y < source.height && bytes; ++y) std::memcpy(both.at(y, x), source.at(y, 0), bytes);
  };
  copy(left, 0);
  copy(right, left.width);
  return both;
}

}  // namespace odt
