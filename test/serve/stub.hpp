// SPDX-License-Identifier: MIT
// A detector that finds in every picture one object, whose score says how bright the picture is; and exports of it.
#pragma once

#include <odt/detector.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace odt::test {

/// What stubs of a test do, and how many there are.
struct stub_behaviour {
  std::atomic<int> alive{0}, batches{0}, images{0};
  std::atomic<int> milliseconds{0};  ///< that a batch takes
  std::atomic<int> found{1};         ///< objects in each picture
  std::atomic<bool> fails{false};
  std::atomic<bool> closed{false};  ///< a batch waits until it is not
};

class stub_detector : public detector {
 public:
  explicit stub_detector(stub_behaviour& how) : how_(how), resizer_(image_resizer::fixed_shape({8, 8})) {
    ++how_.alive;
  }
  ~stub_detector() override { --how_.alive; }
  stub_detector(const stub_detector&) = delete;
  stub_detector& operator=(const stub_detector&) = delete;

  int num_classes() const override { return 3; }
  const image_resizer& resizer() const override { return resizer_; }
  pixel_transform pixels() const override { return {}; }
  detector_description describe(int, size2) const override { return {}; }
  step_report train_step(const batch&) override { return {}; }
  step_report evaluate(const batch&) override { return {}; }
  detections detect(const image&) override { return {}; }
  std::vector<detections> detect(const batch& b) override {
    ++how_.batches;
    how_.images += b.size;
    std::this_thread::sleep_for(std::chrono::milliseconds(how_.milliseconds));
    while (how_.closed) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (how_.fails) fail("the stub fails");
    std::vector<detections> all;
    for (int i = 0; i < b.size; ++i)
      all.emplace_back(
          static_cast<std::size_t>(how_.found.load()),
          detection{
              .bounds = {0.25f, 0, 0.75f, 1}, .label = 2, .score = b.images[static_cast<std::size_t>(i) * 192] / 255});
    return all;
  }
  std::vector<state_tensor> state() override { return {}; }
  void edit_state(const state_editor& edit) override { edit({}); }
  std::int64_t global_step() const override { return 0; }
  void set_global_step(std::int64_t) override {}
  bool has_averages() const override { return false; }
  void swap_averages() override {}
  void reset_averages() override {}
  std::string first_non_finite_layer(const batch&) override { return {}; }

 private:
  stub_behaviour& how_;
  image_resizer resizer_;
};

/// For load_detector.
inline detector_type stub_type(stub_behaviour& how) {
  return {.name = "stub",
          .mismatch = [](const settings&) { return std::string(); },
          .make =
              [&how](const settings& root, const run_options&) {
                root.at("model").accept();
                return std::make_unique<stub_detector>(how);
              }};
}

/// What `odt export` leaves of a detector without variables.
inline void write_export(const std::string& directory) {
  make_directories(directory);
  checkpoint_writer writer(join_path(directory, "model.ckpt"));
  writer.add<std::int64_t>("global_step", std::int64_t{7});
  writer.commit();
  write_file(join_path(directory, "checkpoint"), "model_checkpoint_path: \"model.ckpt\"\n");
  write_file(
      join_path(directory, "pipeline.config"),
      "model { ssd { num_classes: 3 image_resizer { fixed_shape_resizer { height: 8 width: 8 } }\n"
      "feature_extractor { type: \"ssd_mobilenet_v1\" } anchor_generator { ssd_anchor_generator {} }\n"
      "box_predictor { convolutional_box_predictor {} } box_coder { faster_rcnn_box_coder {} }\n"
      "matcher { argmax_matcher {} } similarity_calculator { iou_similarity {} }\n"
      "loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }\n"
      "post_processing { batch_non_max_suppression { max_total_detections: 5 max_detections_per_class: 5 } } } }\n");
}

}  // namespace odt::test
