// SPDX-License-Identifier: MIT
#include <odt/config/ranges.hpp>

#include "golden.hpp"

#include <odt/config/pipeline.hpp>

#include <odt/pipeline.pb.h>

#include <google/protobuf/descriptor.h>

#include <functional>
#include <set>

namespace {

namespace pb = google::protobuf;
using odt::pipeline;

std::string error_of(const std::string& text) {
  const auto config = pipeline::parse(text, "a.config");
  try {
    odt::check_ranges(config.root());
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

/// Calls `visit` for every number of the message and of those below it.
void each_number(const pb::Descriptor& message, std::set<const pb::Descriptor*>& seen,
                 const std::function<void(const pb::FieldDescriptor&)>& visit) {
  if (!seen.insert(&message).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        each_number(*field.message_type(), seen, visit);
        break;
      case pb::FieldDescriptor::CPPTYPE_BOOL:
      case pb::FieldDescriptor::CPPTYPE_ENUM:
      case pb::FieldDescriptor::CPPTYPE_STRING:
        break;
      default:
        visit(field);
    }
  }
}

double default_of(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return static_cast<double>(field.default_value_float());
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return field.default_value_uint32();
    default:
      return field.default_value_int32();
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ranges_tests)

BOOST_AUTO_TEST_CASE(every_number_of_the_schema_has_a_range_and_a_default_within_it) {
  std::set<const pb::Descriptor*> seen;
  int numbers = 0;
  each_number(*odt::proto::TrainEvalPipelineConfig::descriptor(), seen, [&](const pb::FieldDescriptor& field) {
    ++numbers;
    const auto range = odt::range_of(field.containing_type()->name(), field.name());
    BOOST_CHECK_MESSAGE(range, field.full_name() << " has no range");
    if (range && field.has_default_value())
      BOOST_CHECK_MESSAGE(range->has(default_of(field)), field.full_name() << ": its default is out of range");
  });
  BOOST_TEST(numbers > 300);
}

BOOST_AUTO_TEST_CASE(a_number_out_of_its_range_is_refused_with_its_place_and_the_range) {
  BOOST_TEST(error_of("train_config { batch_size: 0 }") ==
             "a.config:1:16: train_config.batch_size: 0 is too small; at least 1 belongs here");
  const std::string coder = "model { ssd { box_coder { faster_rcnn_box_coder {\n y_scale: 0 } } } }";
  BOOST_TEST(error_of(coder) ==
             "a.config:2:2: model.ssd.box_coder.faster_rcnn_box_coder.y_scale: 0 is too small; more "
             "than 0 belongs here");
  BOOST_TEST(error_of("eval_config { min_score_threshold: 50 }") ==
             "a.config:1:15: eval_config.min_score_threshold: 50 is too large; a number from 0 to 1 belongs here (50 % "
             "is 0.5)");
  BOOST_TEST(
      error_of("train_config { data_augmentation_options { random_crop_image { } }\n"
               "data_augmentation_options { random_pad_image { max_image_width: -3 } } }") ==
      "a.config:2:48: train_config.data_augmentation_options[1].random_pad_image.max_image_width: -3 is too small; "
      "at least 0 belongs here");
}

BOOST_AUTO_TEST_CASE(every_number_out_of_range_is_told) {
  const std::string both = error_of("train_config { batch_size: 0\n gradient_clipping_by_norm: -10 }");
  BOOST_TEST(both ==
             "a.config:1:16: train_config.batch_size: 0 is too small; at least 1 belongs here\n"
             "a.config:2:2: train_config.gradient_clipping_by_norm: -10 is too small; at least 0 belongs here");
}

BOOST_AUTO_TEST_CASE(no_number_is_infinite_or_none) {
  for (const std::string value : {"nan", "inf", "-inf"}) {
    const std::string message = error_of(
        "model { ssd { box_predictor { convolutional_box_predictor { "
        "class_prediction_bias_init: " +
        value + " } } } }");
    BOOST_TEST(message.ends_with("; a finite number belongs here"), message);
  }
  BOOST_TEST(error_of("train_config { gradient_clipping_by_norm: nan }") ==
             "a.config:1:16: train_config.gradient_clipping_by_norm: nan is not a number; at least 0 belongs here");
}

BOOST_AUTO_TEST_CASE(the_bounds_belong_to_a_range_or_not) {
  const auto keep = *odt::range_of("ConvolutionalBoxPredictor", "dropout_keep_probability");
  BOOST_TEST(keep.text() == "more than 0 and at most 1");
  BOOST_TEST(!keep.has(0));
  BOOST_TEST(keep.has(1));
  BOOST_TEST(!odt::range_of("BatchNorm", "dec").has_value());
}

BOOST_AUTO_TEST_CASE(looking_at_a_number_is_not_reading_it) {
  const auto config = pipeline::parse("train_config { batch_size: 3 }");
  odt::check_ranges(config.root());
  BOOST_TEST(!config.root().find("train_config")->find("batch_size")->read);
}

BOOST_AUTO_TEST_CASE(every_public_sample_config_is_within_the_ranges, *odt::test::needs(odt::test::data())) {
  for (const auto& root : {odt::test::data(), odt::test::golden() / "models"})
    for (const auto& entry : odt::test::fs::recursive_directory_iterator(root))
      if (entry.path().extension() == ".config") {
        const auto config = pipeline::load(entry.path().string());
        BOOST_CHECK_NO_THROW(odt::check_ranges(config.root()));
      }
}

BOOST_AUTO_TEST_SUITE_END()
