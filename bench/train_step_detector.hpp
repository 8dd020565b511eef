// SPDX-License-Identifier: MIT
// The detector of the train step's benchmarks; its twin in PyTorch is bench/peers/torch_train_step.py.
#pragma once

#include <odt/ssd.hpp>

#include <string>
#include <variant>

namespace odt::bench {

using detector = odt::ssd<odt::any_of<odt::mobilenet_v1, odt::inception_v2>, odt::faster_rcnn_box_coder,
                          odt::argmax_matcher, odt::momentum>;

/// ssd_mobilenet_v1 or ssd_inception_v2 with the sample configs' losses and post-processing.
inline detector::options options_of(const std::string& model, int num_classes, int image_size) {
  detector::options o;
  o.num_classes = num_classes;
  o.resizer = odt::image_resizer::fixed_shape({image_size, image_size});
  if (model == "ssd_inception_v2") {
    o.feature_extractor = odt::inception_v2{};
    std::get<0>(o.box_predictor).opts.kernel_size = 3;
  }
  o.loss.miner = odt::hard_example_miner{3000, 0.99f, odt::mining_loss::classification, 3, 0};
  o.post_processing.converter = odt::score_converter::sigmoid;
  o.post_processing.suppression.score_threshold = 1e-8f;
  o.update.clip_norm = 10;
  o.update.average = false;
  return o;
}

}  // namespace odt::bench
