// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the header of `odt export --format cpp` and the file of its weights.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/exec/cpu/machine/processor.hpp>
#include <odt/export/cpp_source.ipp>
#include <odt/export/cpp_writer.ipp>
#include <odt/nn/variable_layout.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail::cpp {

/// Words between two @ are filled in.
inline constexpr std::string_view header_text =
    R"header(// Written by odt @VERSION@: an SSD for @CLASSES@, @SIZE@ pixels.
//
//   @NAME@ find({1080, 1920});  // for pictures up to that size; from here on no memory is allocated
//   for (const odt::detection& d : find.detect(rgb, height, width))
//     std::printf("%s %.2f, left at %.0f\n", @NAME@::classes[d.label].data(), d.score, d.bounds.xmin * width);
//
// It needs odt's headers, xsimd, and @NAME@.hpp.weights beside it when it is compiled:
//
//   c++ @FLAGS@ -I odt/include program.cpp -pthread
//
// Compiled so, it finds what `odt detect` finds there, bit for bit.
#pragma once

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/ssd_inference.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#if !defined(__ELF__)
#error "The weights are made a part of the program as ELF has it, on Linux and the BSDs."
#endif
extern "C" const float odt_@NAME@_weights[], odt_@NAME@_end[];
asm(R"(
.pushsection .rodata.odt_@NAME@, "aG", @progbits, odt_@NAME@, comdat
.weak odt_@NAME@_weights, odt_@NAME@_end
.balign 64
odt_@NAME@_weights:
.incbin ")" __FILE__ R"(.weights"
odt_@NAME@_end:
.popsection
)");

class @NAME@ {
 public:
  /// By a detection's label.
  static constexpr std::string_view classes[] = @NAMES@;

  /// For pictures up to that size; a `threads` of 0 means all of the machine's.
  explicit @NAME@(odt::size2 largest = {1080, 1920}, int threads = 1) : run_(parts(), largest, threads) {}

  /// Best first, until the next call. `rgb` is the picture row by row.
  std::span<const odt::detection> detect(const std::uint8_t* rgb, int height, int width) {
    return run_.detect(rgb, {height, width});
  }

  /// Of the memory that is allocated at the start, activations and packed weights.
  std::size_t memory_bytes() const { return run_.memory_bytes(); }

 private:
  [[gnu::cold]] static odt::network layers() {
    odt::network net;
@NETWORK@    return net;
  }

  static odt::cpu::ssd_parts<odt::faster_rcnn_box_coder> parts() {
    return {.layers = layers(),
            .resizer = @RESIZER@,
            .pixels = @PIXELS@,
            .coder = {@CODER@},
            .post_processing = @POST_PROCESSING@,
            .has_background = @BACKGROUND@,
            .values = {odt_@NAME@_weights, odt_@NAME@_end}};
  }

  odt::cpu::ssd_inference<odt::faster_rcnn_box_coder> run_;
};
)header";

ODT_INLINE void require_class_name(std::string_view name) {
  constexpr std::string_view others[] = {"odt", "classes", "detect", "layers", "memory_bytes", "parts"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto part = [&letter](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  if (name.empty() || !letter(name[0]) || !std::ranges::all_of(name, part) ||
      std::ranges::find(others, name) != std::end(others))
    fail("--name ", name, ": it has to be the name of a C++ class (letters, digits and _), and not one of ",
         join(others, ", "));
}

/// What is no word of the map stays.
ODT_INLINE std::string filled(std::string_view text, const std::map<std::string_view, std::string>& words) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = std::min(text.find('@', at), text.size());
    result += text.substr(at, begin - at);
    if (begin == text.size()) break;
    const std::size_t end = text.find('@', begin + 1);
    const auto word = words.find(text.substr(begin + 1, end - begin - 1));
    result += word == words.end() ? "@" : word->second;
    at = word == words.end() ? begin + 1 : end + 1;
  }
  return result;
}

/// What compiles a program to the kernels that this one has.
ODT_INLINE std::string compiler_flags() {
#if defined(__x86_64__)
  const std::string processor = str(" -march=", cpu::processor_name);
#else
  const std::string processor;
#endif
  return str("-std=c++20 -O3", processor, " -ffp-contract=off -DODT_HEADER_ONLY");
}

/// Statements that make the network.
ODT_INLINE std::string source_of(const network& net) {
  std::string text;
  for (const variable& v : net.variables)
    text += str("    net.add_variable(", source_of(v.name.view()), ", ", source_of(v.shape), ", {});\n");
  for (int i = 1; i < net.size(); ++i) text += str("    net.add(", source_of(net[i]), ");  // ", i, "\n");
  for (const network_output& o : net.outputs) text += str("    net.outputs.push_back(", source_of(o), ");\n");
  return text;
}

ODT_INLINE std::string source_of_coder(const std::array<float, 4>& scales) {
  constexpr std::string_view names[] = {"y_scale", "x_scale", "height_scale", "width_scale"};
  members options;
  for (std::size_t i = 0; i < scales.size(); ++i) options.add_source(names[i], source_of(scales[i]));
  return options.source();
}

ODT_INLINE std::string header_of(std::string_view name, const ready_detector& detector, const writer& parts) {
  const std::vector<std::string> classes = detector.class_names();
  const size2 size = parts.resizer.constant_size().value();
  return filled(header_text,
                {{"VERSION", ODT_VERSION},
                 {"CLASSES", str(classes.size(), classes.size() == 1 ? " class" : " classes")},
                 {"SIZE", str(size.height, "x", size.width)},
                 {"NAME", std::string(name)},
                 {"NAMES", source_of(classes)},
                 {"FLAGS", compiler_flags()},
                 {"NETWORK", source_of(*parts.layers)},
                 {"RESIZER", source_of(parts.resizer)},
                 {"PIXELS", str("{", source_of(parts.pixels.scale), ", ", source_of(parts.pixels.shift), "}")},
                 {"CODER", source_of_coder(parts.scales)},
                 {"POST_PROCESSING", source_of(parts.post_processing)},
                 {"BACKGROUND", source_of(parts.has_background)}});
}

/// Variables and anchors as cpu::ssd_parts has them.
ODT_INLINE std::string weights_of(const writer& parts, std::span<const state_tensor> state) {
  const variable_layout layout = lay_out(*parts.layers);
  std::map<std::string_view, std::span<const float>> values;
  for (const state_tensor& t : state)
    if (t.model_variable) values.emplace(t.name, t.values);
  std::vector<float> all(static_cast<std::size_t>(layout.floats));
  for (const variable& v : layout.variables) std::ranges::copy(values.at(v.name.view()), all.begin() + v.offset);
  for (const boxf& b : parts.anchors) all.insert(all.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  return {reinterpret_cast<const char*>(all.data()), all.size() * sizeof(float)};
}

}  // namespace odt::detail::cpp
