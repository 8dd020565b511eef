// SPDX-License-Identifier: MIT
#include "exec/cuda/two_stage_detectors.hpp"

#include <odt/cuda.hpp>

#include "exec/cuda/device_memory.hpp"

ODT_CUDA(odt::test::tiny_faster_rcnn)

namespace odt::test {

static auto& step_of(device_step& step) { return dynamic_cast<cuda::faster_rcnn_step<tiny_faster_rcnn::axes>&>(step); }

two_stage_look look_into_gpu(device_step& step) {
  const auto& memory = step_of(step).memory();
  const cuda::two_stage_boxes& own = memory.boxes();
  const auto images = static_cast<std::size_t>(own.all.batch);
  const auto rows = [images](int capacity) { return images * static_cast<std::size_t>(capacity); };
  two_stage_look look{fetched(own.all.counts, images), fetched(own.taken.counts, images),
                      fetched(own.sampled.counts, images)};
  look.proposals = fetched(own.all.boxes, rows(own.all.capacity));
  look.taken = fetched(own.taken.boxes, rows(own.taken.capacity));
  look.sampled = fetched(own.sampled.indices, rows(own.sampled.capacity));
  look.first_match = fetched(own.first.match, rows(memory.anchors().count));
  if (own.second.match) look.second_match = fetched(own.second.match, rows(own.taken.capacity));
  return look;
}

void keep_all_of_tiny_on_gpu(device_step& step, bool keep) { step_of(step).network_runner().keep_all(keep); }
std::vector<float> output_of_tiny_on_gpu(device_step& step, int layer) {
  return step_of(step).network_runner().values_of(layer);
}

}  // namespace odt::test
