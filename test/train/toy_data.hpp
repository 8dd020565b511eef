// SPDX-License-Identifier: MIT
// A few small records, a label map and a config for the toy detector, in a directory that goes away again.
#pragma once

#include <odt/core/random.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/tfrecord.hpp>

#include <scratch.hpp>

#include <string>

namespace odt::test {

/// `images` pictures of random colours with one box each.
inline void write_toy_records(const std::string& path, int images, std::uint64_t seed) {
  record_writer writer(path);
  for (int i = 0; i < images; ++i) {
    random_stream random(seed, static_cast<std::uint64_t>(i));
    image picture(24, 32);
    const std::array<std::uint32_t, 3> colour{random.bits(), random.bits(), random.bits()};
    for (std::size_t p = 0; p < picture.pixels.size(); ++p)
      picture.pixels[p] = static_cast<std::uint8_t>(colour[p % 3] % 256);
    example e;
    e.encoded = encode_png(picture);
    e.format = "png";
    e.filename = e.source_id = str("picture", i, ".png");
    e.height = 24, e.width = 32;
    labelled_object thing;
    thing.bounds = {0.1f, 0.2f, 0.6f, 0.7f};
    thing.label = 1;
    thing.text = "thing";
    e.objects.push_back(thing);
    writer.write(serialize_example(e));
  }
  writer.commit();
}

/// Records, label map and pipeline.config in the directory; the config's path.
inline std::string write_toy_run(const std::string& directory, std::string_view more = "") {
  const auto in = [&directory](std::string_view name) { return join_path(directory, name); };
  write_toy_records(in("train.record"), 10, 1);
  write_toy_records(in("val.record"), 4, 2);
  label_map::from_names({"thing"}).write(in("label_map.pbtxt"));
  const auto reader = [&in](std::string_view record) {
    return str("{ label_map_path: '", in("label_map.pbtxt"), "' tf_record_input_reader { input_path: '", in(record),
               "' } }\n");
  };
  const std::string hyperparams =
      "{ regularizer { l2_regularizer { } } initializer { truncated_normal_initializer { } } }";
  const std::string config = in("pipeline.config");
  write_file(
      config,
      str("model { ssd { num_classes: 1 image_resizer { fixed_shape_resizer { height: 8 width: 8 } }\n"
          "  feature_extractor { type: 'toy' conv_hyperparams ",
          hyperparams, " }\n",
          "  box_coder { faster_rcnn_box_coder { } } matcher { argmax_matcher { } }\n"
          "  similarity_calculator { iou_similarity { } }\n"
          "  box_predictor { convolutional_box_predictor { conv_hyperparams ",
          hyperparams, " } }\n",
          "  anchor_generator { ssd_anchor_generator { } }\n"
          "  loss { classification_loss { weighted_sigmoid { } } localization_loss { weighted_smooth_l1 { } } }\n"
          "} }\n"
          "train_config { batch_size: 3 num_steps: 20 optimizer { momentum_optimizer {\n"
          "  learning_rate { constant_learning_rate { } } } }\n"
          "  data_augmentation_options { random_horizontal_flip { } } }\n"
          "train_input_reader ",
          reader("train.record"),
          "eval_config { num_visualizations: 1 }\n"
          "eval_input_reader ",
          reader("val.record"), more));
  return config;
}

inline std::string write_toy_run(const scratch_directory& at, std::string_view more = "") {
  return write_toy_run(at.path(), more);
}

}  // namespace odt::test
