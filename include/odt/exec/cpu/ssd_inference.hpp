// SPDX-License-Identifier: MIT
// An SSD's inference alone: from the bytes of a picture to detections, by the kernels of its training and to their
// bits, in memory that is taken at the start. `odt export --format cpp` writes headers around it.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/picture.hpp>
#include <odt/core/pixel_rows.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/post_processing.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// What an SSD was configured to be, without its training.
template <box_coder BoxCoder>
struct ssd_parts {
  network layers;
  image_resizer resizer;  ///< has a constant_size()
  pixel_transform pixels;
  BoxCoder coder;
  post_processing_options post_processing;
  bool has_background = true;
  std::span<const float> values;  ///< of the variables, as lay_out() places them, then of the normalized anchors
};

/// Those of a picture that lies in memory.
class rows_in_memory final : public pixel_rows {
 public:
  rows_in_memory(const std::uint8_t* rgb, int width) : rgb_(rgb), stride_(std::ptrdiff_t{3} * width) {}
  const std::uint8_t* row(int y, int left, int) override { return rgb_ + y * stride_ + std::ptrdiff_t{3} * left; }

 private:
  const std::uint8_t* rgb_;
  std::ptrdiff_t stride_;
};

/// Allocates nothing once it is made, for pictures up to the size that it was made for; larger ones make room for
/// themselves. (So does each shape of those that keep_aspect_ratio_resizer resizes by AREA.)
template <box_coder BoxCoder>
class ssd_inference {
 public:
  /// The parts' values have to outlive this. A `threads` of 0 means all of the machine's.
  ssd_inference(ssd_parts<BoxCoder> parts, size2 largest, int threads)
      : parts_(std::move(parts)),
        layout_(lay_out(parts_.layers)),
        pool_(threads),
        runner_(parts_.layers, layout_, pool_) {
    const size2 size = parts_.resizer.constant_size().value();
    frame_.height = size.height, frame_.width = size.width;
    runner_.use_plan(1, size, run_mode::infer);
    find_anchors();
    reserve(largest);
    runner_.forward(variables(), {});  // packs the weights
  }
  ssd_inference(const ssd_inference&) = delete;
  ssd_inference& operator=(const ssd_inference&) = delete;

  /// Best first, until the next call. `rgb` is the picture row by row.
  std::span<const detection> detect(const std::uint8_t* rgb, size2 size) {
    if (size.height < 1 || size.width < 1) fail("a picture of ", size.height, "x", size.width, " pixels has none");
    rows_in_memory rows(rgb, size.width);
    picture_.open(rows, size);
    frame_.true_sizes[0] = resize(parts_.resizer, parts_.pixels, picture_, runner_.images(), scratch_);
    runner_.forward(variables(), {});
    const boxf window = frame_.window(0);
    post_process(pool_, parts_.coder, anchors_, parts_.post_processing, predictions(), {&window, 1}, space_, found_);
    return found_[0];
  }

  /// Of the plan's buffers, its scratch and its packed weights.
  std::size_t memory_bytes() const { return runner_.arena_bytes() + runner_.packed_bytes(); }

 private:
  float* variables() { return const_cast<float*>(parts_.values.data()); }  // inference writes none

  ssd_predictions predictions() {
    return {1,
            static_cast<int>(anchors_.size()),
            runner_.current().columns(class_logits),
            runner_.output(box_encodings),
            runner_.output(class_logits),
            parts_.has_background};
  }

  void find_anchors() {
    const auto variables = static_cast<std::size_t>(layout_.floats);
    const auto anchors = static_cast<std::size_t>(runner_.current().rows(box_encodings));
    if (const std::size_t wanted = variables + 4 * anchors; parts_.values.size() != wanted)
      fail("the weights are ", parts_.values.size(), " floats, not the ", wanted,
           " of the network: the header and its file of weights are not of one export");
    anchors_ = {reinterpret_cast<const boxf*>(parts_.values.data() + variables), anchors};
  }

  void reserve_resizing(size2 largest) {
    const size2 result = parts_.resizer.outer_size(largest);
    const auto taps = [&](int in, int out, resize_taps& to) {
      const auto each = static_cast<std::size_t>(tap_count({parts_.resizer.method, in, out}));
      to.index.reserve(each * static_cast<std::size_t>(out));
      to.weight.reserve(each * static_cast<std::size_t>(out));
      return each;
    };
    taps(largest.width, result.width, scratch_.x);
    const std::size_t rows = taps(largest.height, result.height, scratch_.y);
    const auto width = static_cast<std::size_t>(result.width);
    scratch_.blend.pixels.reserve(width);
    scratch_.blend.shares.reserve(4 * width);
    scratch_.blend.bytes.reserve(width);
    auto& groups = scratch_.blend.groups;
    groups.begin.reserve(width), groups.places.reserve(8 * width), groups.shares.reserve(width);
    scratch_.source_row.reserve(3 * static_cast<std::size_t>(largest.width));
    scratch_.rows.reserve(3 * width * rows);
    scratch_.row_numbers.reserve(rows);
  }

  void reserve(size2 largest) {
    reserve_resizing(largest);
    const non_max_suppression_options& o = parts_.post_processing.suppression;
    const auto total = static_cast<std::size_t>(o.max_total_detections);
    const auto of_class = static_cast<std::size_t>(o.max_detections_per_class);
    const auto classes = static_cast<std::size_t>(predictions().classes());
    const std::size_t selected =
        o.use_class_agnostic_nms ? std::min(anchors_.size(), total) : classes * std::min(anchors_.size(), of_class);
    space_ = post_processing_workspace(static_cast<int>(anchors_.size()), predictions().class_slots, 1);
    space_.of(0).suppression.merged.reserve(selected);
    space_.of(0).suppression.best.reserve(std::min(total, selected));
    found_.resize(1);
    found_[0].reserve(selected);
  }

  const ssd_parts<BoxCoder> parts_;
  const variable_layout layout_;
  thread_pool pool_;
  runner runner_;
  std::span<const boxf> anchors_;
  picture picture_;
  resize_scratch scratch_;
  batch frame_ = batch::zeros(1, 0, 0, 0);  ///< for its clip window
  post_processing_workspace space_{0, 0, 0};
  std::vector<detections> found_;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
