// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/roofline.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>

#include <cmath>
#include <iterator>
#include <utility>

namespace odt {

namespace detail::roofline {

/// How the operations of a kind are drawn: hues tell families apart (Okabe and Ito's, safe for the colour-blind),
/// shapes the directions.
struct look {
  std::string_view operation, colour;
  char shape;  ///< c: circle, s: square, d: diamond
};

inline constexpr look looks[] = {
    {"convolution", "#0072b2", 'c'}, {"convolution dw", "#0072b2", 's'},  {"convolution dx", "#0072b2", 'd'},
    {"depthwise", "#d55e00", 'c'},   {"depthwise dw dx", "#d55e00", 'd'}, {"batch norm dx", "#009e73", 'd'},
    {"batch norm", "#009e73", 'c'},  {"activation dx", "#009e73", 's'},   {"max pool", "#cc79a7", 'c'},
    {"max pool dx", "#cc79a7", 'd'}, {"average pool", "#8e5aa8", 'c'},    {"average pool dx", "#8e5aa8", 'd'}};

ODT_INLINE look look_of(std::string_view operation) {
  const auto* found = std::ranges::find(looks, operation, &look::operation);
  return found == std::ranges::end(looks) ? look{operation, "#777777", 's'} : *found;
}

ODT_INLINE std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '&'   ? std::string("&amp;")
           : c == '<' ? std::string("&lt;")
           : c == '>' ? std::string("&gt;")
                      : std::string(1, c);
  return out;
}

struct point {
  double x = 0, y = 0;
};

/// A rectangle of the picture that a label takes.
struct box {
  double left, top, right, bottom;
  bool meets(const box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

/// The picture: a plane with two logarithmic axes, and what is drawn on it.
class picture {
 public:
  picture(std::span<const operation_time> operations, const machine_ceilings& most) : most_(most) {
    for (const operation_time& o : operations) all_seconds_ += o.seconds;
    std::ranges::copy_if(operations, std::back_inserter(dots_), [this](const operation_time& o) {
      return o.flops > 0 && o.bytes > 0 && o.seconds > least_share * all_seconds_;
    });
    std::ranges::sort(dots_, std::ranges::greater{}, &operation_time::seconds);  // small ones over large ones
    low_ = {ridge() / 10, most.flops * 1e-9 / 10}, high_ = {ridge() * 10, most.flops * 1e-9 * 1.6};
    for (const operation_time& o : dots_) {
      const point at = value(o);
      low_ = {std::min(low_.x, at.x * 0.8), std::min(low_.y, at.y * 0.7)};
      high_ = {std::max(high_.x, at.x * 1.25), std::max(high_.y, at.y * 1.3)};
    }
  }

  std::string draw(std::string_view title) {
    frame(title);
    grid();
    ceilings();
    for (const operation_time& o : dots_) dot(o);
    labels();
    legend();
    return out_ + "</svg>\n";
  }

 private:
  static constexpr double least_share = 0.0005;  // of the time, for a dot
  static constexpr double width = 1120, height = 660, left = 74, right = 868, top = 64, bottom = 596;

  /// The intensity from which on multiply-adds are the ceiling, not memory.
  double ridge() const { return most_.flops / most_.bytes; }
  static point value(const operation_time& o) { return {o.flops / o.bytes, o.flops / o.seconds * 1e-9}; }
  point place(const point& v) const {
    const auto share = [](double at, double low, double high) { return std::log(at / low) / std::log(high / low); };
    return {left + (right - left) * share(v.x, low_.x, high_.x), bottom - (bottom - top) * share(v.y, low_.y, high_.y)};
  }
  double radius(const operation_time& o) const {
    return std::clamp(42 * std::sqrt(o.seconds / all_seconds_), 2.5, 18.0);
  }

  template <class... Pieces>
  void add(const Pieces&... pieces) {
    out_ += str(pieces..., "\n");
  }
  static std::string px(double v) { return fixed(v, 1); }

  void line(const point& a, const point& b, std::string_view style) {
    add("<line x1=\"", px(a.x), "\" y1=\"", px(a.y), "\" x2=\"", px(b.x), "\" y2=\"", px(b.y), "\" ", style, "/>");
  }
  void text(const point& at, std::string_view what, std::string_view style = "") {
    add("<text x=\"", px(at.x), "\" y=\"", px(at.y), "\" ", style, ">", escaped(what), "</text>");
  }

  void frame(std::string_view title) {
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height, "\" width=\"", width,
        "\" height=\"", height, "\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#333\">");
    add("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
    text({left, 30}, "Operations under the machine's ceilings", "font-size=\"17\" font-weight=\"bold\"");
    text({left, 49}, title, "fill=\"#777\"");
    text({(left + right) / 2, height - 20}, "floating-point operations a byte of tensors", "text-anchor=\"middle\"");
    add("<text transform=\"translate(22 ", px((top + bottom) / 2),
        ") rotate(-90)\" text-anchor=\"middle\">GFLOP/s</text>");
  }

  /// Lines at 1, 2, 5, 10, ...; those at 10, 100, ... are stronger.
  void grid() {
    const auto each = [](double low, double high, const auto& body) {
      for (int decade = -4; decade < 8; ++decade)
        for (const double digit : {1.0, 2.0, 5.0})
          if (const double v = digit * std::pow(10.0, decade); v >= low && v <= high)
            body(v, digit == 1.0 ? "stroke=\"#d4d4d4\"" : "stroke=\"#efefef\"");
    };
    each(low_.x, high_.x, [this](double v, std::string_view style) {
      const double x = place({v, low_.y}).x;
      line({x, top}, {x, bottom}, style);
      text({x, bottom + 18}, significant(v, 3), "text-anchor=\"middle\"");
    });
    each(low_.y, high_.y, [this](double v, std::string_view style) {
      const double y = place({low_.x, v}).y;
      line({left, y}, {right, y}, style);
      text({left - 8, y + 4}, significant(v, 6), "text-anchor=\"end\"");
    });
  }

  void ceilings() {
    const double peak = most_.flops * 1e-9, bandwidth = most_.bytes * 1e-9;
    const point corner = place({ridge(), peak}), end = place({high_.x, peak});
    const double first = std::max(low_.x, low_.y / bandwidth);
    const point begin = place({first, first * bandwidth});
    add("<polyline fill=\"none\" stroke=\"#333\" stroke-width=\"2\" points=\"", px(begin.x), ",", px(begin.y), " ",
        px(corner.x), ",", px(corner.y), " ", px(end.x), ",", px(end.y), "\"/>");
    text({right, corner.y - 8}, str(fixed(peak, 0), " GFLOP/s of fused multiply-adds"), "text-anchor=\"end\"");
    const double angle = std::atan2(corner.y - begin.y, corner.x - begin.x) * 57.29577951308232;
    const point middle{(begin.x + corner.x) / 2, (begin.y + corner.y) / 2};
    add("<text transform=\"translate(", px(middle.x), " ", px(middle.y), ") rotate(", px(angle),
        ")\" dy=\"-8\" text-anchor=\"middle\">", fixed(bandwidth, 1), " GB/s of memory</text>");
    taken_.push_back({right - 230, corner.y - 24, right, corner.y + 3});
  }

  void shape(char which, const point& at, double r, std::string_view style) {
    if (which == 'c') return add("<circle cx=\"", px(at.x), "\" cy=\"", px(at.y), "\" r=\"", px(r), "\" ", style, "/>");
    const double half = which == 's' ? 0.87 * r : 0.9 * r;
    add("<rect x=\"", px(at.x - half), "\" y=\"", px(at.y - half), "\" width=\"", px(2 * half), "\" height=\"",
        px(2 * half), "\"", which == 'd' ? str(" transform=\"rotate(45 ", px(at.x), " ", px(at.y), ")\" ") : " ", style,
        "/>");
  }
  static constexpr std::string_view halo =
      "font-size=\"11\" paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\" stroke-linejoin=\"round\"";

  static std::string style_of(const look& l) {
    return str("fill=\"", l.colour, "\" fill-opacity=\"0.55\" stroke=\"", l.colour, "\"");
  }

  void dot(const operation_time& o) {
    const look l = look_of(o.operation);
    add("<g><title>", escaped(str(o.operation, " ", o.layer, ": ", fixed(o.seconds * 1e3, 3), " ms")), "</title>");
    shape(l.shape, place(value(o)), radius(o), style_of(l));
    add("</g>");
  }

  /// Names beside the dots that lose most, where there is room.
  void labels() {
    std::vector<operation_time> worst = dots_;
    sort_by_lost_time(worst, most_);
    if (worst.size() > 10) worst.resize(10);
    for (const operation_time& o : worst) label(o);
  }

  void label(const operation_time& o) {
    const std::string name = str(o.layer.empty() ? "" : short_layer_name(o.layer) + " ", o.operation, ", ",
                                 fixed(o.seconds * 1e3, 1), " ms");
    const double wide = 5.7 * static_cast<double>(name.size()), gap = radius(o) + 4;
    const point at = place(value(o));
    for (const bool over_dots : {false, true})
      for (const double down : {0.0, -14.0, 14.0, -28.0, 28.0, -42.0, 42.0, -56.0, 56.0, 84.0, 112.0, 140.0})
        for (const bool to_right : {true, false}) {
          const double x = to_right ? at.x + gap : at.x - gap - wide, y = at.y + down;
          if (!free_for({x, y - 7, x + wide, y + 7}, over_dots)) continue;
          taken_.push_back({x, y - 7, x + wide, y + 7});
          if (down != 0) line(at, {to_right ? x : x + wide, y}, "stroke=\"#999\" stroke-width=\"0.7\"");
          return text({x, y + 4}, name, halo);
        }
  }

  bool free_for(const box& area, bool over_dots) const {
    if (area.left < left || area.right > right || area.top < top || area.bottom > bottom) return false;
    const auto covers = [&](const operation_time& o) {
      const point at = place(value(o));
      const double r = radius(o);
      return area.meets({at.x - r, at.y - r, at.x + r, at.y + r});
    };
    return std::ranges::none_of(taken_, [&area](const box& other) { return other.meets(area); }) &&
           (over_dots || std::ranges::none_of(dots_, covers));
  }

  /// The kinds with their times, the longest first.
  void legend() {
    std::vector<operation_time> kinds = totals_by_kind(dots_);
    std::ranges::sort(kinds, std::ranges::greater{}, &operation_time::seconds);
    double y = top + 8;
    const double x = right + 34;
    text({x - 8, y}, "kind", "fill=\"#777\"");
    text({width - 60, y}, "ms", "fill=\"#777\" text-anchor=\"end\"");
    text({width - 14, y}, "roof", "fill=\"#777\" text-anchor=\"end\"");
    for (const operation_time& kind : kinds) {
      y += 21;
      const look l = look_of(kind.operation);
      shape(l.shape, {x, y - 4}, 6, style_of(l));
      text({x + 16, y}, kind.operation);
      text({width - 60, y}, fixed(kind.seconds * 1e3, 1), "text-anchor=\"end\"");
      text({width - 14, y}, str(fixed(100 * roofline_sum(kind.operation) / kind.seconds, 0), " %"),
           "text-anchor=\"end\"");
    }
    text({x - 8, y + 34}, "A dot is an operation of the step;", "font-size=\"11\" fill=\"#777\"");
    text({x - 8, y + 49}, "its area is the time that it takes.", "font-size=\"11\" fill=\"#777\"");
    text({x - 8, y + 64}, "Those below 0.05 % are left out.", "font-size=\"11\" fill=\"#777\"");
  }

  double roofline_sum(std::string_view kind) const {
    double sum = 0;
    for (const operation_time& o : dots_)
      if (o.operation == kind) sum += roofline_seconds(o, most_);
    return sum;
  }

  machine_ceilings most_;
  std::vector<operation_time> dots_;
  double all_seconds_ = 0;
  point low_, high_;
  std::vector<box> taken_;
  std::string out_;
};

}  // namespace detail::roofline

ODT_INLINE std::string roofline_svg(std::span<const operation_time> operations, const machine_ceilings& most,
                                    std::string_view title) {
  return detail::roofline::picture(operations, most).draw(title);
}

}  // namespace odt
