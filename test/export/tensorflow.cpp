// SPDX-License-Identifier: MIT
// What is written for TensorFlow, without TensorFlow: the API's nodes, whole graphs, the files around them.
// test/peers/check_exports.py has TensorFlow run it.
#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"
#include "golden.hpp"
#include "scratch.hpp"

#include <odt/graph.pb.h>

#include <odt/config/pipeline.hpp>
#include <odt/export/export_model.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

template <class Detector>
odt::ready_detector ready(const odt::settings& root) {
  odt::ready_detector result;
  result.model = Detector::type().make(root, {});
  return result;
}

/// A small network with every part that an export has.
const char* const small_ssd = R"(
  model { ssd {
    num_classes: 2
    box_coder { faster_rcnn_box_coder {} }
    matcher { argmax_matcher {} }
    similarity_calculator { iou_similarity {} }
    anchor_generator { ssd_anchor_generator { num_layers: 6 } }
    image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 96 pad_to_max_dimension: true } }
    box_predictor { convolutional_box_predictor { kernel_size: 1 conv_hyperparams {
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } } } }
    feature_extractor { type: "ssd_mobilenet_v1" depth_multiplier: 0.25 min_depth: 8 conv_hyperparams {
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } batch_norm {} } }
    loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }
    post_processing { score_converter: SIGMOID
      batch_non_max_suppression { iou_threshold: 0.6 max_detections_per_class: 20 max_total_detections: 30 } }
  } }
  train_config { optimizer { momentum_optimizer { learning_rate { constant_learning_rate {} } } } })";

const char* const small_mask_rcnn = R"(
  model { faster_rcnn {
    num_classes: 2
    number_of_stages: 3
    image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 96 } }
    feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 }
    first_stage_anchor_generator { grid_anchor_generator { scales: [0.25, 0.5] aspect_ratios: [1.0, 2.0] } }
    first_stage_box_predictor_conv_hyperparams { op: CONV
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } }
    first_stage_max_proposals: 10 second_stage_batch_size: 10
    initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2
    second_stage_box_predictor { mask_rcnn_box_predictor { predict_instance_masks: true mask_height: 7 mask_width: 7
      fc_hyperparams { op: FC regularizer { l2_regularizer {} } initializer { variance_scaling_initializer {} } }
      conv_hyperparams { op: CONV regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } } } }
    second_stage_post_processing { score_converter: SOFTMAX
      batch_non_max_suppression { max_detections_per_class: 5 max_total_detections: 5 } }
  } }
  train_config { optimizer { momentum_optimizer { learning_rate { constant_learning_rate {} } } } })";

odt::proto::GraphDef frozen_graph(const std::string& directory) {
  odt::proto::GraphDef graph;
  BOOST_REQUIRE(graph.ParseFromString(odt::read_file(directory + "/frozen_inference_graph.pb")));
  return graph;
}

/// The node of "^node", "node:1".
std::string node_of(std::string input) {
  if (input.starts_with('^')) input.erase(0, 1);
  return input.substr(0, input.find(':'));
}

/// Whether every node has a name of its own and inputs that are there.
void check_whole(const odt::proto::GraphDef& graph) {
  std::set<std::string> names;
  for (const auto& node : graph.node()) BOOST_CHECK_MESSAGE(names.insert(node.name()).second, node.name() << " twice");
  for (const auto& node : graph.node())
    for (const auto& input : node.input())
      BOOST_CHECK_MESSAGE(names.contains(node_of(input)), node.name() << " reads " << input);
}

std::map<std::string, std::vector<int>> outputs_of(const std::string& directory) {
  odt::proto::SavedModel model;
  BOOST_REQUIRE(model.ParseFromString(odt::read_file(directory + "/saved_model/saved_model.pb")));
  BOOST_REQUIRE_EQUAL(model.meta_graphs_size(), 1);
  const auto& meta = model.meta_graphs(0);
  BOOST_REQUIRE_EQUAL(meta.meta_info_def().tags(0), "serve");
  const auto& signature = meta.signature_def().at("serving_default");
  BOOST_CHECK_EQUAL(signature.method_name(), "tensorflow/serving/predict");
  std::map<std::string, std::vector<int>> shapes;
  for (const auto& [name, info] : signature.outputs()) {
    BOOST_CHECK_EQUAL(info.name(), name + ":0");
    for (const auto& dim : info.tensor_shape().dim()) shapes[name].push_back(static_cast<int>(dim.size()));
  }
  return shapes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tensorflow_tests)

BOOST_AUTO_TEST_CASE(nodes_are_those_of_the_api,
                     *odt::test::needs(odt::test::golden() / "models/export_ssd_mobilenet_v1")) {
  const auto fixture = odt::test::golden() / "models/export_ssd_mobilenet_v1";
  const auto config = odt::pipeline::load((fixture / "pipeline.config").string());
  const scratch_directory at;
  odt::export_tensorflow(ready<odt::test::any_ssd>(config.root()), config.text(), {.output_directory = at.path()});
  std::map<std::string, odt::proto::NodeDef> ours;
  const auto graph = frozen_graph(at.path());
  for (const auto& node : graph.node()) ours.emplace(node.name(), node);
  int compared = 0;
  for (const auto& theirs : odt::test::load_json(fixture / "frozen_nodes.json")) {
    const std::string name = theirs.at("name"), op = theirs.at("op");
    // Loops, anchors and decoding are arranged otherwise.
    if (name.starts_with("Preprocessor/map") || name.starts_with("Postprocessor") ||
        name.find("GridAnchorGenerator") != std::string::npos || name.starts_with("Concatenate"))
      continue;
    ++compared;
    const auto found = ours.find(name);
    BOOST_CHECK_MESSAGE(found != ours.end(), name << " is missing");
    if (found == ours.end()) continue;
    BOOST_CHECK_EQUAL(found->second.op(), op);
    if (op == "Shape") continue;  // of the features there, of the images here: it is their number that is asked for
    const auto& inputs = theirs.at("inputs");
    BOOST_CHECK_EQUAL(inputs.size(), found->second.input_size());
    for (int i = 0; i < found->second.input_size() && static_cast<std::size_t>(i) < inputs.size(); ++i) {
      const std::string input = inputs[static_cast<std::size_t>(i)];
      if (input.find("/map/") != std::string::npos || input.starts_with("Postprocessor")) continue;
      BOOST_CHECK_MESSAGE(found->second.input(i) == input,
                          name << " reads " << found->second.input(i) << " instead of " << input);
    }
  }
  BOOST_CHECK_GT(compared, 600);
}

BOOST_AUTO_TEST_CASE(an_export_has_the_api_s_files_and_signature) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  odt::export_tensorflow(detector, config.text(), {.output_directory = at.path(), .write_inference_graph = true});
  for (const char* name :
       {"frozen_inference_graph.pb", "saved_model/saved_model.pb", "model.ckpt.index", "model.ckpt.data-00000-of-00001",
        "model.ckpt.meta", "checkpoint", "pipeline.config", "inference_graph.pbtxt"})
    BOOST_CHECK_MESSAGE(odt::file_exists(at / name), name);
  check_whole(frozen_graph(at.path()));
  const std::map<std::string, std::vector<int>> expected{{"detection_boxes", {-1, 30, 4}},
                                                         {"detection_scores", {-1, 30}},
                                                         {"detection_classes", {-1, 30}},
                                                         {"detection_multiclass_scores", {-1, 30, 3}},
                                                         {"num_detections", {-1}},
                                                         {"raw_detection_boxes", {-1, -1, 4}},
                                                         {"raw_detection_scores", {-1, -1, 3}}};
  BOOST_CHECK(outputs_of(at.path()) == expected);

  const odt::checkpoint_reader checkpoint(at / "model.ckpt");
  for (const odt::state_tensor& t : detector.model->state())
    if (t.model_variable) BOOST_CHECK(checkpoint.read<float>(t.name) == std::vector(t.values.begin(), t.values.end()));
}

BOOST_AUTO_TEST_CASE(the_meta_graph_saves_and_restores_every_variable) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  odt::export_tensorflow(detector, config.text(), {.output_directory = at.path()});
  odt::proto::MetaGraphDef meta;
  BOOST_REQUIRE(meta.ParseFromString(odt::read_file(at / "model.ckpt.meta")));
  check_whole(meta.graph_def());
  std::set<std::string> variables;
  for (const auto& node : meta.graph_def().node())
    if (node.op() == "VariableV2") variables.insert(node.name());
  std::set<std::string> expected;
  for (const odt::state_tensor& t : detector.model->state())
    if (t.model_variable) expected.insert(t.name);
  BOOST_CHECK(variables == expected);
  BOOST_CHECK_EQUAL(meta.collection_def().at("variables").bytes_list().value_size(),
                    static_cast<int>(variables.size()));
}

BOOST_AUTO_TEST_CASE(three_stages_have_masks_and_inputs_of_each_kind) {
  const auto config = odt::pipeline::parse(small_mask_rcnn);
  const auto detector = ready<odt::test::any_faster_rcnn>(config.root());
  const scratch_directory at;
  for (const odt::graph_input input : {odt::graph_input::image_tensor, odt::graph_input::float_image_tensor,
                                       odt::graph_input::encoded_image_string_tensor, odt::graph_input::tf_example}) {
    odt::export_tensorflow(detector, config.text(), {.output_directory = at.path(), .input = input, .overwrite = true});
    const auto graph = frozen_graph(at.path());
    check_whole(graph);
    const std::string placeholder =
        input == odt::graph_input::float_image_tensor ? "image_tensor" : std::string(odt::name_of(input));
    BOOST_CHECK_EQUAL(graph.node(0).name(), placeholder);
    BOOST_CHECK((outputs_of(at.path()).at("detection_masks") == std::vector{-1, 5, 7, 7}));
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_exported_is_said) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  odt::export_tensorflow(detector, config.text(), {.output_directory = at.path()});
  check_error([&] { odt::export_tensorflow(detector, config.text(), {.output_directory = at.path()}); },
              {at.path(), "--overwrite"});
  check_error(
      [&] {
        odt::export_tensorflow(detector, config.text(),
                               {.output_directory = at / "other", .additional_outputs = {"FeatureExtractor/none"}});
      },
      {"FeatureExtractor/none"});
  BOOST_CHECK(!odt::file_exists(at / "other/saved_model/saved_model.pb"));

  auto any_size = odt::pipeline::parse(small_ssd);
  any_size.merge("model { ssd { image_resizer { keep_aspect_ratio_resizer { pad_to_max_dimension: false } } } }");
  check_error(
      [&] {
        odt::export_tensorflow(ready<odt::test::any_ssd>(any_size.root()), "", {.output_directory = at / "third"});
      },
      {"model.ssd.image_resizer", "pad_to_max_dimension"});
}

BOOST_AUTO_TEST_CASE(what_a_training_left_is_not_replaced) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  odt::write_file(at / "checkpoint", "model_checkpoint_path: \"model.ckpt-60\"\n");
  check_error([&] { odt::export_tensorflow(detector, config.text(), {.output_directory = at.path()}); },
              {at / "checkpoint", "--overwrite"});
  BOOST_CHECK_EQUAL(odt::read_file(at / "checkpoint"), "model_checkpoint_path: \"model.ckpt-60\"\n");
  odt::write_file(at / "pipeline.config", "# mine");
  check_error([&] { odt::export_onnx(detector, config.text(), {.output_directory = at.path()}); },
              {at / "pipeline.config", "--overwrite"});
  BOOST_CHECK_EQUAL(odt::read_file(at / "pipeline.config"), "# mine");
  odt::export_onnx(detector, config.text(), {.output_directory = at.path(), .overwrite = true});
  BOOST_CHECK(odt::file_exists(at / "model.onnx"));
}

BOOST_AUTO_TEST_CASE(shapes_of_inputs_are_read) {
  BOOST_CHECK((odt::parse_input_shape("1,-1,?,3") == std::vector{1, -1, -1, 3}));
  BOOST_CHECK((odt::parse_input_shape("None,300,400,3") == std::vector{-1, 300, 400, 3}));
  check_error([] { odt::parse_input_shape("1,300,300"); }, {"1,300,300", "batch,height,width,3"});
  check_error([] { odt::parse_input_shape("1,x,300,3"); }, {"\"x\""});
  check_error([] { odt::parse_input_shape("1,0,300,3"); }, {"\"0\""});
  check_error([] { odt::parse_input_shape("1,300,300,4"); }, {"1,300,300,4"});
}

BOOST_AUTO_TEST_SUITE_END()
