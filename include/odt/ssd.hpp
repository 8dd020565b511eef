// SPDX-License-Identifier: MIT
// The single shot detector (Liu et al., arXiv:1512.02325) as the TensorFlow Object Detection API builds it:
//
//   using pets = odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::rms_prop>;
//   static_assert(pets::anchor_count({300, 300}) == 1917);
//
// Every axis is a policy, or any_of several among which pipeline.config chooses; sizes, parameters and memory are known
// at compile time; hyperparameters come at run time.
#pragma once

#include <odt/anchor_generators/ssd.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_predictors/convolutional.hpp>
#include <odt/detector.hpp>
#include <odt/detectors/detector_core.hpp>
#include <odt/exec/step.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/l2.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/matchers/bipartite.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>
#include <odt/similarities/iou.hpp>
#include <odt/ssd/devices.hpp>
#include <odt/ssd/inference_graph.hpp>
#include <odt/ssd/network.hpp>
#include <odt/ssd/options.hpp>

#include <memory>
#include <utility>
#include <vector>

#if !defined(__CUDACC__)
#include <odt/exec/cpu/ssd_step.hpp>
#endif

namespace odt {

/// The losses of the two heads.
template <class Classification = any_of<weighted_sigmoid, weighted_softmax, weighted_sigmoid_focal>,
          class Localization = any_of<weighted_smooth_l1, weighted_l2>>
struct ssd_losses {
  using classification = Classification;
  using localization = Localization;
};

/// How boxes are laid over the feature maps, predicted, and compared.
template <class BoxPredictor = convolutional_box_predictor, class AnchorGenerator = ssd_anchor_generator,
          class Similarity = iou_similarity>
struct ssd_layout {
  using box_predictor = BoxPredictor;
  using anchor_generator = AnchorGenerator;
  using similarity = Similarity;
};

template <class FeatureExtractor, class BoxCoder = faster_rcnn_box_coder,
          class Matcher = any_of<argmax_matcher, bipartite_matcher>, class Optimizer = any_of<rms_prop, momentum, adam>,
          class Losses = ssd_losses<>, class Layout = ssd_layout<>>
class ssd final
    : public detector_core<ssd_options<ssd_axes<FeatureExtractor, BoxCoder, Matcher, Optimizer, Losses, Layout>>> {
 public:
  using axes = ssd_axes<FeatureExtractor, BoxCoder, Matcher, Optimizer, Losses, Layout>;
  using options = ssd_options<axes>;

  static_assert(detail::fits_ssd<axes>());

  explicit ssd(options o = {}, const run_options& run = {}) : core(std::move(o), run, &ssd_network<axes>) {
    core::begin(detail::make_step(core::options_, core::network_, core::layout_, core::run_, &make_cpu_step<axes>,
                                  &make_host_post_processing<axes>));
  }

  /// Reads a pipeline (its root) and marks what it reads.
  static ssd from(const settings& root, const run_options& run = {}) { return ssd(options::from(root), run); }

  /// For odt::cli and others that do not know the type.
  static detector_type type() {
    return {detail::axes_name<axes>(), [](const settings& root) { return detail::ssd_mismatch<axes>(root); },
            [](const settings& root, const run_options& run) -> std::unique_ptr<detector> {
              return std::make_unique<ssd>(options::from(root), run);
            },
            ssd_cuda_registry<axes>::maker != nullptr};
  }

  pixel_transform pixels() const override {
    return std::visit([](const auto& extractor) { return extractor.pixels; }, core::options_.feature_extractor);
  }

  void write_inference(graph_writer& graph) const override {
    write_ssd(graph, core::options_, core::network_, pixels());
  }

 private:
  using core = detector_core<options>;
};

}  // namespace odt
