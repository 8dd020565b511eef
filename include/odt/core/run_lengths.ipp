// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>

namespace odt {

namespace detail::runs {

/// Pixels of a mask. Fails where a count could not hold them.
ODT_INLINE std::uint32_t pixels_of(size2 size) {
  const std::int64_t pixels = std::int64_t{size.height} * size.width;
  if (size.height < 0 || size.width < 0 || pixels > std::numeric_limits<std::uint32_t>::max())
    fail("a mask of ", size.height, "x", size.width, " (height x width): it has to have 0 to 4294967295 pixels");
  return static_cast<std::uint32_t>(pixels);
}

/// Goes through two masks at once: part(pixels, in the first, in the second).
template <class Part>
void walk(const run_lengths& a, const run_lengths& b, Part&& part) {
  if (a.size != b.size)
    fail("masks of ", a.size.height, "x", a.size.width, " and ", b.size.height, "x", b.size.width,
         " (height x width) cannot be compared");
  check_runs(a), check_runs(b);
  std::uint32_t left_of_a = 0, left_of_b = 0;
  for (std::size_t i = 0, j = 0; i < a.counts.size() || j < b.counts.size() || left_of_a != 0;) {
    while (left_of_a == 0 && i < a.counts.size()) left_of_a = a.counts[i++];
    while (left_of_b == 0 && j < b.counts.size()) left_of_b = b.counts[j++];
    const std::uint32_t pixels = std::min(left_of_a, left_of_b);
    part(pixels, i % 2 == 0, j % 2 == 0);
    left_of_a -= pixels, left_of_b -= pixels;
  }
}

/// One number of COCO's text, from the place `at` on, which moves behind it.
ODT_INLINE std::int64_t read_number(std::string_view text, std::size_t& at) {
  constexpr int longest = 35;  // bits
  std::int64_t value = 0;
  for (int bits = 0; bits < longest;) {
    if (at == text.size()) fail("run lengths: the text ends within a number");
    const int code = static_cast<unsigned char>(text[at]) - '0';
    if (code < 0 || code > 63) fail("run lengths: character ", at + 1, " of the text is none of COCO's ('0' to 'o')");
    ++at;
    value |= static_cast<std::int64_t>(code & 31) << bits;
    bits += 5;
    if ((code & 32) != 0) continue;
    return (code & 16) != 0 ? value - (std::int64_t{1} << bits) : value;
  }
  fail("run lengths: the number that ends at character ", at, " of the text is too long");
}

ODT_INLINE void write_number(std::int64_t value, std::string& text) {
  for (bool more = true; more;) {
    const auto code = static_cast<int>(value & 31);
    value >>= 5;
    more = (code & 16) != 0 ? value != -1 : value != 0;
    text += static_cast<char>('0' + (code | (more ? 32 : 0)));
  }
}

/// A point of the enlarged picture.
struct grid_point {
  int x, y;
};

inline constexpr double enlargement = 5;

/// To the nearest; numbers below -1/2 are cut off one too high, as COCO does.
ODT_INLINE int rounded(double value) { return static_cast<int>(std::trunc(value + .5)); }

/// Calls visit(point) for the points of an edge, from its beginning to its end, one a step along its longer side. None
/// for an edge without length.
template <class Visit>
void walk_edge(grid_point from, grid_point to, Visit&& visit) {
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const bool flat = dx >= dy;
  const int steps = flat ? dx : dy;
  if (steps == 0) return;
  // Computed from its left (or upper) end, whichever way it runs, so that neighbours share their edge.
  const bool backwards = flat ? from.x > to.x : from.y > to.y;
  if (backwards) std::swap(from, to);
  const double slope = static_cast<double>(flat ? to.y - from.y : to.x - from.x) / steps;
  for (int i = 0; i <= steps; ++i) {
    const int t = backwards ? steps - i : i;
    if (flat)
      visit(grid_point{from.x + t, rounded(from.y + slope * t)});
    else
      visit(grid_point{rounded(from.x + slope * t), from.y + t});
  }
}

/// Where the step of an outline crosses the centre of a column, as the number of the first pixel below it.
ODT_INLINE std::optional<std::uint32_t> crossing(grid_point from, grid_point to, size2 size) {
  if (from.x == to.x) return std::nullopt;
  const double column = ((to.x < from.x ? to.x : to.x - 1) + .5) / enlargement - .5;
  if (std::floor(column) != column || column < 0 || column > size.width - 1) return std::nullopt;
  const double row = std::clamp((std::min(from.y, to.y) + .5) / enlargement - .5, 0., static_cast<double>(size.height));
  return static_cast<std::uint32_t>(column) * static_cast<std::uint32_t>(size.height) +
         static_cast<std::uint32_t>(std::ceil(row));
}

ODT_INLINE std::vector<grid_point> enlarged(std::span<const double> corners) {
  constexpr double farthest = 1e6;
  if (corners.size() < 6 || corners.size() % 2 != 0)
    fail("a polygon of ", corners.size(), " numbers; it has x and y of three corners or more");
  std::vector<grid_point> points;
  for (std::size_t i = 0; i < corners.size(); i += 2) {
    if (!(std::abs(corners[i]) <= farthest && std::abs(corners[i + 1]) <= farthest))
      fail("corner ", i / 2 + 1, " of a polygon lies at x ", corners[i], ", y ", corners[i + 1],
           "; within a million pixels of the picture is possible");
    points.push_back({rounded(enlargement * corners[i]), rounded(enlargement * corners[i + 1])});
  }
  return points;
}

}  // namespace detail::runs

ODT_INLINE void check_runs(const run_lengths& mask) {
  const std::uint32_t pixels = detail::runs::pixels_of(mask.size);
  const auto sum = std::accumulate(mask.counts.begin(), mask.counts.end(), std::uint64_t{0});
  if (sum != pixels)
    fail("run lengths: they are of ", sum, " pixels, but a mask of ", mask.size.height, "x", mask.size.width,
         " (height x width) has ", pixels);
}

ODT_INLINE run_lengths to_runs(const image& mask) {
  if (mask.channels != 1) fail("a mask of ", mask.channels, " channels; it has to have one");
  detail::runs::pixels_of(mask.size());
  run_writer runs(mask.size());
  for (int x = 0; x < mask.width; ++x)
    for (int y = 0; y < mask.height; ++y) runs.add(1, *mask.at(y, x) != 0);
  return runs.take();
}

ODT_INLINE image to_mask(const run_lengths& mask) {
  check_runs(mask);
  image pixels(mask.size.height, mask.size.width, 1);
  for_each_line(mask, [&pixels](int x, int top, int count) {
    for (int y = top; y < top + count; ++y) *pixels.at(y, x) = 1;
  });
  return pixels;
}

ODT_INLINE std::string runs_text(const run_lengths& mask) {
  std::string text;
  for (std::size_t i = 0; i < mask.counts.size(); ++i)
    detail::runs::write_number(std::int64_t{mask.counts[i]} - (i > 2 ? std::int64_t{mask.counts[i - 2]} : 0), text);
  return text;
}

ODT_INLINE run_lengths read_runs(std::string_view text, size2 size) {
  run_lengths mask{size, {}};
  const std::int64_t pixels = detail::runs::pixels_of(size);
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t count = detail::runs::read_number(text, at);
    if (mask.counts.size() > 2) count += mask.counts[mask.counts.size() - 2];
    if (count < 0 || count > pixels)
      fail("run lengths: run ", mask.counts.size() + 1, " has ", count, " pixels, but a mask of ", size.height, "x",
           size.width, " (height x width) has ", pixels);
    mask.counts.push_back(static_cast<std::uint32_t>(count));
  }
  check_runs(mask);
  return mask;
}

ODT_INLINE run_lengths polygon_runs(std::span<const double> corners, size2 size) {
  namespace d = detail::runs;
  const std::uint32_t pixels = d::pixels_of(size);
  const std::vector<d::grid_point> points = d::enlarged(corners);
  std::vector<std::uint32_t> crossings;
  std::optional<d::grid_point> last;
  for (std::size_t i = 0; i < points.size(); ++i)
    d::walk_edge(points[i], points[(i + 1) % points.size()], [&](d::grid_point next) {
      if (const auto at = last ? d::crossing(*last, next, size) : std::nullopt) crossings.push_back(*at);
      last = next;
    });
  std::ranges::sort(crossings);
  run_writer runs(size);
  std::uint32_t at = 0;
  bool inside = false;
  for (const std::uint32_t next : crossings) {
    runs.add(next - at, inside);
    at = next;
    inside = !inside;
  }
  runs.add(pixels - at, inside);
  return runs.take();
}

ODT_INLINE run_lengths merged(std::span<const run_lengths> masks) {
  if (masks.empty()) fail("no masks to be merged; at least one is needed");
  run_lengths all = masks[0];
  check_runs(all);
  for (const run_lengths& mask : masks.subspan(1)) {
    run_writer runs(all.size);
    detail::runs::walk(all, mask,
                       [&runs](std::uint32_t pixels, bool in_a, bool in_b) { runs.add(pixels, in_a || in_b); });
    all = runs.take();
  }
  return all;
}

ODT_INLINE std::int64_t area(const run_lengths& mask) {
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < mask.counts.size(); i += 2) sum += mask.counts[i];
  return sum;
}

ODT_INLINE std::int64_t intersection(const run_lengths& a, const run_lengths& b) {
  std::int64_t sum = 0;
  detail::runs::walk(a, b, [&sum](std::uint32_t pixels, bool in_a, bool in_b) { sum += in_a && in_b ? pixels : 0; });
  return sum;
}

ODT_INLINE double iou(const run_lengths& found, const run_lengths& truth, bool crowd) {
  const std::int64_t shared = intersection(found, truth);
  if (shared == 0) return 0;
  const std::int64_t all = crowd ? area(found) : area(found) + area(truth) - shared;
  return static_cast<double>(shared) / static_cast<double>(all);
}

}  // namespace odt
