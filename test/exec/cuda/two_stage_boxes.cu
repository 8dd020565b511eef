// SPDX-License-Identifier: MIT
#include "exec/cuda/two_stage_boxes.hpp"

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/box_classifier_loss.cuh>
#include <odt/exec/cuda/boxes/mask_loss.cuh>
#include <odt/exec/cuda/boxes/proposals.cuh>
#include <odt/exec/cuda/boxes/rpn_loss.cuh>
#include <odt/exec/cuda/boxes/sampling.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/similarities/iou.hpp>

#include "exec/cuda/device_memory.hpp"

#include <algorithm>

namespace odt::test {

namespace {

template <class T>
void fetch(const cuda::device_array<T>& from, T* to) {
  if (to) std::ranges::copy(fetched(from), to);
}

/// Copies of a view's arrays, and the view of the copies.
struct proposals_on_device {
  int batch, capacity;
  cuda::device_array<int> counts;
  cuda::device_array<boxf> boxes, normalized;
  cuda::device_array<float> scores;

  explicit proposals_on_device(const proposals& p)
      : batch(p.batch),
        capacity(p.capacity),
        counts(copied(p.counts, batch)),
        boxes(copied(p.boxes, batch * capacity)),
        normalized(copied(p.normalized, batch * capacity)),
        scores(copied(p.scores, batch * capacity)) {}

  proposals view() const { return {batch, capacity, counts.data(), boxes.data(), normalized.data(), scores.data()}; }
  void fetch_to(const proposals& p) const {
    fetch(counts, p.counts), fetch(boxes, p.boxes), fetch(normalized, p.normalized), fetch(scores, p.scores);
  }
};

struct truth_on_device {
  ground_truth like;
  cuda::device_array<int> counts, classes;
  cuda::device_array<boxf> boxes;
  cuda::device_array<float> weights;

  explicit truth_on_device(const ground_truth& t)
      : like(t),
        counts(copied(t.counts, t.size)),
        classes(copied(t.classes, t.size * t.max_boxes)),
        boxes(copied(t.boxes, t.size * t.max_boxes)),
        weights(copied(t.weights, t.size * t.max_boxes)) {}

  ground_truth view() const {
    return {like.size, like.max_boxes, counts.data(), boxes.data(), classes.data(), weights.data()};
  }
};

struct targets_on_device {
  cuda::device_array<int> match, classes;
  cuda::device_array<float> class_weights, regression, regression_weights;

  targets_on_device(const assigned_targets& t, int rows)
      : match(copied(t.match, rows)),
        classes(copied(t.classes, rows)),
        class_weights(copied(t.class_weights, rows)),
        regression(copied(t.regression, 4 * rows)),
        regression_weights(copied(t.regression_weights, rows)) {}

  assigned_targets view() const {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
};

struct selection_on_device {
  cuda::device_array<boxf> boxes;
  cuda::device_array<int> rows;
  cuda::selected_anchors view;

  explicit selection_on_device(const anchor_selection& s)
      : boxes(copied(s.boxes)), rows(copied(s.rows)), view{boxes.data(), rows.data(), s.size(), s.all} {}
};

argmax_matcher matching(float threshold) {
  return {{.matched_threshold = threshold, .unmatched_threshold = threshold}};
}

/// The targets of proposals, in one piece of memory.
struct assigned_proposals {
  cuda::device_array<std::byte> memory, scratch;
  cuda::counted_targets targets;

  assigned_proposals(float threshold, const ground_truth& truth, const proposals& in)
      : scratch(scratch_of(cuda::assign_scratch_bytes<argmax_matcher>(in.batch, in.capacity, truth.max_boxes))) {
    cuda::scratch_space measure(nullptr);
    cuda::take_targets(measure, in.batch, in.capacity, 4);
    memory = scratch_of(measure.used());
    cuda::scratch_space space(memory.data());
    targets = cuda::take_targets(space, in.batch, in.capacity, 4);
    cuda::assign(nullptr, iou_similarity{}, matching(threshold), faster_rcnn_box_coder{}, truth,
                 {in.boxes, in.capacity, in.counts}, 1.0f, scratch.data(), targets);
  }
};

cuda::device_array<std::byte> costs_memory(int batch, int rows) {
  cuda::scratch_space measure(nullptr);
  cuda::row_costs(measure, batch, rows, nullptr);
  return scratch_of(measure.used());
}

two_stage_losses join(const faster_rcnn_loss_options& o, const cuda::row_costs& first, const cuda::row_costs& second,
                      const cuda::mask_costs& masks) {
  const auto report = unwritten<cuda::two_stage_losses_report>(1);
  cuda::report_losses(nullptr, o, first, second, masks, report.data());
  const cuda::two_stage_losses_report found = fetched(report)[0];
  if (found.total != found.losses.sum()) fail("the total of a report is not the sum of its losses");
  return found.losses;
}

}  // namespace

void propose_on_gpu(const anchor_selection& anchors, const first_stage_options& o, const rpn_predictions& in,
                    size2 input, const std::vector<boxf>& windows, const proposals& out) {
  const selection_on_device kept(anchors);
  const auto encodings = copied(in.encodings, 4 * in.batch * in.anchors);
  const auto objectness = copied(in.objectness, 2 * in.batch * in.anchors);
  const auto device_windows = copied(windows);
  const proposals_on_device found(out);
  const auto scratch = scratch_of(cuda::proposal_scratch_bytes(o, in.batch, anchors.size(), out.capacity));
  cuda::propose(nullptr, faster_rcnn_box_coder{}, kept.view, o,
                {in.batch, in.anchors, encodings.data(), objectness.data()}, input, device_windows.data(),
                scratch.data(), found.view());
  found.fetch_to(out);
}

void sample_anchors_on_gpu(const balanced_sampler& how, std::uint64_t seed, std::uint64_t first_sample, int anchors,
                           const assigned_targets& targets, const samples& out) {
  const targets_on_device own(targets, out.batch * anchors);
  const auto first = copied(std::vector<std::uint64_t>{first_sample});
  const auto counts = copied(out.counts, out.batch), indices = copied(out.indices, out.batch * out.capacity);
  const auto scratch = scratch_of(cuda::anchor_sampling_scratch_bytes(out.batch, anchors));
  cuda::sample_anchors(nullptr, how, {seed, first.data()}, anchors, own.view(), scratch.data(),
                       {out.batch, out.capacity, counts.data(), indices.data()});
  fetch(counts, out.counts), fetch(indices, out.indices);
}

void sample_proposals_on_gpu(float threshold, const balanced_sampler& how, std::uint64_t seed,
                             std::uint64_t first_sample, const ground_truth& truth, size2 input, const proposals& in,
                             const proposals& out) {
  const truth_on_device own(truth);
  const proposals_on_device from(in), to(out);
  const assigned_proposals assigned(threshold, own.view(), from.view());
  const auto first = copied(std::vector<std::uint64_t>{first_sample});
  const auto scratch = scratch_of(cuda::proposal_sampling_scratch_bytes(how, in.batch, in.capacity));
  cuda::sample_proposals(nullptr, how, {seed, first.data()}, own.view(), input, from.view(), assigned.targets.match,
                         scratch.data(), to.view());
  to.fetch_to(out);
}

void assign_proposals_on_gpu(float threshold, const ground_truth& truth, const proposals& in,
                             const assigned_targets& out) {
  const truth_on_device own(truth);
  const proposals_on_device from(in);
  const assigned_proposals assigned(threshold, own.view(), from.view());
  const auto rows = static_cast<std::size_t>(in.batch * in.capacity);
  const cuda::counted_targets& t = assigned.targets;
  std::ranges::copy(fetched(t.match, rows), out.match);
  std::ranges::copy(fetched(t.classes, rows), out.classes);
  std::ranges::copy(fetched(t.class_weights, rows), out.class_weights);
  std::ranges::copy(fetched(t.regression, 4 * rows), out.regression);
  std::ranges::copy(fetched(t.regression_weights, rows), out.regression_weights);
}

two_stage_losses rpn_loss_on_gpu(const first_stage_options& o, const anchor_selection& anchors,
                                 const rpn_predictions& in, const rpn_prediction_gradients& gradients,
                                 const assigned_targets& targets, const samples& sampled) {
  const selection_on_device kept(anchors);
  const int rows = in.batch * in.anchors;
  const auto encodings = copied(in.encodings, 4 * rows), objectness = copied(in.objectness, 2 * rows);
  const auto to_encodings = unwritten<float>(encodings.size()), to_objectness = unwritten<float>(objectness.size());
  const targets_on_device own(targets, in.batch * anchors.size());
  const auto counts = copied(sampled.counts, in.batch), indices = copied(sampled.indices, in.batch * sampled.capacity);
  const auto memory = costs_memory(in.batch, sampled.capacity);
  cuda::scratch_space space(memory.data());
  const cuda::row_costs costs(space, in.batch, sampled.capacity, counts.data());
  cuda::rpn_loss(nullptr, weighted_softmax{}, weighted_smooth_l1{}, o, kept.view,
                 {in.batch, in.anchors, encodings.data(), objectness.data()},
                 {to_encodings.data(), to_objectness.data()}, own.view(),
                 {sampled.batch, sampled.capacity, counts.data(), indices.data()}, costs);
  fetch(to_encodings, gradients.encodings), fetch(to_objectness, gradients.objectness);
  return join({o, {}}, costs, {}, {});
}

two_stage_losses box_classifier_loss_on_gpu(const second_stage_options& o, const proposals& boxes,
                                            const box_classifier_predictions& in,
                                            const box_classifier_gradients& gradients,
                                            const assigned_targets& targets) {
  const proposals_on_device own_boxes(boxes);
  const int rows = in.batch * in.proposals;
  const auto encodings = copied(in.encodings, 4 * rows * in.box_slots()),
             logits = copied(in.logits, rows * in.class_slots());
  const auto to_encodings = unwritten<float>(encodings.size()), to_logits = unwritten<float>(logits.size());
  const targets_on_device own(targets, rows);
  const auto memory = costs_memory(in.batch, in.proposals);
  const auto scratch = scratch_of(cuda::box_classifier_loss_scratch_bytes(in.proposals, o.miner.has_value()));
  cuda::scratch_space space(memory.data());
  const cuda::row_costs costs(space, in.batch, in.proposals, own_boxes.counts.data());
  box_classifier_predictions on_device = in;
  on_device.encodings = encodings.data(), on_device.logits = logits.data();
  cuda::box_classifier_loss(nullptr, weighted_softmax{}, weighted_smooth_l1{}, o, own_boxes.view(), on_device,
                            {to_encodings.data(), to_logits.data()}, own.view(), scratch.data(), costs);
  fetch(to_encodings, gradients.encodings), fetch(to_logits, gradients.logits);
  return join({{}, o}, {}, costs, {});
}

float mask_loss_on_gpu(float weight, const proposals& boxes, const mask_predictions& in, float* gradient,
                       const assigned_targets& targets, const std::vector<image>& masks, int max_boxes, float* wanted) {
  const proposals_on_device own_boxes(boxes);
  const int rows = in.batch * in.proposals, area = in.height * in.width;
  std::vector<std::uint8_t> pixels;
  for (const image& m : masks) pixels.insert(pixels.end(), m.pixels.begin(), m.pixels.end());
  const auto device_pixels = copied(pixels);
  const auto logits = copied(in.logits, rows * area * in.classes);
  const auto to_logits = unwritten<float>(logits.size()),
             crops = unwritten<float>(static_cast<std::size_t>(rows * area));
  const targets_on_device own(targets, rows);
  cuda::scratch_space measure(nullptr);
  cuda::mask_costs(measure, rows);
  const auto memory = scratch_of(measure.used());
  cuda::scratch_space space(memory.data());
  const cuda::mask_costs costs(space, rows);
  cuda::assign_masks(nullptr, own_boxes.view(), own.match.data(), {device_pixels.data(), max_boxes, masks.at(0).size()},
                     {in.height, in.width}, crops.data());
  mask_predictions on_device = in;
  on_device.logits = logits.data();
  cuda::mask_loss(nullptr, weighted_sigmoid{}, weight, own_boxes.view(), on_device, to_logits.data(), own.view(),
                  crops.data(), costs);
  fetch(to_logits, gradient), fetch(crops, wanted);
  faster_rcnn_loss_options o;
  o.second.mask_prediction_loss_weight = weight;
  return join(o, {}, {}, costs).masks;
}

}  // namespace odt::test
