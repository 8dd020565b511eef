// SPDX-License-Identifier: MIT
// Whole models of the API's configs: their steps beside the CPU's, and compiled for TPUs that are not there.
#include "exec/pjrt/plugin.hpp"
#include "exec/pjrt/small_ssd.hpp"
#include "golden.hpp"

#include <odt/config/pipeline.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/pjrt/ssd_step_module.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace odt::test {
namespace {

any_ssd::options options_of(const fs::path& config) {
  return any_ssd::options::from(pipeline::load(config.string()).root());
}

batch random_pictures(int count, size2 size) {
  batch b = batch::zeros(count, size.height, size.width, 4);
  random_stream random(11, 0, 0);
  for (float& x : b.images) x = random.uniform(-1, 1);
  b.weights.assign(b.weights.size(), 1.0f);
  std::ranges::fill(b.counts, 3);
  for (boxf& to : b.boxes) {
    const float y = random.uniform(0, 0.5f), x = random.uniform(0, 0.5f);
    to = {y, x, y + random.uniform(0.1f, 0.5f), x + random.uniform(0.1f, 0.5f)};
  }
  return b;
}

const std::vector<std::string> trained_models{"train_ssd_mobilenet_v1_frozen_bn_focal",
                                              "train_ssd_mobilenet_v2_fpnlite_frozen_bn",
                                              "train_ssd_resnet50_v1_fpn_frozen_bn"};

BOOST_AUTO_TEST_SUITE(pjrt_model_tests, *needs(golden() / "models"))

BOOST_DATA_TEST_CASE(a_models_steps_are_those_of_the_cpu, boost::unit_test::data::make(trained_models), name) {
  if (!has_pjrt_plugin()) return;
  const any_ssd::options o = options_of(golden() / "models" / name / "pipeline.config");
  any_ssd cpu(o, {.seed = 1}), other(o, {.seed = 1, .device = "pjrt:" + pjrt_plugin().string()});
  const batch b = random_pictures(2, {128, 128});
  for (int step = 0; step < 2; ++step) {
    const step_report a = cpu.train_step(b), c = other.train_step(b);
    for (std::size_t i = 0; i < a.losses.size(); ++i)
      BOOST_TEST(a.losses[i].second == c.losses[i].second, boost::test_tools::tolerance(1e-4f));
    BOOST_TEST(a.gradient_norm == c.gradient_norm, boost::test_tools::tolerance(1e-4f));
    BOOST_TEST((a.details == c.details));
    if (step == 0) check_states(cpu, other, 1e-4);  // later, rounding may close another gate of an activation
  }
}

struct tpu_case {
  fs::path config;
  int side;
  std::string topology;
  int devices, batch;
  precision compute = precision::fp32;

  friend std::ostream& operator<<(std::ostream& out, const tpu_case& c) {
    return out << (c.config.filename() == "pipeline.config" ? c.config.parent_path() : c.config).filename().string()
               << ", " << c.side << " px, on " << c.topology << (c.compute == precision::bf16 ? ", bf16" : ", fp32");
  }
};

const fs::path mobilenet_v1 = data() / "configs/ssd_mobilenet_v1_focal_loss_pets.config",
               fpn_lite = golden() / "models/full_ssd_mobilenet_v2_fpnlite_320/pipeline.config",
               retinanet = data() / "configs/ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync.config";

// In fp32 a product is six of bfloat16, and libtpu takes five times as long: the larger networks are compiled in bf16.
const std::vector<tpu_case> tpus{{mobilenet_v1, 300, "v5e:1x1", 1, 8},
                                 {mobilenet_v1, 300, "v5e:2x2", 4, 8},
                                 {mobilenet_v1, 300, "v5e:1x1", 1, 8, precision::bf16},
                                 {fpn_lite, 640, "v5e:1x1", 1, 8, precision::bf16},
                                 {fpn_lite, 640, "v5e:2x2", 4, 8, precision::bf16},
                                 {retinanet, 640, "v5e:1x1", 1, 8, precision::bf16},
                                 {retinanet, 640, "v5e:2x2", 4, 8, precision::bf16}};

/// libtpu compiles without a TPU and without a network, when it is told not to look for them.
BOOST_DATA_TEST_CASE(steps_compile_for_tpus, boost::unit_test::data::make(tpus)) {
  const fs::path libtpu = python_package("libtpu/libtpu.so");
  if (libtpu.empty() || !fs::exists(sample.config)) {
    BOOST_TEST_MESSAGE("skipped: there is no libtpu (pip install libtpu), or no " << sample.config);
    return;
  }
  ::setenv("TPU_SKIP_MDS_QUERY", "1", 1);
  ::setenv("TPU_ACCELERATOR_TYPE", "v5litepod-4", 1);
  ::setenv("TPU_WORKER_HOSTNAMES", "localhost", 1);
  any_ssd::options o = options_of(sample.config);
  o.loss.miner.reset();
  const any_ssd model(o, {.threads = 1});
  const step_shape shape{sample.batch, {sample.side, sample.side}, 100, true, false};
  const pjrt::step_module module =
      pjrt::trace_ssd_step(o, model.layers(), model.variables(), shape, sample.devices, sample.compute, 0);
  const auto begin = std::chrono::steady_clock::now();
  const pjrt::program_memory memory = pjrt::compile_for(libtpu, sample.topology, module.text, sample.devices);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  BOOST_TEST(memory.arguments > 0);
  BOOST_TEST_MESSAGE(sample << ", " << sample.batch << " images a device: " << seconds << " s, "
                            << memory.all() / 1000000 << " MB, of them " << memory.temporary / 1000000 << " temporary");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
