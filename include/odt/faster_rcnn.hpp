// SPDX-License-Identifier: MIT
// Detectors of two stages as the TensorFlow Object Detection API builds them: Faster R-CNN (Ren et al.,
// arXiv:1506.01497), R-FCN (Dai et al., arXiv:1605.06409) and Mask R-CNN (He et al., arXiv:1703.06870).
//
//   using pets = odt::faster_rcnn<odt::faster_rcnn_resnet101>;
//   static_assert(pets::parameter_count(37) == 62602050);
//
// Every axis is a policy, or any_of several among which pipeline.config chooses; hyperparameters come at run time.
#pragma once

#include <odt/anchor_generators/grid.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_predictors/mask_rcnn.hpp>
#include <odt/box_predictors/rfcn.hpp>
#include <odt/detector.hpp>
#include <odt/detectors/detector_core.hpp>
#include <odt/exec/step.hpp>
#include <odt/faster_rcnn/devices.hpp>
#include <odt/faster_rcnn/inference_graph.hpp>
#include <odt/faster_rcnn/network.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_resnet_v1.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>
#include <odt/similarities/iou.hpp>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#if !defined(__CUDACC__)
#include <odt/exec/cpu/faster_rcnn_step.hpp>
#endif

namespace odt {

/// The losses: of the second stage's classes, of the first one's objects, of both stages' boxes, and of masks' pixels.
template <class Classification = any_of<weighted_softmax, weighted_sigmoid, weighted_sigmoid_focal>,
          class Objectness = weighted_softmax, class Localization = weighted_smooth_l1, class Mask = weighted_sigmoid>
struct faster_rcnn_losses {
  using classification = Classification;
  using objectness = Objectness;
  using localization = Localization;
  using mask = Mask;
};

/// What the second stage predicts, how anchors are laid over the map, and how boxes are compared.
template <class BoxPredictor = any_of<mask_rcnn_box_predictor, rfcn_box_predictor>,
          class AnchorGenerator = grid_anchor_generator, class Similarity = iou_similarity>
struct faster_rcnn_layout {
  using box_predictor = BoxPredictor;
  using anchor_generator = AnchorGenerator;
  using similarity = Similarity;
};

template <class FeatureExtractor, class BoxCoder = faster_rcnn_box_coder, class Matcher = argmax_matcher,
          class Optimizer = any_of<momentum, rms_prop, adam>, class Losses = faster_rcnn_losses<>,
          class Layout = faster_rcnn_layout<>>
class faster_rcnn final
    : public detector_core<
          faster_rcnn_options<faster_rcnn_axes<FeatureExtractor, BoxCoder, Matcher, Optimizer, Losses, Layout>>> {
 public:
  using axes = faster_rcnn_axes<FeatureExtractor, BoxCoder, Matcher, Optimizer, Losses, Layout>;
  using options = faster_rcnn_options<axes>;

  static_assert(detail::fits_faster_rcnn<axes>());

  explicit faster_rcnn(options o = {}, const run_options& run = {})
      : core(std::move(o), run, &faster_rcnn_network<axes>) {
    core::begin(detail::make_step(core::options_, core::network_, core::layout_, core::run_,
                                  &make_cpu_faster_rcnn_step<axes>, &make_faster_rcnn_post_processing<axes>));
  }

  /// Reads a pipeline (its root) and marks what it reads.
  static faster_rcnn from(const settings& root, const run_options& run = {}) {
    return faster_rcnn(options::from(root), run);
  }

  /// For odt::cli and others that do not know the type.
  static detector_type type() {
    return {detail::faster_rcnn_name<axes>(),
            [](const settings& root) { return detail::faster_rcnn_mismatch<axes>(root); },
            [](const settings& root, const run_options& run) -> std::unique_ptr<detector> {
              return std::make_unique<faster_rcnn>(options::from(root), run);
            },
            faster_rcnn_cuda_registry<axes>::maker != nullptr};
  }

  pixel_transform pixels() const override {
    return std::visit([](const auto& extractor) { return extractor.pixels; }, core::options_.feature_extractor);
  }

  void write_inference(graph_writer& graph) const override {
    write_faster_rcnn(graph, core::options_, core::network_, pixels());
  }

  std::vector<feature_extractor_scope> feature_extractor_scopes() const override {
    return std::visit([](const auto& extractor) { return detail::scopes_of(extractor); },
                      core::options_.feature_extractor);
  }

 private:
  using core = detector_core<options>;
};

}  // namespace odt
