// SPDX-License-Identifier: MIT
// Pictures for people: boxes in the colours of their classes, with labels that can be read at any size of image, and
// masks as a tint of the same colour.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/image.hpp>
#include <odt/io/font.hpp>

#include <span>
#include <string>
#include <string_view>

namespace odt {

/// What is drawn; the defaults are eval_config's.
struct draw_options {
  float min_score = .5f;  ///< boxes with a score above it
  int max_boxes = 20;     ///< at most so many, in the given order
  bool labels = true;     ///< "name"
  bool scores = true;     ///< "87%"
  bool masks = true;      ///< the pixels of objects that have a mask are tinted
  bool outline = true;    ///< thin dark or light rims, so that a frame shows on ground of its own colour
  int line_width = 0;     ///< in pixels; 0: as the picture's size asks
  int text_height = 0;    ///< of a capital, in pixels; 0: as the picture's size asks
  std::string font;       ///< a font file for the labels; empty: strokes for ASCII, and the system's fonts for the rest
};

/// The colour that the API gives to a class (numbered from 0).
color class_color(int label);

/// The text of a label: "cat: 87%", "cat" or "87%", "N/A" for an empty name.
std::string label_text(std::string_view class_name, float score, bool name = true, bool percent = true);

/// Draws a frame centred on the edges of a normalized box, pushed into the picture where it would leave it.
void draw_box(image& picture, const boxf& bounds, color ink, int line_width);

/// Draws detections with their labels. Names are by class (label_map::class_names), in any script; characters that no
/// font has become question marks, and scripts that need a shaper are set letter by letter, with a warning once for
/// each name. For images with three channels.
void draw_detections(image& picture, const detections& found, std::span<const std::string> class_names,
                     const draw_options& options = {});

/// Draws ground truth, all of it, labelled with names alone. Masks have to be as large as the picture.
void draw_labels(image& picture, const labels& truth, std::span<const std::string> class_names,
                 const draw_options& options = {});

/// One picture beside the other, at their tops; what is missing of the lower one is black.
image side_by_side(const image& left, const image& right);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/draw.ipp>
#endif
