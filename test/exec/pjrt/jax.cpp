// SPDX-License-Identifier: MIT
// jaxlib, where it is installed, as a second judge of a whole train step's module.
#include "exec/pjrt/plugin.hpp"
#include "exec/pjrt/small_ssd.hpp"
#include "scratch.hpp"

#include <odt/exec/pjrt/ssd_step_module.hpp>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace odt::test {
namespace {

/// A step's arguments before the first step, and what they are given to.
struct step_arguments {
  std::vector<std::vector<float>> values;
  std::vector<std::shared_ptr<pjrt::device_array>> arrays;

  void add(std::span<const float> numbers, const pjrt::extents& shape) {
    values.emplace_back(numbers.begin(), numbers.end());
    arrays.push_back(pjrt_client().upload(numbers, shape, 0));
  }

  step_arguments(any_ssd& model, const batch& b) {
    const variable_stores s = model.device().stores();
    for (const variable& v : model.variables().variables) {
      const pjrt::extents shape(v.shape.begin(), v.shape.end());
      const auto of = [&v](std::span<const float> store) {
        return store.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size));
      };
      add(of(s.values), shape);
      if (!v.trainable || v.offset >= model.variables().trainable_floats) continue;
      for (const std::span<float> slot : s.slots) add(of(slot), shape);
      add(of(s.averages), shape);
    }
    const std::int64_t images = b.size, rows = b.max_boxes;
    add(b.images, {images, b.height, b.width, 3});
    add({reinterpret_cast<const float*>(b.boxes.data()), 4 * b.boxes.size()}, {images, rows, 4});
    add(std::vector<float>(b.classes.begin(), b.classes.end()), {images, rows});
    add(b.weights, {images, rows});
    add(std::vector<float>(b.counts.begin(), b.counts.end()), {images, 1});
    add(std::array{0.01f, 0.0f, 0.0f}, {pjrt::step_input_count});
  }
};

void write(const std::string& file, std::span<const float> values) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

BOOST_AUTO_TEST_SUITE(pjrt_jax_tests)

BOOST_AUTO_TEST_CASE(jaxlib_makes_the_same_of_a_step) {
  const std::string python = ODT_TEST_PEERS "/bin/python";
  if (!has_pjrt_plugin()) return;
  if (std::system((python + " -c 'import jaxlib' > /dev/null 2>&1").c_str()) != 0) {
    BOOST_TEST_MESSAGE("skipped: " << python << " has no jaxlib (pip install jax)");
    return;
  }
  any_ssd model(usual(), {.seed = 5, .threads = 1});
  const batch b = pictures(0, 4);
  const pjrt::step_module module =
      pjrt::trace_ssd_step(model.opts(), model.layers(), model.variables(),
                           {4, {b.height, b.width}, b.max_boxes, true, false}, 1, precision::fp32, 5);
  const step_arguments arguments(model, b);
  const scratch_directory at;
  std::ofstream(at / "step.mlir") << module.text;
  for (std::size_t i = 0; i < arguments.values.size(); ++i) write(at / std::to_string(i), arguments.values[i]);
  const auto ours = pjrt_client().compile(module.text, 1, module.results)->run({arguments.arrays})[0];
  BOOST_REQUIRE_EQUAL(
      std::system((python + " " ODT_TEST_SOURCES "/exec/pjrt/jax_step.py " + at.path() + " > /dev/null").c_str()), 0);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    std::vector<float> mine(i + 1 < ours.size() ? arguments.values[i].size() : std::size_t{pjrt::step_number_count});
    std::vector<float> theirs(mine.size());
    pjrt_client().download(*ours[i], mine);
    std::ifstream(at / ("result" + std::to_string(i)), std::ios::binary)
        .read(reinterpret_cast<char*>(theirs.data()), static_cast<std::streamsize>(theirs.size() * sizeof(float)));
    double largest = 1e-3, worst = 0;
    for (std::size_t k = 0; k < mine.size(); ++k) {
      largest = std::max(largest, std::abs(static_cast<double>(theirs[k])));
      worst = std::max(worst, std::abs(static_cast<double>(theirs[k]) - static_cast<double>(mine[k])));
    }
    BOOST_TEST(worst <= 1e-4 * largest, "result " << i << ": off by " << worst << " of " << largest);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
