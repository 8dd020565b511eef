// SPDX-License-Identifier: MIT
#include "exec/cuda/boxes.hpp"

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_coders/mean_stddev.hpp>
#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/post_processing.cuh>
#include <odt/exec/cuda/boxes/ssd_loss.cuh>
#include <odt/exec/cuda/passes/update.cuh>
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
#include <odt/similarities/neg_sq_dist.hpp>

#include "exec/cuda/device_memory.hpp"

namespace odt::test {

template <class Similarity, class Matcher, class BoxCoder>
host_targets assign_on_gpu(const Similarity& similarity, const Matcher& matcher, const BoxCoder& coder,
                           const ground_truth& truth, const std::vector<boxf>& anchors, float negative_class_weight) {
  const int slots = truth.size * truth.max_boxes, count = static_cast<int>(anchors.size());
  const auto images = static_cast<std::size_t>(truth.size), rows = images * anchors.size();
  const auto counts = copied(truth.counts, truth.size), classes = copied(truth.classes, slots);
  const auto boxes = copied(truth.boxes, slots), device_anchors = copied(anchors);
  const auto weights = copied(truth.weights, slots);
  const auto match = unwritten<int>(rows), target_classes = unwritten<int>(rows);
  const auto class_weights = unwritten<float>(rows), regression_weights = unwritten<float>(rows);
  const auto regression = unwritten<float>(rows * BoxCoder::code_size);
  const auto sums = unwritten<double>(images);
  const auto anchor_counts = unwritten<cuda::match_counts>(images);
  const auto scratch = scratch_of(cuda::assign_scratch_bytes<Matcher>(truth.size, count, truth.max_boxes));
  cuda::assign(nullptr, similarity, matcher, coder,
               {truth.size, truth.max_boxes, counts.data(), boxes.data(), classes.data(), weights.data()},
               {device_anchors.data(), count}, negative_class_weight, scratch.data(),
               {match.data(), target_classes.data(), class_weights.data(), regression.data(), regression_weights.data(),
                sums.data(), anchor_counts.data()});
  return {fetched(match),        fetched(target_classes),     fetched(class_weights),
          fetched(regression),   fetched(regression_weights), fetched(sums),
          fetched(anchor_counts)};
}

template host_targets assign_on_gpu(const iou_similarity&, const argmax_matcher&, const faster_rcnn_box_coder&,
                                    const ground_truth&, const std::vector<boxf>&, float);
template host_targets assign_on_gpu(const neg_sq_dist_similarity&, const argmax_matcher&, const faster_rcnn_box_coder&,
                                    const ground_truth&, const std::vector<boxf>&, float);
template host_targets assign_on_gpu(const iou_similarity&, const bipartite_matcher&, const faster_rcnn_box_coder&,
                                    const ground_truth&, const std::vector<boxf>&, float);
template host_targets assign_on_gpu(const neg_sq_dist_similarity&, const bipartite_matcher&,
                                    const faster_rcnn_box_coder&, const ground_truth&, const std::vector<boxf>&, float);

template <class Classes, class Boxes>
loss_results losses_on_gpu(const Classes& classes, const Boxes& boxes, const ssd_loss_options& options,
                           const loss_problem& problem) {
  const int anchors = static_cast<int>(problem.anchors.size());
  const bool mines = options.miner.has_value();
  const host_targets& t = problem.targets;
  const auto device_anchors = copied(problem.anchors);
  const auto logits = copied(problem.logits), encodings = copied(problem.encodings);
  const auto logits_gradient = unwritten<float>(problem.logits.size());
  const auto encodings_gradient = unwritten<float>(problem.encodings.size());
  const auto match = copied(t.match), target_classes = copied(t.classes);
  const auto class_weights = copied(t.class_weights), regression = copied(t.regression);
  const auto regression_weights = copied(t.regression_weights);
  const auto sums = copied(t.weight_sums);
  const auto counts = copied(t.counts);
  const auto scratch = scratch_of(cuda::ssd_loss_scratch_bytes(problem.batch, anchors, mines));
  const auto report = unwritten<cuda::ssd_losses_report>(1);
  cuda::ssd_loss(nullptr, classes, boxes, faster_rcnn_box_coder{}, options, device_anchors.data(),
                 {problem.batch, anchors, problem.class_slots, encodings.data(), logits.data()},
                 {encodings_gradient.data(), logits_gradient.data()},
                 {match.data(), target_classes.data(), class_weights.data(), regression.data(),
                  regression_weights.data(), sums.data(), counts.data()},
                 scratch.data(), report.data());
  const cuda::detail::loss_memory memory(scratch.data(), problem.batch, anchors, mines);
  const std::size_t rows = t.match.size(), mined = mines ? rows : 0;
  return {fetched(report)[0],
          fetched(logits_gradient),
          fetched(encodings_gradient),
          fetched(memory.classification, rows),
          fetched(memory.localization, rows),
          fetched(memory.boxes, mined),
          fetched(memory.losses, mined),
          fetched(memory.kept, mined)};
}

template loss_results losses_on_gpu(const weighted_sigmoid&, const weighted_smooth_l1&, const ssd_loss_options&,
                                    const loss_problem&);
template loss_results losses_on_gpu(const weighted_softmax&, const weighted_smooth_l1&, const ssd_loss_options&,
                                    const loss_problem&);
template loss_results losses_on_gpu(const weighted_sigmoid_focal&, const weighted_l2&, const ssd_loss_options&,
                                    const loss_problem&);

template <class BoxCoder>
detection_results post_process_on_gpu(const BoxCoder& coder, const post_processing_options& options,
                                      const detection_problem& problem) {
  const int anchors = static_cast<int>(problem.anchors.size()), batch = problem.batch, classes = problem.classes();
  const auto device_anchors = copied(problem.anchors);
  const auto encodings = copied(problem.encodings), logits = copied(problem.logits);
  const auto scratch = scratch_of(cuda::post_processing_scratch_bytes(options, batch, anchors, classes));
  cuda::detection_buffers buffers;
  int generation = 0;
  buffers.reserve(batch, cuda::nms_lists(options.suppression, anchors, classes).total, generation);
  const auto device_windows = copied(problem.windows);
  const cuda::device_calibration calibration(options.calibration);
  cuda::post_process(nullptr, coder, device_anchors.data(), options, calibration.view(),
                     {batch, anchors, problem.columns, encodings.data(), logits.data(), problem.has_background},
                     device_windows.data(), scratch.data(), buffers.on_device());
  buffers.download(nullptr);
  cuda::check(cudaDeviceSynchronize(), "post_process");
  const cuda::post_processing_memory memory(scratch.data(), options, batch, anchors, classes);
  const std::size_t rows = static_cast<std::size_t>(batch) * problem.anchors.size();
  return {fetched(memory.boxes, rows), fetched(memory.scores, rows * static_cast<std::size_t>(classes)),
          buffers.found()};
}

template detection_results post_process_on_gpu(const faster_rcnn_box_coder&, const post_processing_options&,
                                               const detection_problem&);
template detection_results post_process_on_gpu(const mean_stddev_box_coder&, const post_processing_options&,
                                               const detection_problem&);

template <class Optimizer>
cuda::device_update_report update_on_gpu(const Optimizer& how, const update_options& options, float rate,
                                         const std::vector<update_piece>& pieces, host_stores& stores, float loss) {
  const auto values = copied(stores.values), gradients = copied(stores.gradients), averages = copied(stores.averages);
  std::vector<cuda::device_array<float>> slots;
  cuda::update_stores device{values.data(), gradients.data(), {}, averages.data()};
  for (std::size_t s = 0; s < stores.slots.size(); ++s) {
    slots.push_back(copied(stores.slots[s]));
    device.slots[s] = slots[s].data();
  }
  const cuda::device_pieces device_pieces(pieces);
  const auto device_rate = copied(std::vector<float>{rate});
  const auto device_loss = copied(std::vector<float>{loss});
  const auto report = unwritten<cuda::device_update_report>(1);
  cuda::update(nullptr, how, options, device_rate.data(), device_pieces.view(), device, device_loss.data(),
               report.data());
  stores.values = fetched(values), stores.gradients = fetched(gradients), stores.averages = fetched(averages);
  for (std::size_t s = 0; s < slots.size(); ++s) stores.slots[s] = fetched(slots[s]);
  return fetched(report)[0];
}

template cuda::device_update_report update_on_gpu(const rms_prop&, const update_options&, float,
                                                  const std::vector<update_piece>&, host_stores&, float);
template cuda::device_update_report update_on_gpu(const momentum&, const update_options&, float,
                                                  const std::vector<update_piece>&, host_stores&, float);
template cuda::device_update_report update_on_gpu(const adam&, const update_options&, float,
                                                  const std::vector<update_piece>&, host_stores&, float);

}  // namespace odt::test
