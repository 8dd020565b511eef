// SPDX-License-Identifier: MIT
#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>

#include "golden.hpp"

#include <odt/core/log.hpp>

#include <functional>
#include <map>

namespace {

using odt::pipeline;
using odt::test::json;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

/// The warnings while it lives.
class warnings {
 public:
  warnings() {
    odt::set_log_sink([this](odt::log_level, std::string_view message) { text += std::string(message) + "\n"; });
  }
  ~warnings() { odt::set_log_sink({}); }
  std::string text;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// All set leaves: path to text; a set message without set fields is "{}".
void flatten(const odt::settings& node, std::map<std::string, std::string>& out) {
  bool any = false;
  for (const odt::settings& child : node.children)
    if (child.set) {
      any = true;
      flatten(child, out);
    }
  if (any || node.path.empty()) return;
  out[node.path] = node.message ? "{}" : node.text;
}

std::map<std::string, std::string> leaves(const pipeline& config) {
  std::map<std::string, std::string> out;
  flatten(config.root(), out);
  return out;
}

bool same_value(const std::string& actual, const json& expected, double rtol) {
  if (expected.is_boolean()) return actual == (expected.get<bool>() ? "true" : "false");
  if (expected.is_string()) return actual == expected.get<std::string>();
  return std::abs(std::stod(actual) - expected.get<double>()) <= rtol * std::abs(expected.get<double>());
}

/// The leaves of `after` that `before` lacks or has otherwise; a vanished one is null.
void check_changes(const pipeline& before, const pipeline& after, const json& changed,
                   const odt::test::golden_case& c) {
  const auto old = leaves(before), now = leaves(after);
  std::size_t changes = 0;
  for (const auto& [path, text] : now) changes += !old.contains(path) || old.at(path) != text;
  for (const auto& [path, text] : old) changes += !now.contains(path);
  BOOST_CHECK_MESSAGE(changes == changed.size(), c.name() << ": " << changes << " changes");
  for (const auto& [path, value] : changed.items()) {
    if (value.is_null())
      BOOST_CHECK_MESSAGE(!now.contains(path), c.name() << ": " << path << " is still there");
    else
      BOOST_CHECK_MESSAGE(now.contains(path) && same_value(now.at(path), value, c.rtol()),
                          c.name() << ": " << path << " is " << (now.contains(path) ? now.at(path) : "unset"));
  }
}

std::string as_text(const json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<odt::test::fs::path> config_files() {
  std::vector<odt::test::fs::path> files;
  for (const auto& root : {odt::test::data(), odt::test::golden() / "models"})
    for (const auto& entry : odt::test::fs::recursive_directory_iterator(root))
      if (entry.path().extension() == ".config") files.push_back(entry.path());
  return files;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pipeline_tests)

BOOST_AUTO_TEST_CASE(set_fields_have_their_values_and_places) {
  const auto config =
      pipeline::parse("model {\n  ssd {\n\tnum_classes: 3\n  }\n}\ntrain_config { batch_size: 24 }\n", "a.config");
  const auto& classes = config.root().at("model").at("ssd").at("num_classes");
  BOOST_TEST(classes.as<int>() == 3);
  BOOST_TEST(classes.set);
  BOOST_TEST(classes.path == "model.ssd.num_classes");
  BOOST_TEST(classes.place == "a.config:3:2");
  BOOST_TEST(config.root().at("train_config").at("batch_size").place == "a.config:6:16");
  BOOST_TEST(config.root().at("train_config").place == "a.config:6:1");
}

BOOST_AUTO_TEST_CASE(fields_left_out_have_the_defaults_of_the_schema) {
  const auto config = pipeline::parse("train_config { }");
  const auto& train = config.root().at("train_config");
  BOOST_TEST(train.get<int>("batch_size") == 32);
  BOOST_TEST(train.get<float>("gradient_clipping_by_norm") == 0.0f);
  BOOST_TEST(!train.has("batch_size"));
  BOOST_TEST(train.at("optimizer").at("rms_prop_optimizer").get<float>("decay") == 0.9f);
  BOOST_TEST(!train.at("optimizer").set);
  BOOST_TEST(train.at("optimizer").chosen() == nullptr);
  BOOST_TEST(config.root().at("eval_config").get<int>("num_visualizations") == 10);
  const auto& ssd = config.root().at("model").at("ssd");
  const auto& hyperparams = ssd.at("box_predictor").at("convolutional_box_predictor").at("conv_hyperparams");
  BOOST_TEST(hyperparams.get<std::string>("activation") == "RELU");
  BOOST_TEST(ssd.at("anchor_generator").at("ssd_anchor_generator").get<double>("min_scale") ==
             static_cast<double>(0.2f));
  BOOST_TEST(ssd.at("post_processing").at("batch_non_max_suppression").get<bool>("change_coordinate_frame"));
}

BOOST_AUTO_TEST_CASE(lists_have_numbered_elements) {
  const auto config = pipeline::parse(
      "train_config { freeze_variables: ['a', \"b\"] data_augmentation_options { "
      "random_horizontal_flip { } } }");
  const auto& frozen = config.root().at("train_config").at("freeze_variables");
  BOOST_REQUIRE(frozen.children.size() == 2);
  BOOST_TEST(frozen.children[1].text == "b");
  BOOST_TEST(frozen.children[1].path == "train_config.freeze_variables[1]");
  BOOST_TEST(frozen.children[1].place == "pipeline.config:1:40");
  const auto& steps = config.root().at("train_config").at("data_augmentation_options");
  BOOST_TEST(steps.children.at(0).chosen()->name == "random_horizontal_flip");
  BOOST_TEST(config.root().at("eval_input_reader").children.empty());
}

BOOST_AUTO_TEST_CASE(a_scalar_beside_a_oneof_is_not_what_the_oneof_holds) {
  const auto config =
      pipeline::parse("train_config { optimizer { use_moving_average: false momentum_optimizer { } } }");
  BOOST_TEST(config.root().at("train_config").at("optimizer").chosen()->name == "momentum_optimizer");
}

BOOST_AUTO_TEST_CASE(syntax_errors_name_line_column_and_what_was_expected) {
  const auto message = [](const char* text) { return error_of([&] { pipeline::parse(text, "x.config"); }); };
  BOOST_TEST(message("train_config {\n  batch_size 3 }") ==
             "x.config:2:14: train_config.batch_size: expected \":\", found \"3\"");
  BOOST_TEST(message("train_config { batch_size: '3' }") ==
             "x.config:1:28: train_config.batch_size: expected an integer, found \"'3'\"");
  BOOST_TEST(message("train_config { batch_size: -1 }") ==
             "x.config:1:28: train_config.batch_size: -1 is out of range; expected an integer from 0 to 4294967295");
  BOOST_TEST(
      message("train_config {\n  batch_size: 3\n") ==
      "x.config:3:1: train_config: expected \"}\", which closes the \"{\" of x.config:1:14, found the end of the "
      "text");
  BOOST_TEST(message("train_config { } }") == "x.config:1:18: expected the name of a field, found \"}\"");
  BOOST_TEST(message("train_input_reader { mask_type: GIF }") ==
             "x.config:1:33: train_input_reader.mask_type: expected one of DEFAULT, NUMERICAL_MASKS, PNG_MASKS, found "
             "\"GIF\"");
  BOOST_TEST(message("train_config { sync_replicas: yes }") ==
             "x.config:1:31: train_config.sync_replicas: expected true or false, found \"yes\"");
  BOOST_TEST(contains(message("train_config { fine_tune_checkpoint: \"open\n }"), "x.config:1:4"));
  BOOST_TEST(contains(message("train_config { gradient_clipping_by_norm: 1e60 }"), "out of range"));
  BOOST_TEST(contains(message("train_config { gradient_clipping_by_norm: 0x10 }"), "expected a number"));
}

BOOST_AUTO_TEST_CASE(an_unknown_field_is_refused_with_the_nearest_known_one) {
  const auto message = [](const char* text) { return error_of([&] { pipeline::parse(text, "x.config"); }); };
  BOOST_TEST(message("train_config { batch_sise: 3 }") ==
             "x.config:1:16: train_config.batch_sise: there is no such field; did you mean \"batch_size\"?");
  BOOST_TEST(message("eval_input_reader { }\neval_input_reader { tf_record_input_reader { paths: 'a' } }") ==
             "x.config:2:46: eval_input_reader[1].tf_record_input_reader.paths: there is no such field; here belong "
             "input_path");
}

BOOST_AUTO_TEST_CASE(a_field_that_the_schema_dropped_is_taken_while_it_says_the_default) {
  const std::string head = "model { ssd { feature_extractor { type: 'ssd_mobilenet_v1' batch_norm_trainable: ";
  warnings seen;
  const auto config = pipeline::parse(head + "true depth_multiplier: 0.5 } } }");
  BOOST_TEST(config.root().at("model").at("ssd").at("feature_extractor").get<float>("depth_multiplier") == 0.5f);
  BOOST_TEST(contains(seen.text, "batch_norm_trainable"));
  BOOST_TEST(contains(error_of([&] { pipeline::parse(head + "false } } }"); }), "freeze_batchnorm"));
}

BOOST_AUTO_TEST_CASE(what_is_given_twice_is_warned_about) {
  warnings seen;
  pipeline::parse("train_config { batch_size: 3 }\ntrain_config { batch_size: 4 }\nmodel { ssd { } faster_rcnn { } }",
                  "x");
  BOOST_TEST(contains(seen.text, "x:2:16: train_config.batch_size: replaces the value of x:1:16"));
  BOOST_TEST(contains(seen.text, "x:3:17: model.faster_rcnn: drops the \"ssd\" of x:3:9"));
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_and_windows_line_ends_are_taken) {
  const auto config = pipeline::parse("\xEF\xBB\xBFtrain_config {\r\n  batch_size: 3\r\n}\r\n", "x");
  BOOST_TEST(config.root().at("train_config").at("batch_size").place == "x:2:3");
}

BOOST_AUTO_TEST_CASE(what_was_pasted_from_elsewhere_is_named_with_its_field) {
  const auto says = [](std::string_view text, const std::string& part) {
    BOOST_TEST(contains(error_of([&] { pipeline::parse(text, "c.config"); }), part));
  };
  says(
      "train_input_reader {\n  label_map_path: \xE2\x80\x9C"
      "a\xE2\x80\x9D }",
      "c.config:2:19: train_input_reader.label_map_path: the quote is a typographic one (U+201C");
  says(
      "train_config { batch_size:\xC2\xA0"
      "8 }",
      "train_config.batch_size: U+00A0 no-break space");
  says("train_input_reader { label_map_path: 'C:\\Users\\a' }",
       "train_input_reader.label_map_path: a backslash begins an escape in a quoted string; write / or \\\\");
  const auto config = pipeline::parse(
      "train_input_reader { label_map_path: 'C:\\tensorflow' tf_record_input_reader { input_path: 'x' } }", "c.config");
  const odt::settings& reader = config.root().at("train_input_reader");
  BOOST_TEST(
      contains(error_of([&] { odt::read_input_options(reader); }),
               "c.config:1:22: train_input_reader.label_map_path: the name holds a control character; a backslash"));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_named) {
  BOOST_TEST(
      contains(error_of([] { pipeline::load("/no/such/pipeline.config"); }), "/no/such/pipeline.config: cannot"));
  BOOST_TEST(contains(error_of([] { pipeline::load("/"); }), "/: is a directory"));
}

BOOST_AUTO_TEST_CASE(an_error_in_an_override_changes_nothing) {
  auto config = pipeline::parse("train_config { batch_size: 3 }");
  BOOST_CHECK_THROW(config.merge("train_config { batch_size: 4 num_steps: x }"), odt::error);
  BOOST_CHECK_THROW(config.apply_hparams("batch_size=5,no_such_key=1"), odt::error);
  BOOST_TEST(config.root().at("train_config").get<int>("batch_size") == 3);
  config.merge("train_config { batch_size: 4 }", "override");
  BOOST_TEST(config.root().at("train_config").get<int>("batch_size") == 4);
  BOOST_TEST(config.root().at("train_config").at("batch_size").place == "override:1:16");
}

BOOST_AUTO_TEST_CASE(hparams_are_split_at_commas_outside_of_lists_and_quotes) {
  auto config = pipeline::parse(
      "train_config { batch_size: 3 num_steps: 1 } train_input_reader { "
      "tf_record_input_reader { } }");
  config.apply_hparams("batch_size=8, train_config.num_steps=9,train_input_path=[a.record,'b,c.record']");
  BOOST_TEST(config.root().at("train_config").get<int>("batch_size") == 8);
  BOOST_TEST(config.root().at("train_config").get<int>("num_steps") == 9);
  BOOST_TEST(config.root().at("train_config").at("num_steps").place == "hparams_overrides");
  const auto& paths = config.root().at("train_input_reader").at("tf_record_input_reader").at("input_path");
  BOOST_REQUIRE(paths.children.size() == 2);
  BOOST_TEST(paths.children[1].text == "b,c.record");
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("batchsize=1"); }), "did you mean \"batch_size\"?"));
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("something_else=1"); }), "such as model.ssd.num_classes"));
  auto two_stages = odt::pipeline::parse("model { faster_rcnn { num_classes: 2 } }", "two.config");
  BOOST_TEST(contains(error_of([&] { two_stages.apply_hparams("something_else=1"); }),
                      "such as model.faster_rcnn.num_classes"));
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("batch_size"); }), "expected key=value"));
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("train_config.num_steps=many"); }), "expected an integer"));
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("train_input_path=[a"); }), "open"));
}

BOOST_AUTO_TEST_CASE(a_path_overrides_any_field_whether_it_is_set_a_list_or_neither) {
  auto config = pipeline::parse(
      "train_config { optimizer { adam_optimizer { } } data_augmentation_options { random_horizontal_flip { } } }\n"
      "eval_config { metrics_set: 'coco_detection_metrics' } eval_input_reader { name: 'a' }");
  config.apply_hparams(
      "eval_config.metrics_set=pascal_voc_detection_metrics,train_config.gradient_clipping_by_norm=5,"
      "eval_input_reader[0].sample_1_of_n_examples=3,train_config.freeze_variables=[a,b],"
      "train_config.data_augmentation_options[0].random_horizontal_flip.probability=0.25,train_steps=1000000");
  const auto values = leaves(config);
  BOOST_TEST(values.at("eval_config.metrics_set[0]") == "pascal_voc_detection_metrics");
  BOOST_TEST(!values.contains("eval_config.metrics_set[1]"));
  BOOST_TEST(values.at("train_config.gradient_clipping_by_norm") == "5");
  BOOST_TEST(values.at("eval_input_reader[0].sample_1_of_n_examples") == "3");
  BOOST_TEST(values.at("train_config.freeze_variables[1]") == "b");
  BOOST_TEST(values.at("train_config.data_augmentation_options[0].random_horizontal_flip.probability") == "0.25");
  BOOST_TEST(values.at("train_config.num_steps") == "1000000");
  const auto message = [&config](const char* overrides) { return error_of([&] { config.apply_hparams(overrides); }); };
  BOOST_TEST(contains(message("train_config.optimizer.rms_prop_optimizer.decay=0.5"),
                      "\"rms_prop_optimizer\" would drop the \"adam_optimizer\""));
  BOOST_TEST(contains(message("train_config.no_such_field=1"), "TrainConfig has no such field"));
  BOOST_TEST(contains(message("train_config.batch_size=[1,2]"), "one value belongs here"));
  BOOST_TEST(contains(message("eval_input_reader[7].shuffle=true"), "eval_input_reader[7]: the config has 1 of them"));
  BOOST_TEST(contains(message("train_config.data_augmentation_options.random_vertical_flip.probability=1"),
                      "data_augmentation_options[0]"));
  BOOST_TEST(contains(message("train_config.optimizer=1"), "is a message"));
}

BOOST_AUTO_TEST_CASE(an_override_is_never_clamped_in_silence) {
  auto config = pipeline::parse("train_config { optimizer { momentum_optimizer { } } }");
  for (const char* overrides : {"batch_size=0", "batch_size=-3", "batch_size=0.2"})
    BOOST_TEST(contains(error_of([&] { config.apply_hparams(overrides); }), "at least 1 belongs here"));
  BOOST_TEST(contains(error_of([&] { config.apply_hparams("momentum_optimizer_value=1.7"); }), "from 0 to 1"));
}

BOOST_AUTO_TEST_CASE(the_text_written_back_reads_as_the_same_config) {
  const auto config = pipeline::parse(
      "train_config { batch_size: 3 gradient_clipping_by_norm: 0.1 fine_tune_checkpoint: "
      "'a\\nb' } eval_input_reader { shuffle: false }");
  BOOST_TEST((leaves(config) == leaves(pipeline::parse(config.text()))));
}

BOOST_AUTO_TEST_CASE(every_public_sample_config_is_read_and_written_back, *odt::test::needs(odt::test::data())) {
  const auto files = config_files();
  BOOST_TEST(files.size() > 12u);
  for (const auto& file : files) {
    const auto config = pipeline::load(file.string());
    BOOST_CHECK_MESSAGE(leaves(config).size() > 20, file);
    BOOST_CHECK_MESSAGE(leaves(config) == leaves(pipeline::parse(config.text())), file);
  }
}

BOOST_AUTO_TEST_CASE(the_text_format_is_read_as_the_api_reads_it,
                     *odt::test::needs(odt::test::golden() / "units/config_util/text_format")) {
  for (const auto& c : odt::test::golden_cases("config_util/text_format")) {
    const auto text = c.content["inputs"]["text"].get<std::string>();
    if (!c.has_out("error")) {
      check_changes(pipeline::parse(""), pipeline::parse(text), c.content["outputs"]["result"], c);
      continue;
    }
    const auto message = error_of([&] { pipeline::parse(text, "x"); });
    const auto theirs = c.content["outputs"]["error"].get<std::string>();
    if (contains(theirs, "\"}\""))  // we point behind the text, the API at its last word
      BOOST_CHECK_MESSAGE(contains(message, "\"}\""), c.name() << ": " << message);
    else
      BOOST_CHECK_MESSAGE(message.starts_with("x:" + theirs.substr(0, theirs.find(' ')) + ": "),
                          c.name() << ": " << message);
  }
}

BOOST_AUTO_TEST_CASE(overrides_change_what_the_api_changes,
                     *odt::test::needs(odt::test::golden() / "units/config_util")) {
  for (const auto& c : odt::test::golden_cases("config_util")) {
    const auto text = c.content["inputs"]["config"].get<std::string>();
    const auto before = pipeline::parse(text);
    auto after = pipeline::parse(text);
    const auto apply = [&] {
      // Dotted paths first: the API applies them in the order of its call, nlohmann's objects are sorted.
      std::vector<std::string> keys;
      for (const auto& [key, value] : c.content["inputs"]["overrides"].items())
        keys.insert(contains(key, ".") ? keys.begin() : keys.end(), key);
      for (const auto& key : keys) {
        const json& value = c.content["inputs"]["overrides"][key];
        std::vector<std::string> values;
        if (value.is_array())
          for (const json& element : value) values.push_back(as_text(element));
        else
          values.push_back(as_text(value));
        after.apply_hparam(key, values);
      }
    };
    if (c.has_out("error")) {
      BOOST_CHECK_MESSAGE(error_of(apply) != "no error", c.name());
      check_changes(before, after, json::object(), c);
    } else {
      apply();
      check_changes(before, after, c.content["outputs"]["changed"], c);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_config_override_changes_what_the_api_changes,
                     *odt::test::needs(odt::test::golden() / "units/config_util/config_override")) {
  for (const auto& c : odt::test::golden_cases("config_util/config_override")) {
    const auto text = c.content["inputs"]["config"].get<std::string>();
    auto after = pipeline::parse(text);
    after.merge(c.content["inputs"]["config_override"].get<std::string>());
    check_changes(pipeline::parse(text), after, c.content["outputs"]["changed"], c);
  }
}

BOOST_AUTO_TEST_SUITE_END()
