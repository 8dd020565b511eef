// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/core/target.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/dataset/instances_text.hpp>
#include <odt/dataset/shapes.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace odt {

namespace detail::shape_drawing {

inline constexpr float pi = std::numbers::pi_v<float>;
inline constexpr int margin = 2;  // between an object and the picture's edge

struct point {
  float x, y;
};

/// Red, green, blue, 0 to 255.
using rgb = std::array<float, 3>;

ODT_INLINE rgb mix(const rgb& a, const rgb& b, float t) {
  return {a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t};
}

ODT_INLINE rgb scaled(const rgb& a, float factor) { return {a[0] * factor, a[1] * factor, a[2] * factor}; }

ODT_INLINE float distance(const rgb& a, const rgb& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

/// Hue in turns, saturation and value 0 to 1.
ODT_INLINE rgb from_hsv(float hue, float saturation, float value) {
  const auto channel = [&](float n) {
    const float k = std::fmod(n + hue * 6, 6.f);
    return 255 * value * (1 - saturation * std::clamp(std::min(k, 4 - k), 0.f, 1.f));
  };
  return {channel(5), channel(3), channel(1)};
}

/// Smooth noise in 0 to 1: values on a lattice, interpolated, over several octaves.
class noise {
 public:
  explicit noise(random_stream& random) : seed_(random.bits()) {}

  float operator()(float x, float y, int octaves) const {
    float sum = 0, weight = .5f, total = 0;
    for (int i = 0; i < octaves; ++i, weight /= 2, x *= 2, y *= 2) {
      sum += weight * octave(x, y, static_cast<std::uint32_t>(i));
      total += weight;
    }
    return sum / total;
  }

 private:
  float octave(float x, float y, std::uint32_t which) const {
    const float left = std::floor(x), top = std::floor(y);
    const auto fade = [](float t) { return t * t * (3 - 2 * t); };
    const float tx = fade(x - left), ty = fade(y - top);
    const auto at = [&](int dx, int dy) {
      return lattice(static_cast<std::uint32_t>(static_cast<int>(left) + dx),
                     static_cast<std::uint32_t>(static_cast<int>(top) + dy), which);
    };
    const float above = at(0, 0) + (at(1, 0) - at(0, 0)) * tx, below = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
    return above + (below - above) * ty;
  }

  float lattice(std::uint32_t x, std::uint32_t y, std::uint32_t which) const {
    std::uint32_t h = seed_ ^ (x * 0x9E3779B1u) ^ (y * 0x85EBCA77u) ^ (which * 0xC2B2AE3Du);
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return static_cast<float>((h ^ (h >> 15)) >> 8) * 0x1p-24f;
  }

  std::uint32_t seed_;
};

/// A closed outline: a circle when it has no corners.
struct outline {
  point centre;
  float radius;
  std::vector<point> corners;

  /// To the outline; negative inside.
  float distance_to(point p) const {
    if (corners.empty()) return std::hypot(p.x - centre.x, p.y - centre.y) - radius;
    float nearest = 1e9f;
    bool inside = false;
    for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
      const point a = corners[i], b = corners[j];
      const float ex = b.x - a.x, ey = b.y - a.y, wx = p.x - a.x, wy = p.y - a.y;
      const float t = std::clamp((wx * ex + wy * ey) / (ex * ex + ey * ey), 0.f, 1.f);
      nearest = std::min(nearest, std::hypot(wx - ex * t, wy - ey * t));
      if ((a.y > p.y) != (b.y > p.y) && p.x < ex * (p.y - a.y) / ey + a.x) inside = !inside;
    }
    return inside ? -nearest : nearest;
  }

  pixel_box bounds() const {
    if (corners.empty()) return {centre.x - radius, centre.y - radius, centre.x + radius, centre.y + radius};
    pixel_box b{1e9, 1e9, -1e9, -1e9};
    for (const point c : corners)
      b = {std::min<double>(b.xmin, c.x), std::min<double>(b.ymin, c.y), std::max<double>(b.xmax, c.x),
           std::max<double>(b.ymax, c.y)};
    return b;
  }
};

/// Corners on circles of the given radii in turn.
ODT_INLINE outline polygon(point centre, float radius, int count, float angle, float inner = 1) {
  outline shape{centre, radius, {}};
  for (int i = 0; i < count; ++i) {
    const float a = angle + 2 * pi * static_cast<float>(i) / static_cast<float>(count),
                r = i % 2 ? radius * inner : radius;
    shape.corners.push_back({centre.x + r * std::cos(a), centre.y + r * std::sin(a)});
  }
  return shape;
}

ODT_INLINE outline bar(point centre, float length, float width, float angle) {
  const float c = std::cos(angle), s = std::sin(angle);
  outline shape{centre, length, {}};
  for (const auto& [u, v] : {std::pair(-1.f, -1.f), std::pair(1.f, -1.f), std::pair(1.f, 1.f), std::pair(-1.f, 1.f)})
    shape.corners.push_back(
        {centre.x + u * length / 2 * c - v * width / 2 * s, centre.y + u * length / 2 * s + v * width / 2 * c});
  return shape;
}

enum shape_class { circle, square, star, triangle, classes };

/// The shape of a class whose longer side measures `side`.
ODT_INLINE outline make_outline(shape_class which, point centre, float side, float angle) {
  const auto draw = [&](float radius) {
    switch (which) {
      case square:
        return polygon(centre, radius, 4, angle);
      case star:
        return polygon(centre, radius, 10, angle, .45f);
      case triangle:
        return polygon(centre, radius, 3, angle);
      default:
        return outline{centre, radius, {}};
    }
  };
  const pixel_box unit = draw(1).bounds();
  return draw(side / static_cast<float>(std::max(unit.xmax - unit.xmin, unit.ymax - unit.ymin)));
}

/// What an outline is filled with.
class texture {
 public:
  texture(random_stream& random, const rgb& first, const rgb& second)
      : noise_(random),
        kind_(static_cast<int>(random.integer(0, 6))),
        angle_(random.uniform(0, pi)),
        period_(random.uniform(.25f, .5f)),
        first_(first),
        second_(second) {}

  /// At (u, v) from the centre, in radii.
  rgb at(float u, float v) const {
    const float x = u * std::cos(angle_) + v * std::sin(angle_), y = v * std::cos(angle_) - u * std::sin(angle_);
    const float grain = noise_(u * 5 + 50, v * 5 + 50, 3);
    return scaled(mix(first_, second_, share(x, y, u, v)), .85f + .3f * grain);
  }

 private:
  float share(float x, float y, float u, float v) const {
    const auto wave = [this](float t) { return std::sin(2 * pi * t / period_); };
    switch (kind_) {
      case 0:
        return std::clamp(wave(x) * 4 + .5f, 0.f, 1.f);  // stripes
      case 1:
        return std::clamp(wave(x) * wave(y) * 6 + .5f, 0.f, 1.f);  // checks
      case 2:
        return std::clamp((std::cos(2 * pi * x / period_) + std::cos(2 * pi * y / period_) - .8f) * 4, 0.f,
                          1.f);  // dots
      case 3:
        return std::clamp(std::hypot(u, v), 0.f, 1.f);  // rings of one gradient
      case 4:
        return std::clamp(noise_(u * 2, v * 2, 4) * 4 - 1.5f, 0.f, 1.f);  // marble
      default:
        return std::clamp(.5f + x / 2, 0.f, 1.f) * .4f;  // nearly plain
    }
  }

  noise noise_;
  int kind_;
  float angle_, period_;
  rgb first_, second_;
};

/// The picture while it is painted.
class canvas {
 public:
  explicit canvas(size2 size) : pixels_(size.height, size.width) {}

  int height() const { return pixels_.height; }
  int width() const { return pixels_.width; }
  float shorter() const { return static_cast<float>(std::min(height(), width())); }
  float* at(int y, int x) { return pixels_.at(y, x); }

  rgb color_at(point p) const {
    const int x = std::clamp(static_cast<int>(p.x), 0, width() - 1),
              y = std::clamp(static_cast<int>(p.y), 0, height() - 1);
    const float* pixel = pixels_.at(y, x);
    return {pixel[0], pixel[1], pixel[2]};
  }

  void blend(int y, int x, const rgb& ink, float share) {
    float* pixel = at(y, x);
    for (int c = 0; c < 3; ++c) pixel[c] += (ink[static_cast<std::size_t>(c)] - pixel[c]) * share;
  }

  /// Calls paint(y, x, distance) for every pixel whose centre lies less than `reach` outside the outline.
  template <class Paint>
  void along(const outline& shape, float reach, Paint&& paint) {
    const pixel_box b = shape.bounds();
    const auto low = [reach](double v) {
      return std::max(0, static_cast<int>(std::floor(v - static_cast<double>(reach))));
    };
    const auto high = [reach](double v, int end) {
      return std::min(end, static_cast<int>(std::ceil(v + static_cast<double>(reach))));
    };
    for (int y = low(b.ymin); y < high(b.ymax, height()); ++y)
      for (int x = low(b.xmin); x < high(b.xmax, width()); ++x) {
        const float d = shape.distance_to({static_cast<float>(x) + .5f, static_cast<float>(y) + .5f});
        if (d < reach) paint(y, x, d);
      }
  }

  const float_image& pixels() const { return pixels_; }

 private:
  float_image pixels_;
};

ODT_INLINE float coverage(float distance) { return std::clamp(.5f - distance, 0.f, 1.f); }

/// Ground as in photos: two or three dull colours in clouds, lit from one side.
ODT_INLINE void paint_ground(canvas& picture, random_stream& random) {
  const noise clouds(random), grain(random);
  const auto dull = [&random] {
    return from_hsv(random.uniform(), random.uniform(.05f, .5f), random.uniform(.2f, .9f));
  };
  const rgb first = dull(), second = dull(), third = dull();
  const float scale = random.uniform(2, 7) / picture.shorter(), fine = random.uniform(.05f, .35f);
  const float angle = random.uniform(0, 2 * pi), light = random.uniform(0, .35f);
  for (int y = 0; y < picture.height(); ++y)
    for (int x = 0; x < picture.width(); ++x) {
      const float u = static_cast<float>(x), v = static_cast<float>(y);
      const float n = clouds(u * scale, v * scale, 5), m = clouds(v * scale + 90, u * scale + 40, 3);
      const float lit = (u / static_cast<float>(picture.width()) - .5f) * std::cos(angle) +
                        (v / static_cast<float>(picture.height()) - .5f) * std::sin(angle);
      const rgb base =
          mix(mix(first, second, std::clamp(n * 2.4f - .7f, 0.f, 1.f)), third, std::clamp(m * 3 - 1.5f, 0.f, 1.f));
      const rgb ink = scaled(base, 1 + light * lit * 2 + fine * (grain(u / 2, v / 2, 2) - .5f));
      std::copy(ink.begin(), ink.end(), picture.at(y, x));
    }
}

/// One thing that is no object: a bar, a cross, a ring, a cloud or a dot.
ODT_INLINE void paint_distractor(canvas& picture, random_stream& random) {
  const point centre{random.uniform(0, static_cast<float>(picture.width())),
                     random.uniform(0, static_cast<float>(picture.height()))};
  const rgb ink = from_hsv(random.uniform(), random.uniform(.1f, .9f), random.uniform(.15f, 1));
  const float side = picture.shorter(), angle = random.uniform(0, pi), opacity = random.uniform(.4f, 1);
  const auto fill = [&](const outline& shape) {
    picture.along(shape, 1, [&](int y, int x, float d) { picture.blend(y, x, ink, coverage(d) * opacity); });
  };
  const float length = side * random.uniform(.08f, .7f), thin = side * random.uniform(.006f, .025f);
  switch (random.integer(0, 5)) {
    case 0:
      fill(bar(centre, length, thin * 1.5f, angle));
      break;
    case 1:
      fill(bar(centre, length / 2, thin, angle));
      fill(bar(centre, length / 2, thin, angle + pi / 2));
      break;
    case 2: {
      const outline ring{centre, length / 3, {}};
      picture.along(ring, thin, [&](int y, int x, float d) {
        picture.blend(y, x, ink, coverage(std::abs(d) - thin / 2) * opacity);
      });
      break;
    }
    case 3: {
      const noise edge(random);
      const outline reach{centre, length / 2, {}};
      picture.along(reach, 1, [&](int y, int x, float d) {
        const float rough = edge(static_cast<float>(x) * 6 / length, static_cast<float>(y) * 6 / length, 3);
        picture.blend(y, x, ink,
                      std::clamp((rough - .45f) * 5 - std::max(0.f, 1 + d * 4 / length), 0.f, 1.f) * opacity);
      });
      break;
    }
    default:
      fill({centre, side * random.uniform(.008f, .03f), {}});
  }
}

/// Two colours that stand out from the ground below.
ODT_INLINE std::pair<rgb, rgb> draw_inks(const rgb& ground, random_stream& random) {
  const auto draw = [&random] { return from_hsv(random.uniform(), random.uniform(.3f, 1), random.uniform(.3f, 1)); };
  rgb first = draw();
  for (int i = 0; i < 20 && distance(first, ground) < 110; ++i) first = draw();
  rgb second = mix(first, draw(), .7f);
  for (int i = 0; i < 20 && distance(second, ground) < 60; ++i) second = mix(first, draw(), .7f);
  return {first, second};
}

ODT_INLINE void paint_object(canvas& picture, const outline& shape, random_stream& random) {
  const auto [first, second] = draw_inks(picture.color_at(shape.centre), random);
  const texture fill(random, first, second);
  const float soft = picture.shorter() * random.uniform(.01f, .04f), dark = random.uniform(0, .6f);
  const point shift{random.uniform(-soft, soft), random.uniform(0, soft)};
  const float angle = random.uniform(0, 2 * pi), light = random.uniform(0, .3f), rim = random.uniform(0, .5f);
  outline shadow = shape;
  shadow.centre = {shape.centre.x + shift.x, shape.centre.y + shift.y};
  for (point& corner : shadow.corners) corner = {corner.x + shift.x, corner.y + shift.y};
  picture.along(shadow, soft, [&](int y, int x, float d) {
    picture.blend(y, x, {0, 0, 0}, dark * std::clamp(.5f - d / (2 * soft), 0.f, 1.f));
  });
  picture.along(shape, 1, [&](int y, int x, float d) {
    const float u = (static_cast<float>(x) + .5f - shape.centre.x) / shape.radius;
    const float v = (static_cast<float>(y) + .5f - shape.centre.y) / shape.radius;
    const float shade = 1 + light * (u * std::cos(angle) + v * std::sin(angle)) - rim * std::clamp(1 + d / 2, 0.f, 1.f);
    picture.blend(y, x, scaled(fill.at(u, v), shade), coverage(d));
  });
}

/// The pixels that a shape covers by at least half.
ODT_INLINE pixel_box whole_pixels(const pixel_box& b) {
  return {std::round(b.xmin), std::round(b.ymin), std::round(b.xmax), std::round(b.ymax)};
}

/// Whether two boxes share more than a little of the smaller one.
ODT_INLINE bool crowds(const pixel_box& a, const pixel_box& b) {
  const double w = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin),
               h = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  const auto size = [](const pixel_box& c) { return (c.xmax - c.xmin) * (c.ymax - c.ymin); };
  return w > 0 && h > 0 && w * h > .06 * std::min(size(a), size(b));
}

/// A shape of 15 to 60 % of the picture's shorter side, within the picture and beside the others.
ODT_INLINE bool place_object(const canvas& picture, shape_class which, std::vector<outline>& shapes,
                             random_stream& random) {
  const float side = picture.shorter();
  for (int attempt = 0; attempt < 60; ++attempt) {
    const float extent = side * random.uniform(.15f, attempt < 20 ? .6f : .3f);
    const float half = extent / 2 + margin;
    const point centre{random.uniform(half, static_cast<float>(picture.width()) - half),
                       random.uniform(half, static_cast<float>(picture.height()) - half)};
    outline shape = make_outline(which, centre, extent, random.uniform(0, 2 * pi));
    const pixel_box b = shape.bounds();
    const bool inside = b.xmin >= margin && b.ymin >= margin && b.xmax <= picture.width() - margin &&
                        b.ymax <= picture.height() - margin;
    if (!inside || std::ranges::any_of(shapes, [&](const outline& o) { return crowds(b, o.bounds()); })) continue;
    shapes.push_back(std::move(shape));
    return true;
  }
  return false;
}

/// As a camera would take it: slightly blurred, dark in the corners, grainy.
ODT_INLINE image develop(const canvas& picture, random_stream& random) {
  image out(picture.height(), picture.width());
  const float blur = random.uniform(0, .5f), corner = random.uniform(0, .35f), grain = random.uniform(1, 7);
  const float exposure = random.uniform(.85f, 1.1f);
  const float_image& in = picture.pixels();
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x) {
      const float u = (static_cast<float>(x) + .5f) / static_cast<float>(in.width) - .5f;
      const float v = (static_cast<float>(y) + .5f) / static_cast<float>(in.height) - .5f;
      const float light = exposure * (1 - corner * 2 * (u * u + v * v));
      const float speck = random.normal() * grain;
      for (int c = 0; c < 3; ++c) {
        const auto near = [&](int dy, int dx) {
          return in.at(std::clamp(y + dy, 0, in.height - 1), std::clamp(x + dx, 0, in.width - 1))[c];
        };
        const float around = (near(-1, 0) + near(1, 0) + near(0, -1) + near(0, 1)) / 4;
        const float value = (near(0, 0) + (around - near(0, 0)) * blur) * light + speck + random.uniform(-2, 2);
        out.at(y, x)[c] = static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f));
      }
    }
  return out;
}

ODT_INLINE void check(const shapes_options& options) {
  if (options.size.height < 64 || options.size.width < 64 || options.size.height > 8192 || options.size.width > 8192)
    fail("size: ", options.size.width, "x", options.size.height, " pixels; 64 to 8192 a side are possible");
  if (options.max_objects < 1) fail("max_objects: ", options.max_objects, "; at least one is needed");
}

/// The outline as x, y, x, y, ... in hundredths of a pixel; a circle with a corner every 5 degrees.
ODT_INLINE std::vector<double> polygon_of(const outline& shape) {
  const outline round = shape.corners.empty() ? polygon(shape.centre, shape.radius, 72, 0) : outline{};
  std::vector<double> polygon;
  for (const point corner : shape.corners.empty() ? round.corners : shape.corners)
    for (const float value : {corner.x, corner.y})
      polygon.push_back(std::round(100. * static_cast<double>(value)) / 100);
  return polygon;
}

ODT_INLINE std::string stem_of(int number) {
  std::string digits = str(number);
  digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
  return "shapes_" + digits;
}

ODT_INLINE void write(const shapes_options& options, int number, const shapes_picture& drawn) {
  const std::string stem = stem_of(number);
  random_stream random(options.seed, static_cast<std::uint64_t>(number), 1);
  write_file(join_path(options.output, str("images/", stem, ".jpg")),
             encode_jpeg(drawn.picture, static_cast<int>(random.integer(75, 96))));
  write_file(join_path(options.output, str("annotations/", stem, ".xml")),
             voc_xml_text({"", stem + ".jpg", options.size, drawn.objects, {}}));
}

ODT_INLINE outlined_picture outlines_of(const shapes_options& options, int number, shapes_picture& drawn) {
  return {stem_of(number) + ".jpg", options.size, std::move(drawn.objects), std::move(drawn.outlines)};
}

}  // namespace detail::shape_drawing

ODT_INLINE std::vector<std::string> shape_names() { return {"circle", "square", "star", "triangle"}; }

ODT_INLINE shapes_picture draw_shapes(const shapes_options& options, int number) {
  namespace d = detail::shape_drawing;
  d::check(options);
  random_stream random(options.seed, static_cast<std::uint64_t>(number));
  d::canvas canvas(options.size);
  d::paint_ground(canvas, random);
  for (auto i = random.integer(6, 20); i > 0; --i) d::paint_distractor(canvas, random);
  shapes_picture result;
  std::vector<d::outline> placed;
  for (auto i = random.integer(1, options.max_objects + 1); i > 0; --i) {
    const auto which = static_cast<d::shape_class>(random.integer(0, d::classes));
    if (!d::place_object(canvas, which, placed, random)) continue;
    d::paint_object(canvas, placed.back(), random);
    annotated_object object;
    object.name = shape_names()[which];
    object.bounds = d::whole_pixels(placed.back().bounds());
    result.objects.push_back(std::move(object));
    result.outlines.push_back(d::polygon_of(placed.back()));
  }
  result.picture = d::develop(canvas, random);
  return result;
}

ODT_INLINE void make_shapes(const shapes_options& options) {
  detail::shape_drawing::check(options);
  if (options.output.empty()) fail("output: a folder for the pictures is needed");
  if (options.count < 1) fail("count: ", options.count, "; at least one picture is needed");
  make_directories(join_path(options.output, "images"));
  make_directories(join_path(options.output, "annotations"));
  std::vector<outlined_picture> outlined;
  thread_pool pool;
  std::vector<shapes_picture> drawn(static_cast<std::size_t>(pool.size()) * 4);
  for (int first = 0; first < options.count; first += static_cast<int>(drawn.size())) {
    const int count = std::min(static_cast<int>(drawn.size()), options.count - first);
    pool.run(count,
             [&](int chunk, int) { drawn[static_cast<std::size_t>(chunk)] = draw_shapes(options, first + chunk); });
    for (int i = 0; i < count; ++i) {
      detail::shape_drawing::write(options, first + i, drawn[static_cast<std::size_t>(i)]);
      if (options.masks)
        outlined.push_back(detail::shape_drawing::outlines_of(options, first + i, drawn[static_cast<std::size_t>(i)]));
      if (options.progress)
        options.progress(static_cast<std::size_t>(first + i) + 1, static_cast<std::size_t>(options.count));
    }
  }
  if (options.masks) write_file(join_path(options.output, "instances.json"), instances_text(outlined, shape_names()));
}

}  // namespace odt
