// SPDX-License-Identifier: MIT
#include <odt/cuda.hpp>

#include "exec/cuda/detectors.hpp"

ODT_CUDA(odt::test::any_ssd)

namespace odt::test {

static cuda::runner& runner_of(device_step& step) {
  return dynamic_cast<cuda::ssd_step<any_ssd::axes>&>(step).network_runner();
}

void keep_all_on_gpu(device_step& step, bool keep) { runner_of(step).keep_all(keep); }
std::vector<float> output_on_gpu(device_step& step, int layer) { return runner_of(step).values_of(layer); }

}  // namespace odt::test
