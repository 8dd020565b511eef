// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/two_stage_elements.hpp>

namespace odt::cuda {

namespace {

/// The weights of the losses.
struct report_weights {
  float rpn_localization, rpn_objectness, localization, classification, masks;

  explicit report_weights(const faster_rcnn_loss_options& o)
      : rpn_localization(o.first.localization_loss_weight),
        rpn_objectness(o.first.objectness_loss_weight),
        localization(o.second.localization_loss_weight),
        classification(o.second.classification_loss_weight),
        masks(o.second.mask_prediction_loss_weight) {}
};

__device__ float weighed(double sum, float weight) { return static_cast<float>(sum * static_cast<double>(weight)); }

/// Of one of a stage's losses, by a block.
__device__ double sum_of(const row_costs& c, const float* costs, double* shared) {
  double sum = 0;
  for (int image = 0; image < c.batch; ++image) {
    const auto normalizer = static_cast<double>(image_normalizer(c.counts[image], static_cast<float>(c.batch)));
    double own = 0;
    for (int i = static_cast<int>(threadIdx.x); i < c.rows; i += detail::loss_threads)
      own += static_cast<double>(costs[std::int64_t{1} * image * c.rows + i]);
    sum += own / normalizer;
  }
  return block_sum(sum, shared);
}

__device__ double sum_of(const mask_costs& c, double* shared) {
  double sum = 0;
  for (int row = static_cast<int>(threadIdx.x); row < c.rows; row += detail::loss_threads) sum += c.costs[row];
  return block_sum(sum, shared);
}

/// One block.
__global__ __launch_bounds__(detail::loss_threads) void join_stages(report_weights w, row_costs first, row_costs second,
                                                                    mask_costs masks, two_stage_losses_report* report) {
  __shared__ double shared[33];
  two_stage_losses found;
  found.rpn_localization = weighed(sum_of(first, first.localization, shared), w.rpn_localization);
  found.rpn_objectness = weighed(sum_of(first, first.classification, shared), w.rpn_objectness);
  found.localization = weighed(sum_of(second, second.localization, shared), w.localization);
  found.classification = weighed(sum_of(second, second.classification, shared), w.classification);
  const double of_masks = sum_of(masks, shared);
  if (threadIdx.x != 0) return;
  if (masks.rows > 0) found.masks = weighed(of_masks / *masks.normalizer, w.masks);
  *report = {found, found.sum()};
}

__global__ void numbers_of(const two_stage_losses_report* report, double* numbers) {
  const two_stage_losses l = report->losses;
  const float all[two_stage_losses::count] = {l.rpn_localization, l.rpn_objectness, l.localization, l.classification,
                                              l.masks};
  for (std::size_t i = 0; i < two_stage_losses::count; ++i) numbers[i] = static_cast<double>(all[i]);
}

__global__ void means_of(const double* numbers, double ranks, two_stage_losses_report* report) {
  const auto mean = [&](int i) { return static_cast<float>(numbers[i] / ranks); };
  two_stage_losses l;
  l.rpn_localization = mean(0), l.rpn_objectness = mean(1), l.localization = mean(2), l.classification = mean(3);
  l.masks = mean(4);
  *report = {l, l.sum()};
}

}  // namespace

void report_losses(cudaStream_t stream, const faster_rcnn_loss_options& o, const row_costs& first,
                   const row_costs& second, const mask_costs& masks, two_stage_losses_report* report) {
  join_stages<<<1, detail::loss_threads, 0, stream>>>(report_weights(o), first, second, masks, report);
  check_launch("join_stages");
}

void take_numbers(cudaStream_t stream, const two_stage_losses_report* report, double* numbers) {
  numbers_of<<<1, 1, 0, stream>>>(report, numbers);
  check_launch("take_numbers");
}
void put_numbers(cudaStream_t stream, const double* numbers, int ranks, two_stage_losses_report* report) {
  means_of<<<1, 1, 0, stream>>>(numbers, ranks, report);
  check_launch("put_numbers");
}

}  // namespace odt::cuda
