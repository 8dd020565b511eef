// SPDX-License-Identifier: MIT
// What is written for TFLite, without TFLite: the API's nodes, and the file's tables as an interpreter reads them.
// test/peers/check_exports.py has the interpreter run it.
#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"
#include "export/small_faster_rcnn.hpp"
#include "golden.hpp"
#include "scratch.hpp"

#include <odt/graph.pb.h>

#include <odt/config/pipeline.hpp>
#include <odt/export/check_export.hpp>
#include <odt/export/export_model.hpp>
#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#if defined(ODT_HAS_FLATBUFFERS)
#define FLATBUFFERS_LOCALE_INDEPENDENT 0  // else reading an option takes a part of the library, which is not linked
#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/flexbuffers.h>
#endif

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

template <class Detector>
odt::ready_detector ready(const odt::settings& root) {
  odt::ready_detector result;
  result.model = Detector::type().make(root, {});
  return result;
}

/// A small network with batch norms, residual sums and SAME padding; 64x64 images.
const char* const small_ssd = R"(
  model { ssd {
    num_classes: 2
    box_coder { faster_rcnn_box_coder { y_scale: 8 x_scale: 9 height_scale: 4 width_scale: 5 } }
    matcher { argmax_matcher {} }
    similarity_calculator { iou_similarity {} }
    anchor_generator { ssd_anchor_generator { num_layers: 6 } }
    image_resizer { fixed_shape_resizer { height: 64 width: 64 } }
    box_predictor { convolutional_box_predictor { kernel_size: 1 conv_hyperparams {
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } } } }
    feature_extractor { type: "ssd_mobilenet_v2" depth_multiplier: 0.25 min_depth: 8 conv_hyperparams {
      activation: RELU_6
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } batch_norm {} } }
    loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }
    post_processing { score_converter: SIGMOID
      batch_non_max_suppression { score_threshold: 0.25 iou_threshold: 0.5 } }
  } }
  train_config { optimizer { momentum_optimizer { learning_rate { constant_learning_rate {} } } } })";

odt::pipeline changed(const char* text) {
  auto config = odt::pipeline::parse(small_ssd);
  config.merge(text);
  return config;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tflite_tests)

BOOST_AUTO_TEST_CASE(the_check_chooses_as_the_file_does) {
  BOOST_CHECK_EQUAL(odt::rule_of({.max_detections = 20}),
                    "model.ssd.post_processing.batch_non_max_suppression.max_total_detections=20,"
                    "model.ssd.post_processing.batch_non_max_suppression.max_detections_per_class=20,"
                    "model.ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms=true");
  BOOST_CHECK_EQUAL(odt::rule_of({.max_detections = 20, .detections_per_class = 5, .use_regular_nms = true}),
                    "model.ssd.post_processing.batch_non_max_suppression.max_total_detections=20,"
                    "model.ssd.post_processing.batch_non_max_suppression.max_detections_per_class=5,"
                    "model.ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms=false");
  auto config = odt::pipeline::parse(small_ssd);
  config.apply_hparams(odt::rule_of({}));
  ready<odt::test::any_ssd>(config.root());
}

BOOST_AUTO_TEST_CASE(what_tflite_has_no_words_for_is_refused) {
  const scratch_directory at;
  const auto refused = [&](const char* change, std::initializer_list<std::string_view> pieces) {
    const auto detector = ready<odt::test::any_ssd>(changed(change).root());
    check_error([&] { odt::export_tflite(detector, "", {.output_directory = at.path()}); }, pieces);
    BOOST_CHECK_EQUAL(at.entries(), 0U);
  };
  refused(
      "model { ssd { image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 64 "
      "pad_to_max_dimension: true } } } }",
      {"model.ssd.image_resizer", "fixed_shape_resizer"});
  refused("model { ssd { post_processing { batch_non_max_suppression { soft_nms_sigma: 0.5 } } } }",
          {"soft_nms_sigma", "0.5"});
  refused("model { ssd { post_processing { batch_non_max_suppression { iou_threshold: 0 } } } }", {"iou_threshold"});
  refused("model { ssd { post_processing { calibration_config { sigmoid_calibration { sigmoid_parameters {} } } } } }",
          {"calibration_config.sigmoid_calibration"});

  const auto two_stages = odt::pipeline::parse(odt::test::small_faster_rcnn);
  check_error(
      [&] {
        odt::export_tflite(ready<odt::test::any_faster_rcnn>(two_stages.root()), "", {.output_directory = at.path()});
      },
      {"model.faster_rcnn", "TFLite"});
}

#if defined(ODT_HAS_FLATBUFFERS)

namespace {

odt::proto::GraphDef graph_in(const std::string& directory) {
  odt::proto::GraphDef graph;
  BOOST_REQUIRE(graph.ParseFromString(odt::read_file(directory + "/tflite_graph.pb")));
  return graph;
}

/// The parts of a .tflite file that it has to have, by the numbers of its schema's fields.
struct lite_tensor {
  std::string name;
  int type = 0;
  std::vector<int> shape;
  std::vector<float> values;  ///< of a constant of floats
  std::size_t bytes = 0;      ///< of any constant
};
struct lite_operation {
  int code = 0;
  std::string custom;
  std::vector<int> inputs, outputs;
  const flatbuffers::Table* options = nullptr;
  std::vector<std::uint8_t> attributes;
};

class lite_file {
 public:
  explicit lite_file(std::string bytes) : bytes_(std::move(bytes)) {
    BOOST_REQUIRE(flatbuffers::BufferHasIdentifier(bytes_.data(), "TFL3"));
    model_ = flatbuffers::GetRoot<flatbuffers::Table>(bytes_.data());
    const table_list subgraphs = list(*model_, 2);
    BOOST_REQUIRE_EQUAL(subgraphs.size(), 1U);
    const flatbuffers::Table& graph = *subgraphs[0];
    for (const flatbuffers::Table* t : list(graph, 0)) tensors.push_back(tensor(*t));
    for (const flatbuffers::Table* o : list(graph, 3)) operations.push_back(operation(*o));
    inputs = ints(graph, 1), outputs = ints(graph, 2);
  }

  std::uint32_t version() const { return model_->GetField<std::uint32_t>(at(0), 0); }
  const lite_tensor& named(const std::string& name) const {
    const auto found = std::ranges::find(tensors, name, &lite_tensor::name);
    BOOST_REQUIRE_MESSAGE(found != tensors.end(), name << " is missing");
    return *found;
  }
  /// The operation that computes a tensor of that name.
  const lite_operation& computing(const std::string& name) const {
    const auto found = std::ranges::find_if(operations, [&](const lite_operation& o) {
      return tensors[static_cast<std::size_t>(o.outputs[0])].name == name;
    });
    BOOST_REQUIRE_MESSAGE(found != operations.end(), "nothing computes " << name);
    return *found;
  }

  std::vector<lite_tensor> tensors;
  std::vector<lite_operation> operations;
  std::vector<int> inputs, outputs;

 private:
  using table_list = std::vector<const flatbuffers::Table*>;

  static flatbuffers::voffset_t at(int field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }

  static table_list list(const flatbuffers::Table& of, int field) {
    const auto* v = of.GetPointer<const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::Table>>*>(at(field));
    BOOST_REQUIRE(v);
    table_list all;
    for (flatbuffers::uoffset_t i = 0; i < v->size(); ++i) all.push_back(v->Get(i));
    return all;
  }
  static std::vector<int> ints(const flatbuffers::Table& of, int field) {
    const auto* v = of.GetPointer<const flatbuffers::Vector<std::int32_t>*>(at(field));
    return v ? std::vector<int>(v->begin(), v->end()) : std::vector<int>{};
  }
  static std::string text(const flatbuffers::Table& of, int field) {
    const auto* s = of.GetPointer<const flatbuffers::String*>(at(field));
    return s ? s->str() : "";
  }

  lite_tensor tensor(const flatbuffers::Table& t) const {
    lite_tensor result{text(t, 3), t.GetField<std::int8_t>(at(1), 0), ints(t, 0), {}, 0};
    const auto number = t.GetField<std::uint32_t>(at(2), 0);
    const table_list buffers = list(*model_, 4);
    BOOST_REQUIRE_LT(number, buffers.size());
    const auto* data = buffers[number]->GetPointer<const flatbuffers::Vector<std::uint8_t>*>(at(0));
    BOOST_CHECK_EQUAL(number == 0, data == nullptr);
    if (!data) return result;
    BOOST_CHECK_EQUAL((reinterpret_cast<const char*>(data->data()) - bytes_.data()) % 16, 0);
    result.bytes = data->size();
    if (result.type == 0) {
      result.values.resize(result.bytes / sizeof(float));
      std::memcpy(result.values.data(), data->data(), result.bytes);
    }
    return result;
  }

  lite_operation operation(const flatbuffers::Table& o) const {
    const flatbuffers::Table& code = *list(*model_, 1).at(o.GetField<std::uint32_t>(at(0), 0));
    lite_operation result;
    result.code = code.GetField<std::int32_t>(at(3), 0);
    BOOST_CHECK_EQUAL(int{code.GetField<std::int8_t>(at(0), 0)}, std::min(result.code, 127));
    result.custom = text(code, 1);
    result.inputs = ints(o, 1), result.outputs = ints(o, 2);
    result.options = o.GetPointer<const flatbuffers::Table*>(at(4));
    BOOST_CHECK_EQUAL(o.GetField<std::uint8_t>(at(3), 0) != 0, result.options != nullptr);
    if (const auto* a = o.GetPointer<const flatbuffers::Vector<std::uint8_t>*>(at(5)))
      result.attributes.assign(a->begin(), a->end());
    return result;
  }

  std::string bytes_;
  const flatbuffers::Table* model_ = nullptr;
};

/// Fields of an operation's options, of one byte and of four.
int byte_option(const lite_operation& o, int field) {
  BOOST_REQUIRE(o.options);
  return o.options->GetField<std::int8_t>(static_cast<flatbuffers::voffset_t>(4 + 2 * field), 0);
}
int int_option(const lite_operation& o, int field) {
  BOOST_REQUIRE(o.options);
  return o.options->GetField<std::int32_t>(static_cast<flatbuffers::voffset_t>(4 + 2 * field), 0);
}

lite_file exported(const odt::ready_detector& detector, const std::string& directory,
                   const odt::tflite_options& how = {}) {
  odt::export_tflite(detector, "", {.output_directory = directory}, how);
  return lite_file(odt::read_file(directory + "/detect.tflite"));
}

/// The values of a variable.
std::vector<float> variable(const odt::ready_detector& detector, const std::string& name) {
  for (const odt::state_tensor& t : detector.model->state())
    if (t.name == name) return {t.values.begin(), t.values.end()};
  BOOST_FAIL(name << " is no variable");
  return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(nodes_are_those_of_the_api,
                     *odt::test::needs(odt::test::golden() / "models/export_ssd_mobilenet_v1")) {
  const auto fixture = odt::test::golden() / "models/export_ssd_mobilenet_v1";
  const auto config = odt::pipeline::load((fixture / "pipeline.config").string());
  const scratch_directory at;
  odt::export_tflite(ready<odt::test::any_ssd>(config.root()), config.text(), {.output_directory = at.path()});
  std::map<std::string, odt::proto::NodeDef> ours;
  const auto graph = graph_in(at.path());
  for (const auto& node : graph.node()) ours.emplace(node.name(), node);
  for (const auto& theirs : odt::test::load_json(fixture / "tflite_nodes.json")) {
    const std::string name = theirs.at("name"), op = theirs.at("op");
    if (name.starts_with("scale_logits")) continue;  // by 1
    const auto found = ours.find(name);
    BOOST_CHECK_MESSAGE(found != ours.end(), name << " is missing");
    if (found == ours.end()) continue;
    const odt::proto::NodeDef& node = found->second;
    BOOST_CHECK_EQUAL(node.op(), op);
    const auto& inputs = theirs.at("inputs");
    BOOST_CHECK_EQUAL(inputs.size(), node.input_size());
    for (int i = 0; i < node.input_size() && name != "convert_scores"; ++i)
      BOOST_CHECK_EQUAL(node.input(i), inputs[static_cast<std::size_t>(i)].get<std::string>());
    if (name != "TFLite_Detection_PostProcess") continue;
    BOOST_CHECK_EQUAL(node.attr_size(), theirs.at("attr").size());
    for (const auto& [key, value] : theirs.at("attr").items()) {
      BOOST_CHECK_MESSAGE(node.attr().contains(key), key << " is missing");
      const odt::proto::AttrValue& a = node.attr().at(key);
      const std::string words = value.get<std::string>(), number = words.substr(words.find(' ') + 1);
      if (words.starts_with("i: ")) BOOST_CHECK_EQUAL(a.i(), std::stol(number));
      if (words.starts_with("f: ")) BOOST_CHECK_EQUAL(a.f(), std::stof(number));
      if (words.starts_with("b: ")) BOOST_CHECK_EQUAL(a.b(), number == "true");
      if (words.starts_with("list")) BOOST_CHECK_EQUAL(a.list().type_size(), 4);
    }
  }
  const auto anchors = odt::test::load_npy(fixture / "tflite_anchors.npy");
  const auto& tensor = ours.at("anchors").attr().at("value").tensor();
  BOOST_REQUIRE_EQUAL(tensor.tensor_content().size(), anchors.size() * sizeof(float));
  std::vector<float> values(anchors.size());
  std::memcpy(values.data(), tensor.tensor_content().data(), tensor.tensor_content().size());
  for (std::size_t i = 0; i < values.size(); ++i) BOOST_CHECK_SMALL(values[i] - static_cast<float>(anchors[i]), 1e-6f);
}

BOOST_AUTO_TEST_CASE(every_operation_finds_its_inputs) {
  const auto config = odt::pipeline::parse(small_ssd);
  const scratch_directory at;
  const lite_file file = exported(ready<odt::test::any_ssd>(config.root()), at.path());
  BOOST_CHECK_EQUAL(file.version(), 3U);
  std::set<int> there(file.inputs.begin(), file.inputs.end());
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const lite_tensor& t = file.tensors[i];
    if (t.bytes == 0) continue;
    there.insert(static_cast<int>(i));
    const int elements = std::accumulate(t.shape.begin(), t.shape.end(), 1, std::multiplies<>());
    BOOST_CHECK_MESSAGE(t.bytes == static_cast<std::size_t>(elements) * 4, t.name);
  }
  for (const lite_operation& o : file.operations) {
    for (const int input : o.inputs)
      BOOST_CHECK_MESSAGE(there.contains(input), file.tensors.at(static_cast<std::size_t>(input)).name);
    for (const int output : o.outputs) BOOST_CHECK(there.insert(output).second);
  }
  BOOST_CHECK_EQUAL(there.size(), file.tensors.size());
  for (const int output : file.outputs) BOOST_CHECK(there.contains(output));
  std::set<std::string> names;
  for (const lite_tensor& t : file.tensors) BOOST_CHECK_MESSAGE(names.insert(t.name).second, t.name << " twice");
}

BOOST_AUTO_TEST_CASE(the_last_operation_chooses_as_the_config_says) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  const lite_file file = exported(detector, at.path(), {.max_detections = 20, .max_classes_per_detection = 2});
  const lite_operation& last = file.operations.back();
  BOOST_CHECK_EQUAL(last.code, 32);
  BOOST_CHECK_EQUAL(last.custom, "TFLite_Detection_PostProcess");
  const auto names = [&](const std::vector<int>& numbers) {
    std::vector<std::string> all;
    for (const int n : numbers) all.push_back(file.tensors[static_cast<std::size_t>(n)].name);
    return all;
  };
  BOOST_CHECK((names(file.inputs) == std::vector<std::string>{"normalized_input_image_tensor"}));
  BOOST_CHECK((file.named("normalized_input_image_tensor").shape == std::vector{1, 64, 64, 3}));
  BOOST_CHECK((names(last.inputs) ==
               std::vector<std::string>{"raw_outputs/box_encodings", "raw_outputs/class_predictions", "anchors"}));
  const int anchors = file.named("anchors").shape[0];
  BOOST_CHECK((file.named("raw_outputs/box_encodings").shape == std::vector{1, anchors, 4}));
  BOOST_CHECK((file.named("raw_outputs/class_predictions").shape == std::vector{1, anchors, 3}));
  BOOST_CHECK((names(file.outputs) ==
               std::vector<std::string>{"TFLite_Detection_PostProcess", "TFLite_Detection_PostProcess:1",
                                        "TFLite_Detection_PostProcess:2", "TFLite_Detection_PostProcess:3"}));
  BOOST_CHECK((file.named("TFLite_Detection_PostProcess").shape == std::vector{1, 40, 4}));

  const auto options = flexbuffers::GetRoot(last.attributes).AsMap();
  BOOST_CHECK_EQUAL(options.size(), 11U);
  BOOST_CHECK_EQUAL(options["max_detections"].AsInt32(), 20);
  BOOST_CHECK_EQUAL(options["max_classes_per_detection"].AsInt32(), 2);
  BOOST_CHECK_EQUAL(options["detections_per_class"].AsInt32(), 100);
  BOOST_CHECK_EQUAL(options["use_regular_nms"].AsBool(), false);
  BOOST_CHECK_EQUAL(options["nms_score_threshold"].AsFloat(), 0.25f);
  BOOST_CHECK_EQUAL(options["nms_iou_threshold"].AsFloat(), 0.5f);
  BOOST_CHECK_EQUAL(options["num_classes"].AsInt32(), 2);
  BOOST_CHECK_EQUAL(options["y_scale"].AsFloat(), 8.0f);
  BOOST_CHECK_EQUAL(options["x_scale"].AsFloat(), 9.0f);
  BOOST_CHECK_EQUAL(options["h_scale"].AsFloat(), 4.0f);
  BOOST_CHECK_EQUAL(options["w_scale"].AsFloat(), 5.0f);
}

BOOST_AUTO_TEST_CASE(norms_and_clamps_are_part_of_convolutions) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const std::string layer = "FeatureExtractor/MobilenetV2/Conv", norm = layer + "/BatchNorm/";
  detector.model->edit_state([&](std::span<const odt::editable_tensor> state) {
    for (const odt::editable_tensor& t : state)
      for (std::size_t i = 0; i < t.values.size() && t.name.starts_with(norm); ++i)
        t.values[i] = 0.5f + 0.25f * static_cast<float>((i + t.name.size()) % 5);
  });
  const scratch_directory at;
  const lite_file file = exported(detector, at.path());
  std::set<int> kinds;
  for (const lite_operation& o : file.operations) kinds.insert(o.code);
  BOOST_CHECK((kinds == std::set{0, 2, 3, 4, 14, 22, 32}));  // add, concat, both convolutions, sigmoid, reshape, custom

  const lite_operation& first = file.computing("FeatureExtractor/MobilenetV2/Conv/Relu6");
  constexpr int fused = 3, relu6 = 3, same = 0;
  BOOST_CHECK_EQUAL(byte_option(first, fused), relu6);
  BOOST_CHECK_EQUAL(byte_option(first, 0), same);
  BOOST_CHECK_EQUAL(int_option(first, 1), 2);  // strides
  BOOST_CHECK_EQUAL(int_option(first, 2), 2);
  const lite_tensor& weights = file.tensors[static_cast<std::size_t>(first.inputs[1])];
  const lite_tensor& biases = file.tensors[static_cast<std::size_t>(first.inputs[2])];
  const auto w = variable(detector, layer + "/weights"), mean = variable(detector, norm + "moving_mean"),
             variance = variable(detector, norm + "moving_variance"), gamma = variable(detector, norm + "gamma"),
             beta = variable(detector, norm + "beta");
  const int channels = static_cast<int>(beta.size());
  BOOST_REQUIRE((weights.shape == std::vector{channels, 3, 3, 3}));
  for (std::size_t o = 0; o < beta.size(); ++o) {
    const float scale = gamma[o] / std::sqrt(variance[o] + 0.001f);
    BOOST_CHECK_CLOSE(biases.values[o], beta[o] - mean[o] * scale, 1e-3f);
    for (std::size_t k = 0; k < 27; ++k)  // height, width, input
      BOOST_CHECK_CLOSE(weights.values[o * 27 + k], w[k * beta.size() + o] * scale, 1e-3f);
  }

  // A bottleneck ends without a clamp, in a sum.
  const lite_operation& projection =
      file.computing("FeatureExtractor/MobilenetV2/expanded_conv_2/project/BatchNorm/FusedBatchNormV3");
  BOOST_CHECK_EQUAL(projection.code, 3);
  BOOST_CHECK_EQUAL(byte_option(projection, fused), 0);
}

BOOST_AUTO_TEST_CASE(predictions_are_the_outputs_where_nothing_is_chosen) {
  const auto config = odt::pipeline::parse(small_ssd);
  const scratch_directory at;
  const lite_file file =
      exported(ready<odt::test::any_ssd>(config.root()), at.path(), {.add_postprocessing_op = false});
  std::vector<std::string> outputs;
  for (const int n : file.outputs) outputs.push_back(file.tensors[static_cast<std::size_t>(n)].name);
  BOOST_CHECK(
      (outputs == std::vector<std::string>{"raw_outputs/box_encodings", "raw_outputs/class_predictions", "anchors"}));
  const auto graph = graph_in(at.path());
  BOOST_CHECK(
      std::ranges::none_of(graph.node(), [](const auto& n) { return n.op() == "TFLite_Detection_PostProcess"; }));
}

BOOST_AUTO_TEST_CASE(explicit_padding_is_an_operation_of_its_own) {
  const auto config = changed("model { ssd { feature_extractor { use_explicit_padding: true } } }");
  const scratch_directory at;
  const lite_file file = exported(ready<odt::test::any_ssd>(config.root()), at.path());
  const lite_operation& first = file.computing("FeatureExtractor/MobilenetV2/Conv/Relu6");
  constexpr int valid = 1, pad = 34;
  BOOST_CHECK_EQUAL(byte_option(first, 0), valid);
  const lite_tensor& padded = file.tensors[static_cast<std::size_t>(first.inputs[0])];
  BOOST_CHECK((padded.shape == std::vector{1, 66, 66, 3}));
  BOOST_CHECK_EQUAL(file.computing(padded.name).code, pad);
}

BOOST_AUTO_TEST_CASE(the_directory_has_the_files_that_are_said) {
  const auto config = odt::pipeline::parse(small_ssd);
  const auto detector = ready<odt::test::any_ssd>(config.root());
  const scratch_directory at;
  const auto paths = odt::export_tflite(detector, config.text(), {.output_directory = at.path()});
  BOOST_CHECK_EQUAL(paths.size(), at.entries());
  for (const char* name : {"tflite_graph.pb", "tflite_graph.pbtxt", "detect.tflite", "labelmap.txt", "pipeline.config"})
    BOOST_CHECK_MESSAGE(std::ranges::find(paths, at / name) != paths.end(), name);
  BOOST_CHECK_EQUAL(odt::read_file(at / "labelmap.txt"), "class 1\nclass 2\n");
  check_error([&] { odt::export_tflite(detector, config.text(), {.output_directory = at.path()}); },
              {at / "detect.tflite", "--overwrite"});
}

#else

BOOST_AUTO_TEST_CASE(without_flatbuffers_the_package_is_named) {
  const auto config = odt::pipeline::parse(small_ssd);
  const scratch_directory at;
  check_error(
      [&] { odt::export_tflite(ready<odt::test::any_ssd>(config.root()), "", {.output_directory = at.path()}); },
      {"libflatbuffers-dev"});
  BOOST_CHECK_EQUAL(at.entries(), 0U);
}

#endif

BOOST_AUTO_TEST_SUITE_END()
