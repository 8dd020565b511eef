// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/coverage.hpp>
#include <odt/io/font.hpp>
#include <odt/io/outline_text.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace odt {

namespace detail::font {

inline constexpr int cap_units = 9;      // a capital reaches from y = 0 to the baseline at 9
inline constexpr int descent_units = 3;  // a descender down to 12
inline constexpr int gap_units = 2;      // between characters

/// A character: its width, and strokes of points "xy" (hexadecimal digits) separated by blanks. A stroke that begins
/// with '~' is a curve with these control points, closed when it ends where it begins.
struct glyph {
  int width;
  const char* strokes;
};

inline constexpr glyph glyphs[] = {
    {3, ""},                              // space
    {0, "0006 09"},                       // !
    {2, "0003 2023"},                     // "
    {6, "2119 5149 0363 0666"},           // #
    {6, "~6261010465680807 303a"},        // $
    {7, "~0030330300 ~4676794946 7009"},  // %
    {6, "~691310404305094965"},           // &
    {0, "0003"},                          // '
    {2, "~2003072a"},                     // (
    {2, "~0023270a"},                     // )
    {4, "2125 0244 4204"},                // *
    {4, "2327 0545"},                     // +
    {1, "190b"},                          // ,
    {3, "0535"},                          // -
    {0, "09"},                            // .
    {4, "4009"},                          // /
    {5, "~0050590900"},                   // 0
    {4, "022029 0949"},                   // 1
    {5, "~0200505409 0959"},              // 2
    {5, "~0100505424 ~2454590908"},       // 3
    {5, "400656 4049"},                   // 4
    {5, "500004 ~0453590908"},            // 5
    {5, "~400207 ~0454590904"},           // 6
    {5, "005029"},                        // 7
    {5, "~0050540400 ~0454590904"},       // 8
    {5, "~0050550500 ~525719"},           // 9
    {0, "04 09"},                         // :
    {1, "14 190b"},                       // ;
    {4, "420548"},                        // <
    {4, "0444 0747"},                     // =
    {4, "024508"},                        // >
    {5, "~010050532426 29"},              // ?
    {8, "~7a0a0080876763 ~3363673733"},   // @
    {6, "093069 1656"},                   // A
    {6, "0009 ~00505404 ~04646909"},      // B
    {6, "~626000096967"},                 // C
    {6, "0009 ~0040606366694909"},        // D
    {5, "50000959 0444"},                 // E
    {5, "500009 0444"},                   // F
    {6, "~626000096965 6535"},            // G
    {6, "0009 6069 0464"},                // H
    {2, "1019 0020 0929"},                // I
    {4, "~4045490907"},                   // J
    {5, "0009 5005 2359"},                // K
    {5, "000959"},                        // L
    {6, "0900356069"},                    // M
    {6, "09006960"},                      // N
    {7, "~0070790900"},                   // O
    {6, "0009 ~00606505"},                // P
    {7, "~0070790900 577a"},              // Q
    {6, "0009 ~00606505 3569"},           // R
    {6, "~6260000465690907"},             // S
    {6, "0060 3039"},                     // T
    {6, "~000509696560"},                 // U
    {6, "003960"},                        // V
    {8, "0029426980"},                    // W
    {6, "0069 6009"},                     // X
    {6, "003460 3439"},                   // Y
    {5, "00500959"},                      // Z
    {2, "20000a2a"},                      // [
    {4, "0049"},                          // backslash
    {2, "00202a0a"},                      // ]
    {4, "032043"},                        // ^
    {6, "0a6a"},                          // _
    {2, "0022"},                          // `
    {5, "~0403535559 ~5606095957"},       // a
    {5, "0009 ~0353590903"},              // b
    {5, "~545303095958"},                 // c
    {5, "5059 ~0353590903"},              // d
    {5, "0656 ~565303095958"},            // e
    {3, "~30101319 0333"},                // f
    {5, "~0353590903 ~53595c0c0b"},       // g
    {5, "0009 ~0603535659"},              // h
    {0, "0309 00"},                       // i
    {2, "~23292c0c 20"},                  // j
    {4, "0009 4307 1649"},                // k
    {2, "~00070929"},                     // l
    {8, "0309 ~0603434649 ~4643838689"},  // m
    {5, "0309 ~0603535659"},              // n
    {5, "~0353590903"},                   // o
    {5, "030c ~0353590903"},              // p
    {5, "535c ~0353590903"},              // q
    {3, "0309 ~06033334"},                // r
    {5, "~5453030656590908"},             // s
    {3, "~10171939 0333"},                // t
    {5, "~030609595653 5359"},            // u
    {4, "032943"},                        // v
    {8, "0329446983"},                    // w
    {4, "0349 4309"},                     // x
    {4, "0329 431c"},                     // y
    {4, "03430949"},                      // z
    {3, "~30101505 ~05151a3a"},           // {
    {0, "000b"},                          // |
    {3, "~00202535 ~35252a0a"},           // }
    {5, "~06144755"},                     // ~
};

struct point {
  float x, y;
};

ODT_INLINE const glyph& glyph_of(char c) {
  const auto index = static_cast<unsigned char>(c) - 32u;
  return glyphs[index < std::size(glyphs) ? index : '?' - 32u];
}

/// Bytes that continue a UTF-8 character have no place of their own.
ODT_INLINE bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

/// Cuts the corners (Chaikin, "An algorithm for high speed curve generation", 1974).
ODT_INLINE std::vector<point> smooth(std::vector<point> line) {
  const bool closed = line.front().x == line.back().x && line.front().y == line.back().y;
  for (int round = 0; round < 3; ++round) {
    std::vector<point> finer;
    if (!closed) finer.push_back(line.front());
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      const auto [a, b] = std::pair(line[i], line[i + 1]);
      finer.push_back({a.x + (b.x - a.x) / 4, a.y + (b.y - a.y) / 4});
      finer.push_back({b.x - (b.x - a.x) / 4, b.y - (b.y - a.y) / 4});
    }
    finer.push_back(closed ? finer.front() : line.back());
    line = std::move(finer);
  }
  return line;
}

ODT_INLINE std::vector<std::vector<point>> lines_of(const glyph& g) {
  const auto digit = [](char c) { return static_cast<float>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::vector<point>> lines;
  for (const char* at = g.strokes; *at;) {
    const bool curve = *at == '~';
    at += curve;
    std::vector<point> line;
    for (; *at && *at != ' '; at += 2) line.push_back({digit(at[0]), digit(at[1])});
    at += *at == ' ';
    lines.push_back(curve ? smooth(std::move(line)) : std::move(line));
  }
  return lines;
}

ODT_INLINE float distance(point p, point a, point b) {
  const float dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const float t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.f, 1.f) : 0.f;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

ODT_INLINE void add_line(coverage& covered, point a, point b, float radius) {
  const float reach = radius + 1;
  const int top = std::max(0, static_cast<int>(std::min(a.y, b.y) - reach));
  const int left = std::max(0, static_cast<int>(std::min(a.x, b.x) - reach));
  const int bottom = std::min(covered.height(), static_cast<int>(std::max(a.y, b.y) + reach) + 1);
  const int right = std::min(covered.width(), static_cast<int>(std::max(a.x, b.x) + reach) + 1);
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) {
      const point centre{static_cast<float>(x) + .5f, static_cast<float>(y) + .5f};
      covered.raise(y, x, std::clamp(radius + .5f - distance(centre, a, b), 0.f, 1.f));
    }
}

ODT_INLINE float stroke_width(float unit) { return std::max(1.2f, 1.3f * unit); }

ODT_INLINE size2 stroke_text_size(std::string_view text, int cap_height) {
  const float unit = static_cast<float>(cap_height) / cap_units;
  int units = 0;
  for (const char c : text)
    if (!continues(c)) units += glyph_of(c).width + gap_units;
  if (units == 0) return {0, 0};
  const float stroke = stroke_width(unit);
  return {static_cast<int>(std::ceil((cap_units + descent_units) * unit + stroke)),
          static_cast<int>(std::ceil(static_cast<float>(units - gap_units) * unit + stroke))};
}

ODT_INLINE void draw_strokes(image& picture, int y, int x, std::string_view text, int cap_height, color ink) {
  const size2 size = stroke_text_size(text, cap_height);
  if (size.width == 0 || cap_height <= 0) return;
  const float unit = static_cast<float>(cap_height) / cap_units;
  const float stroke = stroke_width(unit), radius = stroke / 2;
  coverage covered(size.height, size.width);
  float at = radius;
  for (const char c : text) {
    if (continues(c)) continue;
    const auto& glyph = glyph_of(c);
    for (const auto& line : lines_of(glyph)) {
      const auto place = [&](point p) { return point{at + p.x * unit, radius + p.y * unit}; };
      for (std::size_t i = 0; i < line.size(); ++i)
        if (i + 1 < line.size() || line.size() == 1)
          add_line(covered, place(line[i]), place(line[std::min(i + 1, line.size() - 1)]), radius);
    }
    at += static_cast<float>(glyph.width + gap_units) * unit;
  }
  covered.blend(picture, y, x, ink);
}

}  // namespace detail::font

ODT_INLINE size2 text_size(std::string_view text, int cap_height, const std::string& font) {
  const outline_text outlines(text, cap_height, font);
  return outlines.empty() ? detail::font::stroke_text_size(text, cap_height) : outlines.size();
}

ODT_INLINE void draw_text(image& picture, int y, int x, std::string_view text, int cap_height, color ink,
                          const std::string& font) {
  if (picture.channels != 3) fail("draw_text: the picture has ", picture.channels, " channels; three are needed");
  const outline_text outlines(text, cap_height, font);
  if (outlines.empty()) return detail::font::draw_strokes(picture, y, x, text, cap_height, ink);
  outlines.draw(picture, y, x, ink);
}

}  // namespace odt
