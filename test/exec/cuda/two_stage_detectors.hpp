// SPDX-License-Identifier: MIT
// A two-stage detector small enough for emulation, whose whole steps are compared between the CPU and a GPU, and a look
// into its step on the latter.
#pragma once

#include <odt/faster_rcnn.hpp>

#include <string_view>
#include <vector>

namespace odt::test {

/// Two convolutions before the proposals, one behind the crops.
struct tiny_two_stage {
  static constexpr std::string_view name = "tiny_two_stage";
  static constexpr std::string_view variable_scope = "Tiny";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = two_stage_extractor_options;

  options opts{};

  constexpr int build_proposal_features(network& net, int input) const {
    const int x = convolve(net, input,
                           {.scope = "FirstStageFeatureExtractor/Tiny/Conv_0", .channels = 8, .kernel = 3, .stride = 2},
                           own_hyperparams());
    return convolve(net, x,
                    {.scope = "FirstStageFeatureExtractor/Tiny/Conv_1", .channels = 16, .kernel = 3, .stride = 2},
                    own_hyperparams());
  }

  constexpr int build_classifier_features(network& net, int crops) const {
    return convolve(net, crops, {.scope = "SecondStageFeatureExtractor/Tiny/Conv_2", .channels = 16, .kernel = 3},
                    own_hyperparams());
  }

 private:
  static constexpr hyperparams own_hyperparams() {
    return {.weights = initializer::variance_scaling(2, fan_mode::fan_in, true),
            .act = activation::relu,
            .norm = {.decay = 0.99f, .center = true, .scale = true, .epsilon = 0.001f, .train = false}};
  }
};

using tiny_faster_rcnn = faster_rcnn<tiny_two_stage, faster_rcnn_box_coder, argmax_matcher, momentum>;

/// What a train step left on the device: counts, and behind an image's count whatever is there.
struct two_stage_look {
  std::vector<int> proposal_counts, taken_counts, sampled_counts;  ///< by image
  std::vector<boxf> proposals, taken;
  std::vector<int> sampled, first_match, second_match;
};

two_stage_look look_into_gpu(device_step& step);
/// From now on no two activations share memory.
void keep_all_of_tiny_on_gpu(device_step& step, bool keep);
/// What the readers of a layer see.
std::vector<float> output_of_tiny_on_gpu(device_step& step, int layer);

}  // namespace odt::test
