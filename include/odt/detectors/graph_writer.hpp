// SPDX-License-Identifier: MIT
// What a detector says of its inference to whoever writes it down in another program's format. A family of detectors
// writes its graph once, in these words; each format says them in its own (tensorflow_writer.ipp, ...).
//
// Tensors are maps, [batch, height, width, channels] in the format's own order of axes, which only layers read and
// write; or rows, [batch, rows, columns] in that order; or the columns of rows, [batch, rows].
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/image.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A tensor of a graph that is being written, as its format calls it; as an operand also a number.
struct graph_tensor {
  std::string name{};
  std::optional<float> number{};

  bool given() const { return number || !name.empty(); }
};

/// Functions of one or two tensors, element by element; where one of two is a scalar, it goes with each element of the
/// other, and a row of values goes with each row.
enum class graph_function : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  minimum,
  maximum,
  negate,
  exponential,
  logarithm,
  square_root,
  sigmoid,
  softmax,  ///< over the columns of rows
  positive  ///< 1 above 0, else 0
};

/// The network's input.
struct graph_images {
  graph_tensor pixels;         ///< maps
  graph_tensor height, width;  ///< of the maps, scalars
  graph_tensor window{};       ///< the image within its padding, [4], normalized; not given: all of it
};

/// Boxes of which the best are kept; see cpu::scored_boxes.
struct graph_candidates {
  graph_tensor boxes;      ///< rows of 4: [batch, rows x boxes_per_row, 4]
  graph_tensor scores;     ///< [batch, rows, classes]
  int classes = 0;         ///< without background
  int boxes_per_row = 1;   ///< 1, or `classes` where each class has a box of its own
  graph_tensor carried{};  ///< [batch, rows, carried_columns]: goes along with the boxes; it may not be given
  int carried_columns = 0;
  graph_tensor window{};  ///< [4], that they are clipped to; not given: [0, 0, 1, 1]
};

/// What a detector of one stage predicts, for formats with an operation that decodes boxes and chooses the best.
struct graph_predictions {
  graph_tensor encodings;         ///< rows of 4, by faster_rcnn_box_coder: [batch, anchors, 4]
  graph_tensor scores;            ///< [batch, anchors, classes], or the background and these
  int classes = 0;                ///< without background
  std::span<const boxf> anchors;  ///< normalized
  std::array<float, 4> scales{};  ///< the coder's, of y, x, height and width
};

/// What is kept, padded with zeros to max_total_detections.
struct graph_detections {
  graph_tensor boxes;      ///< [batch, detections, 4]
  graph_tensor scores;     ///< [batch, detections]
  graph_tensor classes;    ///< [batch, detections], from 0, as floats
  graph_tensor valid;      ///< [batch, detections], 1 for what was found, 0 for what pads
  graph_tensor count;      ///< [batch], as floats
  graph_tensor carried{};  ///< [batch, detections, columns]
};

class graph_writer {
 public:
  virtual ~graph_writer() = default;

  /// What is written from now on has its names below that scope; where the format has names.
  virtual void enter(std::string_view scope) = 0;

  /// The graph's input and what becomes of it before the first layer.
  virtual graph_images images(const image_resizer& resizer, const pixel_transform& pixels) = 0;
  /// A layer; `written` are the tensors of those before it, by their numbers. Fails where the format has no words for
  /// it.
  virtual graph_tensor write_layer(const network& net, int number, std::span<const graph_tensor> written) = 0;
  /// Rows of maps, one map after another: each pixel makes channels / columns rows.
  virtual graph_tensor rows(const network& net, const network_output& output,
                            std::span<const graph_tensor> written) = 0;

  virtual graph_tensor constant(const std::vector<int>& shape, std::span<const float> values) = 0;
  virtual graph_tensor apply(graph_function f, const graph_tensor& a, const graph_tensor& b = {}) = 0;
  /// Each column of rows.
  virtual std::vector<graph_tensor> split(const graph_tensor& rows, int columns) = 0;
  /// Rows of these columns.
  virtual graph_tensor join(std::span<const graph_tensor> columns) = 0;
  /// Columns first, first + 1, ... of rows.
  virtual graph_tensor slice(const graph_tensor& rows, int first, int count) = 0;

  /// Rows side by side `times` times: [batch, rows, times x columns].
  virtual graph_tensor repeat(const graph_tensor& rows, int columns, int times) = 0;
  /// Rows of so many columns instead: [batch, rows x k, columns] of [batch, rows, k x columns].
  virtual graph_tensor fold(const graph_tensor& rows, int columns) = 0;

  /// Boxes, [boxes, 4] in pixels, over every pixel of a map, row by row: [pixels x boxes, 4]. Those of the next pixel
  /// are `stride` further.
  virtual graph_tensor lay(const graph_tensor& map, std::span<const boxf> boxes, size2 stride) = 0;
  /// Of rows of [batch, rows x classes, 4] those of each row's best class by [batch, rows, classes]: [batch, rows, 4].
  virtual graph_tensor of_best_class(const graph_tensor& boxes, const graph_tensor& scores, int classes) = 0;
  /// What [batch, detections x pixels, classes] says of the class of each detection, [batch, detections]; a map of that
  /// size each: [batch, detections, height, width].
  virtual graph_tensor of_class(const graph_tensor& rows, const graph_tensor& classes, int slots, int detections,
                                size2 size) = 0;
  /// Whether detections are wanted; else only what they are chosen from.
  virtual bool wants_detections() const { return true; }
  virtual graph_detections suppress(const graph_candidates& boxes, const non_max_suppression_options& options) = 0;

  /// Whether the format decodes boxes itself: then it is given predictions, and nothing else but the network.
  virtual bool decodes() const { return false; }
  virtual void decode(const graph_predictions&, const non_max_suppression_options&) {}

  /// Names an output of the graph, with its extents (-1: as many as there are).
  virtual void output(std::string_view name, const graph_tensor& tensor, const std::vector<int>& shape) = 0;
};

}  // namespace odt
