// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/train/describe.hpp>

#include <algorithm>

namespace odt {

namespace detail::describing {

/// The text broken at ", " so that no line is longer than `columns` behind an indent.
ODT_INLINE std::string broken(std::string_view text, std::size_t indent, std::size_t columns) {
  const std::size_t width = columns > indent + 20 ? columns - indent : 20;
  std::string out;
  while (text.size() > width) {
    std::size_t end = text.rfind(", ", width - 1);
    if (end == std::string_view::npos) end = text.find(", ");
    if (end == std::string_view::npos) break;
    out += str(text.substr(0, end + 1), "\n", std::string(indent, ' '));
    text.remove_prefix(end + 2);
  }
  return out + std::string(text);
}

}  // namespace detail::describing

ODT_INLINE std::string describe_detector(const detector& model, int batch_size, std::size_t columns) {
  const size2 size = model.resizer().outer_size({1536, 2048});
  const detector_description d = model.describe(batch_size, size);
  std::string text;
  std::size_t what = 17, name = 0;
  for (const part_description& part : d.parts) {
    what = std::max(what, part.what.size());
    name = std::max(name, part.name.size());
  }
  const auto row = [&](std::string_view title, const auto&... value) {
    text += str("  ", padded(title, what), "  ", value..., "\n");
  };
  const std::size_t aside = what + name + 6, indent = columns > 0 && columns < aside + 40 ? 6 : aside;
  for (const part_description& part : d.parts)
    if (part.detail.empty())
      row(part.what, part.name);
    else if (columns == 0)
      row(part.what, padded(part.name, name), "  ", part.detail);
    else
      row(part.what, padded(part.name, name), indent == aside ? "  " : "\n      ",
          detail::describing::broken(part.detail, indent, columns));
  row("classes", model.num_classes());
  row("input", size.width, " x ", size.height, model.resizer().constant_size() ? "" : " (for a photo of 3:4)", ", ",
      batch_size, " a step");
  row("parameters", grouped(d.parameters));
  row("anchors", grouped(d.anchors));
  row("multiply-adds", grouped(d.multiply_adds), " an image, forward");
  row("memory of a step", human_bytes(d.step_bytes), " (", grouped(d.step_bytes), " bytes)");
  row("memory besides", human_bytes(d.variable_bytes), " for variables, gradients, slots and averages");
  return text;
}

}  // namespace odt
