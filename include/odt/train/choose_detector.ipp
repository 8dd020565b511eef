// SPDX-License-Identifier: MIT
#pragma once

#include <odt/train/choose_detector.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace odt {

namespace detail::detector_choice {

/// A part that the library has: its name in pipeline.config, and in C++.
struct known_part {
  std::string_view config, source;
};

inline constexpr known_part extractors[] = {{"ssd_mobilenet_v1", "mobilenet_v1"}, {"ssd_inception_v2", "inception_v2"}};
inline constexpr known_part two_stage_extractors[] = {
    {"faster_rcnn_resnet50", "faster_rcnn_resnet50"},
    {"faster_rcnn_resnet101", "faster_rcnn_resnet101"},
    {"faster_rcnn_resnet152", "faster_rcnn_resnet152"},
    {"faster_rcnn_inception_v2", "faster_rcnn_inception_v2"},
    {"faster_rcnn_inception_resnet_v2", "faster_rcnn_inception_resnet_v2"},
    {"faster_rcnn_nas", "faster_rcnn_nas"}};
inline constexpr known_part coders[] = {{"faster_rcnn_box_coder", "faster_rcnn_box_coder"},
                                        {"mean_stddev_box_coder", "mean_stddev_box_coder"},
                                        {"square_box_coder", "square_box_coder"}};
inline constexpr known_part matchers[] = {{"argmax_matcher", "argmax_matcher"},
                                          {"bipartite_matcher", "bipartite_matcher"}};
inline constexpr known_part optimizers[] = {
    {"rms_prop_optimizer", "rms_prop"}, {"momentum_optimizer", "momentum"}, {"adam_optimizer", "adam"}};

template <class Parts>
std::string_view source_name(const Parts& parts, const std::string& config) {
  const auto* it = std::ranges::find(parts, std::string_view(config), &known_part::config);
  return it == std::ranges::end(parts) ? std::string_view() : it->source;
}

/// The name of the alternative that is set, without marking anything as read.
ODT_INLINE std::string alternative(const settings* message) {
  if (!message) return {};
  for (const settings& child : message->children)
    if (child.set && child.alternative) return child.name;
  return {};
}

ODT_INLINE const settings* find(const settings* node, std::initializer_list<std::string_view> path) {
  for (const std::string_view name : path) node = node ? node->find(name) : nullptr;
  return node;
}

/// A program for a detector, by its header and its type.
ODT_INLINE std::string program_for(std::string_view header, const std::string& type) {
  return str("#include <odt/", header, ">\n#include <odt/cli.hpp>\n\nusing my_detector = ", type,
             ";\n\nint main(int argc, char** argv) { return odt::cli<my_detector>(argc, argv); }\n");
}

ODT_INLINE std::string two_stage_source(const settings& root) {
  const settings* type = find(&root, {"model", "faster_rcnn", "feature_extractor", "type"});
  const std::string_view extractor = type ? source_name(two_stage_extractors, type->text) : std::string_view();
  if (extractor.empty()) return {};
  const bool is_common = extractor != "faster_rcnn_inception_resnet_v2" && extractor != "faster_rcnn_nas";
  return program_for(
      is_common ? "faster_rcnn.hpp" : str("feature_extractors/", extractor, ".hpp>\n#include <odt/faster_rcnn.hpp"),
      str("odt::faster_rcnn<odt::", extractor, ">"));
}

}  // namespace detail::detector_choice

ODT_INLINE std::string source_for(const settings& root) {
  namespace d = detail::detector_choice;
  if (const settings* two_stages = d::find(&root, {"model", "faster_rcnn"}); two_stages && two_stages->set)
    return d::two_stage_source(root);
  const settings* ssd = d::find(&root, {"model", "ssd"});
  const settings* type = d::find(ssd, {"feature_extractor", "type"});
  if (!ssd || !ssd->set || !type) return {};
  const std::string_view parts[] = {
      d::source_name(d::extractors, type->text), d::source_name(d::coders, d::alternative(ssd->find("box_coder"))),
      d::source_name(d::matchers, d::alternative(ssd->find("matcher"))),
      d::source_name(d::optimizers, d::alternative(d::find(&root, {"train_config", "optimizer"})))};
  std::string arguments;
  for (const std::string_view part : parts) {
    if (part.empty()) return {};
    arguments += str(arguments.empty() ? "odt::" : ", odt::", part);
  }
  return d::program_for("ssd.hpp", str("odt::ssd<", arguments, ">"));
}

ODT_INLINE const detector_type& choose_detector(std::span<const detector_type> types, const settings& root,
                                                std::string_view device) {
  const settings* two_stages = detail::detector_choice::find(&root, {"model", "faster_rcnn"});
  if (two_stages && two_stages->set && is_accelerator(device))
    fail("--device ", device, ": detectors of two stages (model.faster_rcnn) do not run on accelerators; run it with ",
         "--device cpu or cuda, or choose an SSD, such as RetinaNet (docs/tpu.md says which fit)");
  std::string reasons;
  for (const detector_type& type : types) {
    const std::string mismatch = type.mismatch(root);
    if (mismatch.empty()) return type;
    reasons += str("\n  ", type.name, ": ", mismatch);
  }
  const std::string source = source_for(root);
  fail(root.place, ": this program has no detector for this config", types.empty() ? "; it has none at all" : ":",
       reasons, source.empty() ? "" : "\nThese lines make a program that has one:\n\n", source);
}

}  // namespace odt
