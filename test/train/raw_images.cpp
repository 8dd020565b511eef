// SPDX-License-Identifier: MIT
// Raw images reach the detectors that make them, and those that do not get the same out of them.
#include <odt/train/trainer.hpp>

#include "any_ssd.hpp"
#include "raw_images.hpp"
#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace odt::test {
namespace {

/// A toy whose images take more memory than the toy data's pictures.
class larger_toy : public toy_detector {
 public:
  using toy_detector::toy_detector;
  const image_resizer& resizer() const override { return resizer_; }

 private:
  image_resizer resizer_ = image_resizer::fixed_shape({20, 20});
};

struct image_maker final : larger_toy {
  using larger_toy::larger_toy;
  static inline int raw = 0;  ///< pictures so far

  bool makes_images() const override { return true; }
  step_report train_step(const batch& b) override {
    raw += static_cast<int>(std::ranges::count_if(b.raws, [](const raw_image& r) { return r.finished.empty(); }));
    batch made = b;
    made.images = images_of(b), made.raws.clear();
    return larger_toy::train_step(made);
  }
};

template <class Toy>
std::array<float, 4> trained(const std::string& config, const std::string& model_dir) {
  std::array<float, 4> weights{};
  std::vector<detector_type> types{toy_detector::type()};
  types[0].make = [](const settings& root, const run_options& run) -> std::unique_ptr<detector> {
    root.at("model").accept();
    root.at("train_config").accept();
    return std::make_unique<Toy>(run.seed);
  };
  train_flags flags;
  flags.pipeline_config_path = config, flags.model_dir = model_dir, flags.seed = 11, flags.num_train_steps = 5;
  std::FILE* file = std::tmpfile();
  {
    console out(file, false);
    train(types, flags, out);
  }
  std::fclose(file);
  const checkpoint_reader reader(model_dir);
  const auto read = reader.read<float>("FeatureExtractor/Toy/weights");
  std::ranges::copy(read, weights.begin());
  return weights;
}

any_ssd::options small_options() {
  any_ssd::options o;
  o.num_classes = 3;
  return o;
}

BOOST_AUTO_TEST_SUITE(raw_image_tests)

BOOST_AUTO_TEST_CASE(a_detector_that_makes_images_is_given_raw_ones_and_trains_alike) {
  const scratch_directory at;
  const std::string config = write_toy_run(at);
  const auto expected = trained<larger_toy>(config, at / "finished");
  BOOST_TEST(image_maker::raw == 0);
  BOOST_TEST((trained<image_maker>(config, at / "raw") == expected));
  BOOST_TEST(image_maker::raw > 0);
}

BOOST_AUTO_TEST_CASE(a_cpu_takes_raw_images_as_the_finished_ones) {
  any_ssd raw(small_options(), {.seed = 3, .threads = 2}), finished(small_options(), {.seed = 3, .threads = 2});
  BOOST_TEST(!raw.makes_images());
  std::vector<recipe> recipes(3);
  whole_catalogue_of({50, 70}, 1, recipes);
  batch b = raw_batch(recipes, {50, 70}, image_resizer::fixed_shape({64, 64}), pixel_transform::minus_one_to_one());
  b.counts = {1, 0, 2};
  std::ranges::fill(b.boxes, boxf{0.1f, 0.2f, 0.6f, 0.7f});
  std::ranges::fill(b.weights, 1.0f);
  batch made = b;
  made.images = images_of(b), made.raws.clear();
  for (int i = 0; i < 2; ++i) BOOST_TEST(raw.train_step(b).total_loss == finished.train_step(made).total_loss);
  b.raws[2].steps = {crop_op(40, 0, {20, 20})};
  BOOST_CHECK_THROW(raw.train_step(b), error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
