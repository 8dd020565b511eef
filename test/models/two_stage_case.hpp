// SPDX-License-Identifier: MIT
// A two-stage detector of the API's cases: its weights, its photos, its boxes.
#pragma once

#include "any_faster_rcnn.hpp"
#include "models/model_case.hpp"

#include <odt/core/crop_taps.hpp>
#include <odt/nn/shapes.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace odt::test {

/// A case's detector with formula weights. Its samplers take the lowest indices, as the cases' did.
struct two_stage_case {
  using step_type = cpu::faster_rcnn_step<any_faster_rcnn::axes>;

  fs::path folder;
  json what = load_json(folder / "case.json");
  std::unique_ptr<any_faster_rcnn> detector;

  explicit two_stage_case(const std::string& name) : folder(models() / name) {
    const pipeline p = pipeline::load((folder / "pipeline.config").string());
    auto options = any_faster_rcnn::options::from(p.root());
    options.loss.first.sampler.lowest_indices = options.loss.second.sampler.lowest_indices = true;
    detector = std::make_unique<any_faster_rcnn>(std::move(options), run_options{.seed = 1, .threads = 2});
    load_formula_weights(*detector, what["params"]);
  }

  step_type& step() { return static_cast<step_type&>(detector->device()); }
  cpu::runner& runner() { return step().network_runner(); }
  array load(const std::string& name) const { return load_npy(folder / (name + ".npy")); }

  /// Largest difference of what lies at `actual` from an array, over its largest value.
  double distance(const float* actual, const std::string& name) const { return test::distance(actual, folder / name); }

  /// The first stage's predictions of the anchors that take part, one row after another.
  std::vector<float> of_anchors(int output, int columns) {
    const anchor_selection& kept = step().boxes().anchors();
    std::vector<float> rows;
    for (int i = 0; i < runner().current().batch; ++i)
      for (const int a : kept.rows) {
        const float* from = runner().output(output) + (std::ptrdiff_t{1} * i * kept.all + a) * columns;
        rows.insert(rows.end(), from, from + columns);
      }
    return rows;
  }

  /// Proposals, as the fixture has them normalized, for whose crops another rounding of the box decides otherwise
  /// whether the last row or column lies within the map (../shared/golden's README): these cannot be compared.
  std::vector<std::size_t> flipped_crops(const std::string& expected, size2 image) {
    std::vector<std::size_t> flipped;
    const network& net = detector->layers();
    const auto all = shapes(net, detector->resizer().outer_size(image));
    const array theirs = load(expected);
    const proposals ours = step().boxes().taken();
    for (int l = 0; l < net.size(); ++l) {
      if (net[l].kind != layer_kind::crop_and_resize || net[l].inputs.size() != 2) continue;
      const shape3& map = all[static_cast<std::size_t>(net[l].inputs[0])];
      const auto decisions = [&](const boxf& b) {
        const crop_axis y(b.ymin, b.ymax, map.height, net[l].crop.height),
            x(b.xmin, b.xmax, map.width, net[l].crop.width);
        return std::pair(y.tap(net[l].crop.height - 1).inside, x.tap(net[l].crop.width - 1).inside);
      };
      for (std::size_t i = 0; i < theirs.size() / 4; ++i) {
        const auto side = [&](std::size_t k) { return static_cast<float>(theirs[4 * i + k]); };
        if (decisions(ours.normalized[i]) != decisions({side(0), side(1), side(2), side(3)})) flipped.push_back(i);
      }
      break;
    }
    return flipped;
  }

  /// The batch of a train step.
  batch photos(int step) const {
    const json& params = what["params"];
    const int size = params["batch"], cycle = params["batches"];
    const array images = load_npy(models() / "inputs_photos/images.npy"), counts = load("groundtruth_counts");
    const bool transposes = params["transposed"] != "none";
    batch b;
    for (int i = 0; i < size; ++i) {
      const int photo = step % cycle * size + i;
      const network_input input =
          to_network_input(picture(images, photo, transposes && i % 2 == 1), detector->resizer(), detector->pixels());
      if (i == 0) b = batch::zeros(size, size > 1 ? 200 : input.pixels.height, size > 1 ? 200 : input.pixels.width, 8);
      place(input, i, b);
      label(i, photo, counts, b);
    }
    return b;
  }

 private:
  static image picture(const array& images, int number, bool transposed) {
    image p(240, 320);
    for (std::size_t k = 0; k < p.pixels.size(); ++k)
      p.pixels[k] = static_cast<std::uint8_t>(images[static_cast<std::size_t>(number) * p.pixels.size() + k]);
    if (!transposed) return p;
    image other(320, 240);
    for (int y = 0; y < 320; ++y)
      for (int x = 0; x < 240; ++x) std::copy_n(p.at(x, y), 3, other.at(y, x));
    return other;
  }

  /// Top left in image i, beside padding.
  void place(const network_input& input, int i, batch& b) const {
    const auto& from = input.pixels;
    const std::ptrdiff_t floats = std::ptrdiff_t{3} * b.height * b.width;
    for (std::ptrdiff_t k = 0; k < floats; ++k)
      b.images[static_cast<std::size_t>(i * floats + k)] =
          detector->resizer().pad_value[static_cast<std::size_t>(k % 3)];
    for (int y = 0; y < input.true_size.height; ++y)
      std::copy_n(from.at(y, 0), 3 * input.true_size.width,
                  b.images.data() + ((std::ptrdiff_t{1} * i * b.height + y) * b.width) * 3);
    b.true_sizes[static_cast<std::size_t>(i)] = input.true_size;
    b.original_sizes[static_cast<std::size_t>(i)] = input.original_size;
  }

  void label(int i, int photo, const array& counts, batch& b) const {
    const array boxes = load("groundtruth_boxes"), classes = load("groundtruth_classes");
    std::size_t first = 0;
    for (int k = 0; k < photo; ++k) first += static_cast<std::size_t>(counts[static_cast<std::size_t>(k)]);
    const int n = static_cast<int>(counts[static_cast<std::size_t>(photo)]);
    b.counts[static_cast<std::size_t>(i)] = n;
    for (int k = 0; k < n; ++k) {
      const std::size_t from = first + static_cast<std::size_t>(k), to = static_cast<std::size_t>(i * b.max_boxes + k);
      const auto corner = [&](std::size_t c) { return static_cast<float>(boxes[from * 4 + c]); };
      b.boxes[to] = {corner(0), corner(1), corner(2), corner(3)};
      b.classes[to] = static_cast<int>(classes[from]) - 1;
      b.weights[to] = 1;
    }
    if (fs::exists(folder / "groundtruth_masks.npy")) mask(i, photo, counts, b);
  }

  /// The masks of one image: bits of [boxes, height, width], padded to a whole byte behind every image.
  void mask(int i, int photo, const array& counts, batch& b) const {
    const array bits = load("groundtruth_masks");
    const std::size_t pixels = static_cast<std::size_t>(b.height) * static_cast<std::size_t>(b.width);
    std::size_t byte = 0;
    for (int k = 0; k < photo; ++k)
      byte += (static_cast<std::size_t>(counts[static_cast<std::size_t>(k)]) * pixels + 7) / 8;
    b.masks.resize(static_cast<std::size_t>(b.size * b.max_boxes));
    for (int k = 0; k < b.counts[static_cast<std::size_t>(i)]; ++k) {
      image& m = b.masks[static_cast<std::size_t>(i * b.max_boxes + k)];
      m = image(b.height, b.width, 1);
      for (std::size_t p = 0; p < pixels; ++p) {
        const std::size_t bit = static_cast<std::size_t>(k) * pixels + p;
        m.pixels[p] = static_cast<unsigned>(bits[byte + bit / 8]) >> (7 - bit % 8) & 1u;
      }
    }
  }
};

}  // namespace odt::test
