// SPDX-License-Identifier: MIT
// A train case of the API: its detector, weights and photos, and distances from its arrays.
#pragma once

#include <odt/nn/shapes.hpp>
#include "models/model_case.hpp"

namespace model_cases {

namespace test = odt::test;

using step_type = odt::cpu::ssd_step<test::any_ssd::axes>;

/// A case's detector with the weights that it starts from.
struct trained {
  std::string name;
  test::fs::path folder = test::models() / name;
  test::json what = test::load_json(folder / "case.json");
  bool frozen = name.find("frozen") != std::string::npos;
  std::unique_ptr<test::any_ssd> detector = test::make_detector(folder / "pipeline.config");

  explicit trained(std::string case_name) : name(std::move(case_name)) {
    if (const auto own = folder / "init"; test::fs::exists(own.string() + ".index"))
      test::load_checkpoint(*detector, own);
    else if (name.starts_with("train_ssd_mobilenet_v1_frozen_bn"))
      test::load_checkpoint(*detector, test::models() / "train_ssd_mobilenet_v1/step_100");
    else
      begin_with_formula();
  }

  odt::size2 image_size() const {
    const odt::batch b = photos(0);
    return {b.height, b.width};
  }
  step_type& step() { return static_cast<step_type&>(detector->device()); }
  test::array load(const std::string& array) const { return test::load_npy(folder / (array + ".npy")); }

  /// The photos of a step with the case's own boxes, where it has some.
  odt::batch photos(int number) const {
    const auto own = folder / "groundtruth_boxes.npy";
    return test::photo_batch(*detector, number,
                             test::fs::exists(own) ? own : test::models() / "inputs_photos/boxes.npy");
  }

 private:
  void begin_with_formula() {
    test::load_formula_weights(*detector, what["params"]);
    if (!test::fs::exists(folder / "moving_averages_init.npy")) return;
    const auto averages = test::load_samples(folder / "moving_averages_init");
    detector->edit_state([&averages](std::span<const odt::editable_tensor> state) {
      for (const odt::editable_tensor& t : state)
        for (const test::sampled_tensor& from : averages)
          if (from.name == t.name && from.stride == 1)
            std::ranges::transform(from.values, t.values.begin(), [](double v) { return static_cast<float>(v); });
    });
    detector->reset_averages();
  }
};

/// The predictions of one feature map at a time: largest difference over largest value.
inline std::vector<double> by_feature_map(trained& t, const float* actual, const std::vector<double>& expected,
                                          std::size_t columns) {
  std::vector<double> result;
  const odt::network& net = t.detector->layers();
  const odt::size2 size = t.image_size();
  const auto maps = odt::feature_map_sizes(net, size);
  const auto anchors = static_cast<std::size_t>(odt::anchor_count(net, size));
  std::size_t first = 0;
  for (std::size_t m = 0; m < maps.size(); ++m) {
    const auto rows =
        static_cast<std::size_t>(maps[m].height * maps[m].width *
                                 odt::rows_per_pixel(net, net.outputs[odt::box_encodings], static_cast<int>(m)));
    double difference = 0, largest = 0;
    for (std::size_t image = 0; image < 2; ++image)
      for (std::size_t i = first * columns; i < (first + rows) * columns; ++i) {
        const std::size_t at = image * anchors * columns + i;
        difference = std::max(difference, std::abs(static_cast<double>(actual[at]) - expected[at]));
        largest = std::max(largest, std::abs(expected[at]));
      }
    result.push_back(difference / largest);
    first += rows;
  }
  return result;
}

/// The gradient of the total loss, as the step left it.
inline double gradient_distance(trained& t, const odt::variable& v, const test::sampled_tensor& expected) {
  return test::l2_distance(
      t.step().stores().gradients.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size)),
      expected);
}

/// The variables after the first update, and the optimizer's slots, whose names hold `slot` and which may be off by
/// `slot_ask`.
inline void check_first_update(trained& t, const std::string& slot, double slot_ask) {
  const auto state = t.detector->state();
  double worst = 0;
  std::string name;
  int compared = 0;
  for (const auto& expected : test::load_samples(t.folder / "variables_step_1")) {
    const auto found = std::ranges::find(state, expected.name, &odt::state_tensor::name);
    if (found == state.end()) continue;  // global_step
    ++compared;
    const double ask = expected.name.find(slot) != std::string::npos ? slot_ask : 2e-5;
    if (const double d = test::l2_distance(found->values, expected) / ask; d > worst) worst = d, name = expected.name;
  }
  BOOST_TEST(compared > 300);
  BOOST_TEST(worst <= 1, name << " is off by " << worst << " of what is asked");
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace model_cases
