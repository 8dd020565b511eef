// SPDX-License-Identifier: MIT
// Batches on their way into a device's memory: one, or those of several steps as one transfer each of images, boxes,
// ...
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/exec/pjrt/plugin.hpp>
#include <odt/image_resizer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace odt::pjrt {

class batch_transfer {
 public:
  using arrays = std::vector<std::shared_ptr<device_array>>;

  /// As a step's module takes it.
  arrays send(client& to, const batch& b, int device) {
    const batch* const one = &b;
    return send_stack(to, {&one, 1}, {}, device);
  }

  /// As a loop's module takes them, behind one another, with a leading axis of `rows`; zeros where there are fewer.
  arrays send(client& to, std::span<const batch* const> batches, std::int64_t rows, int device) {
    return send_stack(to, batches, {rows}, device);
  }

 private:
  arrays send_stack(client& to, std::span<const batch* const> batches, const extents& leading, int device) {
    const std::int64_t images = batches[0]->size, boxes = batches[0]->max_boxes;
    arrays sent;
    const auto add = [&](const auto& part, extents shape) {
      std::span<const float> values = part(*batches[0]);
      if (!leading.empty()) {
        const std::size_t size = values.size();
        stack_.assign(static_cast<std::size_t>(leading[0]) * size, 0);
        for (std::size_t i = 0; i < batches.size(); ++i)
          std::ranges::copy(part(*batches[i]), stack_.begin() + static_cast<std::ptrdiff_t>(i * size));
        values = stack_;
      }
      shape.insert(shape.begin(), leading.begin(), leading.end());
      sent.push_back(to.upload(values, shape, device));
    };
    const auto converted = [this](const std::vector<int>& numbers) -> std::span<const float> {
      numbers_.assign(numbers.begin(), numbers.end());
      return numbers_;
    };
    static_assert(sizeof(boxf) == 4 * sizeof(float));
    add([this](const batch& b) { return images_of(b); }, {images, batches[0]->height, batches[0]->width, 3});
    add([](const batch& b) { return std::span(reinterpret_cast<const float*>(b.boxes.data()), 4 * b.boxes.size()); },
        {images, boxes, 4});
    add([&](const batch& b) { return converted(b.classes); }, {images, boxes});
    add([](const batch& b) { return std::span<const float>(b.weights); }, {images, boxes});
    add([&](const batch& b) { return converted(b.counts); }, {images, 1});
    return sent;
  }

  std::span<const float> images_of(const batch& b) {
    if (b.raws.empty()) return b.images;
    check_raws(b);
    const std::ptrdiff_t floats = std::ptrdiff_t{3} * b.height * b.width;
    made_images_.resize(static_cast<std::size_t>(b.size * floats));
    resize_scratch scratch;
    for (int i = 0; i < b.size; ++i) make_image(b, i, made_images_.data() + i * floats, scratch);
    return made_images_;
  }

  std::vector<float> made_images_, numbers_, stack_;
};

/// The batches of a loop's steps in the devices' memory: those of one group, and of the next when it is announced.
class group_transfer {
 public:
  using arrays = batch_transfer::arrays;

  /// Says which group comes next, for send_announced.
  void announce(std::span<const batch> next) { announced_ = next; }

  /// Sends it, of up to `most` steps of a batch for each replica; what is wrong with it is said when its turn comes.
  void send_announced(client& to, int replicas, int most) {
    const std::span<const batch> group = std::exchange(announced_, {});
    next_ = {};
    if (group.empty()) return;
    try {
      next_ = {group.data(), sent(to, group, replicas, most)};
    } catch (const error&) {
      next_ = {};
    }
  }

  /// A group's arrays, by replica; `begins` where its first step is about to be taken.
  const std::vector<arrays>& of(client& to, std::span<const batch> group, bool begins, int replicas, int most) {
    if (!begins && current_.first == group.data()) return current_.second;
    current_ = {};  // before another takes memory
    if (begins && next_.first == group.data())
      current_ = std::exchange(next_, {});
    else
      current_ = {group.data(), sent(to, group, replicas, most)};
    return current_.second;
  }

 private:
  std::vector<arrays> sent(client& to, std::span<const batch> group, int replicas, int most) {
    for (const batch& b : group)
      if (b.size != group[0].size || b.height != group[0].height || b.width != group[0].width)
        fail("--iterations_per_loop: batches of ", b.size, " images of ", b.height, "x", b.width, " and of ",
             group[0].size, " of ", group[0].height, "x", group[0].width,
             " do not go into one loop; give the images one size (fixed_shape_resizer), or leave the flag away");
    std::vector<arrays> all;
    for (int r = 0; r < replicas; ++r) {
      std::vector<const batch*> own;
      for (auto i = static_cast<std::size_t>(r); i < group.size(); i += static_cast<std::size_t>(replicas))
        own.push_back(&group[i]);
      all.push_back(transfer_.send(to, own, most, r));
    }
    return all;
  }

  batch_transfer transfer_;
  std::span<const batch> announced_;
  std::pair<const batch*, std::vector<arrays>> current_, next_;
};

}  // namespace odt::pjrt
