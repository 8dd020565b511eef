// SPDX-License-Identifier: MIT
// A real detector under the trainer: shuffling, augmentation, dropout, slots and averages go on after a restart as if
// there had been none, with any number of data threads.
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>
#include <odt/train/trainer.hpp>

#include "any_ssd.hpp"
#include "train/toy_data.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>

namespace {

using odt::test::scratch_directory;

constexpr std::string_view hyperparams =
    "{ activation: RELU_6 regularizer { l2_regularizer { weight: 0.00004 } }\n"
    "  initializer { truncated_normal_initializer { stddev: 0.03 } } batch_norm { scale: true decay: 0.9 } }";

std::string write_run(const scratch_directory& at) {
  odt::test::write_toy_records(at / "train.record", 9, 1);
  odt::label_map::from_names({"thing"}).write(at / "label_map.pbtxt");
  odt::write_file(
      at / "pipeline.config",
      odt::str("model { ssd { num_classes: 1 image_resizer { fixed_shape_resizer { height: 64 width: 64 } }\n",
               "  feature_extractor { type: 'ssd_mobilenet_v1' depth_multiplier: 0.25 min_depth: 8 conv_hyperparams ",
               hyperparams, " }\n  box_coder { faster_rcnn_box_coder { } } matcher { argmax_matcher { } }\n",
               "  similarity_calculator { iou_similarity { } }\n  box_predictor { convolutional_box_predictor {\n",
               "    use_dropout: true dropout_keep_probability: 0.7 conv_hyperparams ", hyperparams, " } }\n",
               "  anchor_generator { ssd_anchor_generator { aspect_ratios: 1 aspect_ratios: 2 } }\n",
               "  loss { classification_loss { weighted_sigmoid { } } localization_loss { weighted_smooth_l1 { } } }\n",
               "} }\ntrain_config { batch_size: 2 num_steps: 6 optimizer { rms_prop_optimizer { learning_rate {\n",
               "  exponential_decay_learning_rate { initial_learning_rate: 0.01 decay_steps: 2 } } } }\n",
               "  data_augmentation_options { random_horizontal_flip { } }\n",
               "  data_augmentation_options { ssd_random_crop { } } }\n", "train_input_reader { label_map_path: '",
               at / "label_map.pbtxt", "' tf_record_input_reader { input_path: '", at / "train.record", "' } }\n"));
  return at / "pipeline.config";
}

std::vector<std::string> train(const scratch_directory& at, std::string_view model_dir, std::int64_t steps,
                               int data_threads) {
  const std::vector<odt::detector_type> types{odt::test::any_ssd::type()};
  odt::train_flags flags;
  flags.pipeline_config_path = at / "pipeline.config";
  flags.model_dir = at / model_dir;
  flags.num_train_steps = steps;
  flags.threads = 2;
  flags.data_threads = data_threads;
  std::FILE* file = std::fopen((at / odt::str(model_dir, ".txt")).c_str(), "w");
  {
    odt::console out(file, false);
    odt::train(types, flags, out);
  }
  std::fclose(file);
  const odt::checkpoint_reader reader(flags.model_dir);
  std::vector<std::string> contents;
  for (const auto& tensor : reader.tensors()) contents.push_back(tensor.name + reader.read_raw(tensor));
  return contents;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ssd_run_tests)

BOOST_AUTO_TEST_CASE(a_restart_and_the_number_of_data_threads_change_no_bit) {
  const scratch_directory at;
  write_run(at);
  const auto whole = train(at, "whole", 6, 1);
  train(at, "parts", 1, 3);
  train(at, "parts", 4, 2);
  const auto parts = train(at, "parts", 6, 1);
  BOOST_TEST_REQUIRE(whole.size() == parts.size());
  BOOST_TEST(whole.size() > 300u);  // variables, two slots, averages
  for (std::size_t i = 0; i < whole.size(); ++i)
    BOOST_TEST((whole[i] == parts[i]), whole[i].substr(0, whole[i].find('\0')));
}

BOOST_AUTO_TEST_CASE(the_memory_is_told_before_the_first_step) {
  const scratch_directory at;
  write_run(at);
  train(at, "run", 1, 1);
  const std::string told = odt::read_file(at / "run.txt");
  const auto memory = told.find("memory needed in all: "), step = told.find("step 1");
  BOOST_TEST_CONTEXT(told) {
    BOOST_TEST_REQUIRE(memory != std::string::npos);
    BOOST_TEST(memory < step);
  }
  BOOST_TEST_MESSAGE(told.substr(memory, told.find('\n', memory) - memory));
}

BOOST_AUTO_TEST_SUITE_END()
