// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/loss_scales.cuh>
#include <odt/exec/cuda/machine/error.hpp>

namespace odt::cuda::detail {

namespace {

/// Costs of an image's anchors that count, by a block.
__global__ __launch_bounds__(loss_threads) void sum_costs(ssd_predictions in, loss_memory memory, bool mines) {
  __shared__ double shared[33];
  const std::int64_t first = std::int64_t{blockIdx.x} * in.anchors;
  double cls = 0, loc = 0;
  for (int a = static_cast<int>(threadIdx.x); a < in.anchors; a += loss_threads) {
    if (mines && memory.kept[first + a] == 0) continue;
    cls += static_cast<double>(memory.classification[first + a]);
    loc += static_cast<double>(memory.localization[first + a]);
  }
  cls = block_sum(cls, shared), loc = block_sum(loc, shared);
  if (threadIdx.x == 0) memory.class_sums[blockIdx.x] = cls, memory.box_sums[blockIdx.x] = loc;
}

/// Sums over the images, by one warp.
__global__ void join_losses(loss_numbers o, int code_size, ssd_predictions in, counted_targets t, loss_memory memory,
                            bool mines, ssd_losses_report* report) {
  const loss_scales scale = loss_scales::of(o, code_size, t.weight_sums, in.batch);
  double sums[9] = {};
  for (int i = static_cast<int>(threadIdx.x); i < in.batch; i += 32) {
    const match_counts c = t.counts[i];
    const mined_counts m = mines ? memory.mined[i] : mined_counts{};
    const double of_image[9] = {memory.class_sums[i],
                                memory.box_sums[i],
                                static_cast<double>(c.positives),
                                static_cast<double>(c.negatives),
                                static_cast<double>(c.ignored),
                                static_cast<double>(m.positives),
                                static_cast<double>(m.negatives),
                                static_cast<double>(c.matched_boxes),
                                static_cast<double>(c.boxes)};
    for (int k = 0; k < 9; ++k) sums[k] += of_image[k];
  }
  for (double& s : sums) s = warp_sum(s);
  if (threadIdx.x != 0) return;
  report->classification = static_cast<float>(sums[0] * static_cast<double>(scale.classes));
  report->localization = static_cast<float>(sums[1] * static_cast<double>(scale.boxes));
  report->total = report->localization + report->classification;
  report->positives = sums[2], report->negatives = sums[3], report->ignored = sums[4];
  report->mined_positives = sums[5], report->mined_negatives = sums[6];
  report->matched_boxes = sums[7], report->boxes = sums[8];
}

__global__ void numbers_of(const ssd_losses_report* report, double* numbers) {
  const ssd_losses_report r = *report;
  const double all[ssd_report_numbers] = {r.classification, r.localization,    r.boxes,
                                          r.matched_boxes,  r.positives,       r.negatives,
                                          r.ignored,        r.mined_positives, r.mined_negatives};
  for (int i = 0; i < ssd_report_numbers; ++i) numbers[i] = all[i];
}

__global__ void report_of(const double* numbers, ssd_losses_report* report) {
  report->classification = static_cast<float>(numbers[0]), report->localization = static_cast<float>(numbers[1]);
  report->total = static_cast<float>(numbers[0] + numbers[1]);
  report->boxes = numbers[2], report->matched_boxes = numbers[3];
  report->positives = numbers[4], report->negatives = numbers[5], report->ignored = numbers[6];
  report->mined_positives = numbers[7], report->mined_negatives = numbers[8];
}

}  // namespace

void report_losses(cudaStream_t stream, const loss_numbers& numbers, int code_size, const ssd_predictions& in,
                   const counted_targets& targets, const loss_memory& memory, bool mines, ssd_losses_report* report) {
  sum_costs<<<static_cast<unsigned>(in.batch), loss_threads, 0, stream>>>(in, memory, mines);
  check_launch("sum_costs");
  join_losses<<<1, 32, 0, stream>>>(numbers, code_size, in, targets, memory, mines, report);
  check_launch("join_losses");
}

}  // namespace odt::cuda::detail

namespace odt::cuda {

void take_numbers(cudaStream_t stream, const ssd_losses_report* report, double* numbers) {
  detail::numbers_of<<<1, 1, 0, stream>>>(report, numbers);
  check_launch("take_numbers");
}
void put_numbers(cudaStream_t stream, const double* numbers, ssd_losses_report* report) {
  detail::report_of<<<1, 1, 0, stream>>>(numbers, report);
  check_launch("put_numbers");
}

}  // namespace odt::cuda
