// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/mask_map.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/sample_maker.hpp>
#include <odt/dataset/shuffle.hpp>
#include <odt/io/example.hpp>

#include <algorithm>
#include <cstddef>

namespace odt {

ODT_INLINE void example_reports::problem(std::uint64_t record, std::string_view message) {
  {
    const std::lock_guard lock(mutex_);
    if (!problems_.insert(record).second) return;
  }
  warn(message);
}

ODT_INLINE void example_reports::skip(std::uint64_t record, std::string_view message) {
  {
    const std::lock_guard lock(mutex_);
    if (!skipped_.emplace(record, message).second) return;
  }
  warn("skipped: ", message);
}

ODT_INLINE std::vector<std::string> example_reports::skipped() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> messages;
  for (const auto& [record, message] : skipped_) messages.push_back(message);
  return messages;
}

ODT_INLINE std::uint64_t epoch_size(const loader_options& options, const record_set& records) {
  const auto n = static_cast<std::uint64_t>(options.sample_1_of_n_examples);
  const std::uint64_t all = (records.size() + n - 1) / n;
  return options.evaluation && options.max_examples > 0 ? std::min(all, options.max_examples) : all;
}

ODT_INLINE std::uint64_t record_of(std::uint64_t sample, std::uint64_t retries, std::uint64_t epoch_size,
                                   const loader_options& options) {
  const std::uint64_t epoch = sample / epoch_size, position = (sample + retries) % epoch_size;
  const bool in_order = options.evaluation || !options.shuffle;
  const std::uint64_t example = in_order ? position : shuffled(options.seed, epoch, epoch_size, position);
  return example * static_cast<std::uint64_t>(options.sample_1_of_n_examples);
}

ODT_INLINE void shape(batch& b, int images, size2 size, const loader_options& options) {
  const auto n = static_cast<std::size_t>(images), boxes = n * static_cast<std::size_t>(options.max_boxes);
  b.size = images, b.height = size.height, b.width = size.width, b.max_boxes = options.max_boxes;
  b.images.resize(options.raw ? 0
                              : n * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * 3);
  b.raws.resize(options.raw ? n : 0);
  b.form = {options.resizer.method, options.transform, options.resizer.pad_value};
  b.counts.resize(n);
  b.boxes.resize(boxes);
  b.classes.resize(boxes);
  b.weights.resize(boxes);
  b.masks.resize(options.masks ? boxes : 0);
  b.true_sizes.resize(n);
  b.original_sizes.resize(n);
  b.ids.resize(n);
  b.groundtruth.resize(options.evaluation ? n : 0);
  b.originals.resize(options.evaluation && options.originals ? n : 0);
}

ODT_INLINE bool sample_maker::make(std::uint64_t sample, batch& out, int i) {
  const std::uint64_t examples = epoch_size(options_, records_);
  for (std::uint64_t retries = 0; retries < examples; ++retries) {
    const std::uint64_t record = record_of(sample, retries, examples, options_);
    try {
      make_from(record, sample, out, i);
      return true;
    } catch (const error& e) {
      if (options_.on_bad_example == bad_example::fail) throw;
      reports_.skip(record, e.what());
      if (options_.evaluation) return false;
    }
  }
  fail(join(options_.input_path, ", "), ": none of the ", examples, " examples can be used; the last one is ",
       records_.place(record_of(sample, examples - 1, examples, options_)));
}

ODT_INLINE void sample_maker::make_from(std::uint64_t record, std::uint64_t sample, batch& out, int i) {
  const std::string place = records_.place(record);
  const example source = parse_example(records_.read(record), place, options_.masks);
  if (options_.evaluation) {
    decoder_.decode(source.encoded, place, decoded_, options_.decoding);
    pixels_.open(decoded_);
  } else {
    decoder_.open(source.encoded, place, pixels_, options_.decoding);
  }
  const size2 original = pixels_.size();
  check_masks(source, original, place);
  checked_labels checked = to_labels(source, options_.classes, original);
  if (checked.useless()) fail(describe_useless(place, source, checked));
  if (!checked.problems.empty())
    reports_.problem(2 * record, str(place, " (", source.name("no name"), "): ", join(checked.problems, "; ")));
  labels& truth = checked.truth;
  const auto n = static_cast<std::size_t>(i);
  if (options_.evaluation) out.groundtruth[n] = truth;
  out.original_sizes[n] = original;
  out.ids[n] = source.name(place);

  steps_.clear();
  size2 drawn = original;
  if (!options_.evaluation) drawn = options_.augmentations.draw(truth, original, options_.seed, sample, steps_);
  const size2 inner = options_.resizer.inner_size(drawn), outer = options_.resizer.outer_size(drawn);
  if (!options_.resizer.constant_size()) shape(out, 1, outer, options_);
  const auto image_values = static_cast<std::size_t>(outer.height) * static_cast<std::size_t>(outer.width) * 3;
  if (options_.raw)
    keep_raw(out.raws[n], outer);
  else
    finish(out.images.data() + n * image_values);
  out.true_sizes[n] = inner;
  if (truth.size() > static_cast<std::size_t>(options_.max_boxes))
    reports_.problem(2 * record + 1,
                     str(place, " (", source.name("no name"), "): ", truth.size(), " boxes; only the first ",
                         options_.max_boxes, " count (max_number_of_boxes)"));
  write_boxes(truth, inner, outer, out, i);
  if (options_.masks) write_masks(truth, original, out, i);
  if (options_.evaluation && options_.originals) out.originals[n] = std::move(decoded_);
}

ODT_INLINE void sample_maker::finish(float* out) {
  follow(steps_, pixels_);
  resize(options_.resizer, options_.transform, pixels_, out, scratch_);
}

ODT_INLINE void sample_maker::keep_raw(raw_image& out, size2 outer) {
  cropped_recipe cropped = crop_first(steps_, pixels_.size());
  const pixel_window& w = cropped.window;
  out.finished.clear();
  if (!travels(w.size, cropped.rest.size(), outer)) {
    out.finished.resize(static_cast<std::size_t>(outer.height) * static_cast<std::size_t>(outer.width) * 3);
    return finish(out.finished.data());
  }
  pixels_.crop(w.top, w.left, w.size);
  out.steps = std::move(cropped.rest);
  image& to = out.picture;
  to.height = w.size.height, to.width = w.size.width, to.channels = 3;
  const auto line = static_cast<std::size_t>(to.width) * 3;
  to.pixels.resize(line * static_cast<std::size_t>(to.height));
  for (int y = 0; y < to.height; ++y) std::copy_n(pixels_.stored_bytes(y), line, to.at(y, 0));
}

ODT_INLINE void sample_maker::write_boxes(const labels& truth, size2 inner, size2 outer, batch& out, int i) const {
  const auto capacity = static_cast<std::size_t>(options_.max_boxes), first = static_cast<std::size_t>(i) * capacity;
  const std::size_t count = std::min(truth.size(), capacity);
  out.counts[static_cast<std::size_t>(i)] = static_cast<int>(count);
  for (std::size_t j = 0; j < capacity; ++j) {
    const bool real = j < count;
    out.boxes[first + j] = real ? truth.boxes[j] : boxf{0, 0, 0, 0};
    out.classes[first + j] = real ? truth.classes[j] : 0;
    out.weights[first + j] = real ? truth.weights[j] : 0.0f;
  }
  if (inner == outer) return;  // else the boxes of the image become boxes of the padded input
  const auto ratio = [](int whole, int part) { return static_cast<float>(whole) / static_cast<float>(part); };
  change_frame(std::span(out.boxes).subspan(first, count),
               {0, 0, ratio(outer.height, inner.height), ratio(outer.width, inner.width)});
}

ODT_INLINE void sample_maker::write_masks(const labels& truth, size2 original, batch& out, int i) const {
  const auto n = static_cast<std::size_t>(i), capacity = static_cast<std::size_t>(options_.max_boxes);
  const auto count = static_cast<std::size_t>(out.counts[n]);
  const mask_map map = map_masks(steps_, original, out.true_sizes[n], {out.height, out.width});
  for (std::size_t j = 0; j < capacity; ++j) {
    image& mask = out.masks[n * capacity + j];
    if (j < count)
      move_mask(map, truth.masks[j], mask);
    else
      mask = {};
  }
}

}  // namespace odt
