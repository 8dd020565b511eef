// SPDX-License-Identifier: MIT
// Whole models against the API's outputs (golden/models): detectors from its configs, its weights, its sampled tensors.
#pragma once

#include <odt/config/pipeline.hpp>
#include <odt/io/checkpoint.hpp>

#include "any_ssd.hpp"
#include "golden.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace odt::test {

inline fs::path models() { return golden() / "models"; }

/// Tensors stored as every stride-th element, flat: name.npy with name.json.
struct sampled_tensor {
  std::string name;
  std::size_t stride = 1;
  std::vector<double> values;
  double l2 = 0;
};

inline std::vector<sampled_tensor> load_samples(const fs::path& stem) {
  const array flat = load_npy(fs::path(stem.string() + ".npy"));
  const json index = load_json(stem.string() + ".json");
  std::vector<sampled_tensor> result;
  for (const json& entry : index) {
    const auto offset = entry.at("offset").get<std::ptrdiff_t>(), count = entry.at("count").get<std::ptrdiff_t>();
    result.push_back({entry.at("name"),
                      entry.at("stride"),
                      {flat.values.begin() + offset, flat.values.begin() + offset + count},
                      entry.value("l2", 0.0)});
  }
  return result;
}

inline image load_photo(const fs::path& path) {
  const array pixels = load_npy(path);
  image picture(static_cast<int>(pixels.shape[0]), static_cast<int>(pixels.shape[1]));
  for (std::size_t i = 0; i < pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(pixels[i]);
  return picture;
}

/// Those of the named cases that are there; the others are told, and skipped.
inline std::vector<std::string> present_cases(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) {
    const bool absent = !fs::exists(models() / name);
    if (absent) std::cerr << "SKIPPED: " << (models() / name).string() << " is not there\n";
    return absent;
  });
  return names;
}

/// What is asked of a number: the README's `ask`, or twice what the case says of TensorFlow's own float32.
inline double asked(double ask, const json& tensorflow) { return std::max(ask, 2 * tensorflow.get<double>()); }

/// The weight that the fixtures' README gives variable `name` (behind the case's salt) at flat index i.
inline float formula_weight(const std::string& salt, const std::string& name, const std::vector<int>& shape,
                            std::uint64_t i, double factor) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : salt + name) h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  std::uint64_t z = h + i + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  const double u = static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  const auto ends = [&name](const char* suffix) { return name.ends_with(suffix); };
  double value = 0.1 * (2 * u - 1);
  if (ends("depthwise_weights")) {
    value = (2 * u - 1) * std::sqrt(6.0 / (shape[0] * shape[1]));
  } else if (ends("weights")) {
    double fan_in = 1;
    for (std::size_t d = 0; d + 1 < shape.size(); ++d) fan_in *= shape[d];
    value = (2 * u - 1) * std::sqrt(6.0 / fan_in);
  } else if (ends("gamma")) {
    value = 1 + 0.1 * (2 * u - 1);
  } else if (ends("moving_variance")) {
    value = 1 + 0.5 * u;
  }
  return static_cast<float>(value * factor);
}

/// A detector of a case's pipeline.config; all of its fields must have been understood.
inline std::unique_ptr<any_ssd> make_detector(const fs::path& config, int threads = 2) {
  const pipeline p = pipeline::load(config.string());
  return std::make_unique<any_ssd>(any_ssd::options::from(p.root()), run_options{.seed = 1, .threads = threads});
}

/// A variable's formula weights; `params` are the case's.
inline void fill_formula_weights(const json& params, const std::string& name, const std::vector<int>& shape,
                                 std::span<float> values) {
  const std::string salt = params.at("salt");
  double factor = 1;
  for (const json& scale : params.at("scales"))
    if (name.find(scale[0].get<std::string>()) != std::string::npos) factor *= scale[1].get<double>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = formula_weight(salt, name, shape, i, factor);
}

/// `params` are the case's.
inline void load_formula_weights(detector& d, const json& params) {
  d.edit_state([&](std::span<const editable_tensor> state) {
    for (const editable_tensor& t : state)
      if (t.model_variable) fill_formula_weights(params, t.name, t.shape, t.values);
  });
  d.reset_averages();
}

/// Model variables from a checkpoint; every one must be there.
inline void load_checkpoint(detector& d, const fs::path& prefix) {
  const checkpoint_reader reader(prefix.string());
  d.edit_state([&reader](std::span<const editable_tensor> state) {
    for (const editable_tensor& t : state)
      if (t.model_variable) reader.read<float>(t.name, t.values);
  });
  d.reset_averages();
}

/// The two photos of a step of the train cases, prepared as the detector wants them, with the boxes of a file.
inline batch photo_batch(detector& d, int step, const fs::path& boxes_file = models() / "inputs_photos/boxes.npy") {
  const array images = load_npy(models() / "inputs_photos/images.npy");
  const array boxes = load_npy(boxes_file);
  const array classes = load_npy(models() / "inputs_photos/classes.npy");
  const array counts = load_npy(models() / "inputs_photos/num_boxes.npy");
  batch b;
  for (int i = 0; i < 2; ++i) {
    const auto photo = static_cast<std::size_t>(2 * (step % 4) + i);
    image picture(240, 320);
    for (std::size_t k = 0; k < picture.pixels.size(); ++k)
      picture.pixels[k] = static_cast<std::uint8_t>(images[photo * picture.pixels.size() + k]);
    const network_input input = to_network_input(picture, d.resizer(), d.pixels());
    if (i == 0) b = batch::zeros(2, input.pixels.height, input.pixels.width, 100);
    std::ranges::copy(input.pixels.pixels,
                      b.images.begin() + i * static_cast<std::ptrdiff_t>(input.pixels.pixels.size()));
    b.true_sizes[static_cast<std::size_t>(i)] = input.true_size;
    b.original_sizes[static_cast<std::size_t>(i)] = input.original_size;
    const int n = static_cast<int>(counts[photo]);
    b.counts[static_cast<std::size_t>(i)] = n;
    for (int k = 0; k < n; ++k) {
      const std::size_t from = (photo * 8 + static_cast<std::size_t>(k)), to = static_cast<std::size_t>(i * 100 + k);
      const auto corner = [&](std::size_t c) { return static_cast<float>(boxes[from * 4 + c]); };
      b.boxes[to] = {corner(0), corner(1), corner(2), corner(3)};
      b.classes[to] = static_cast<int>(classes[from]) - 1;
      b.weights[to] = 1;
    }
  }
  return b;
}

/// Largest difference over the largest absolute value of `expected`.
template <class Actual>
double over_max(const Actual& actual, const std::vector<double>& expected) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(actual[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

/// L2 norm of the difference over the L2 norm of `expected`, on the sampled elements.
inline double l2_distance(std::span<const float> actual, const sampled_tensor& expected) {
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < expected.values.size(); ++k) {
    const double a = actual[k * expected.stride], e = expected.values[k];
    difference += (a - e) * (a - e), norm += e * e;
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace odt::test
