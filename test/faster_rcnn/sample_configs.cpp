// SPDX-License-Identifier: MIT
// The API's sample configs of two stages, unchanged: every field is read, the variables are the API's, and both stages
// find their layers in checkpoints to start from.
#include "any_faster_rcnn.hpp"
#include "golden.hpp"

#include <odt/augmentations/catalogue.hpp>
#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/io/file.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/restore.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using odt::test::any_faster_rcnn;

const fs::path variables = odt::test::golden() / "models/variables";

/// A row of a list of variables: its name, shape, and name in a classifier's checkpoint.
struct listed_variable {
  std::string name, shape, in_classifier;
};

std::vector<listed_variable> listed(const std::string& model) {
  std::vector<listed_variable> all;
  std::ifstream file(variables / (model + ".txt"));
  for (std::string row; std::getline(file, row);) {
    std::istringstream fields(row);
    std::vector<std::string> columns;
    for (std::string text; std::getline(fields, text, '\t');) columns.push_back(text == "-" ? "" : text);
    if (columns.size() < 7 || row.starts_with('#') || columns[0] == "global_step") continue;
    all.push_back({columns[0], columns[2], columns[5]});
  }
  return all;
}

/// What the loader takes of it.
void read_input(const odt::settings& reader) {
  odt::read_input_options(reader);
  reader.at("label_map_path").accept();
  reader.at("tf_record_input_reader").accept();
}

/// With a text in the place of another: a path in that of the one to be configured.
odt::pipeline load(const std::string& model, const std::string& from = "PATH_TO_BE_CONFIGURED",
                   const std::string& to = "data") {
  fs::path config = variables / (model + ".config");
  if (!fs::exists(config)) config = odt::test::data() / "configs" / (model + ".config");
  return odt::pipeline::parse(std::regex_replace(odt::read_file(config.string()), std::regex(from), to), model);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sample_configs_tests, *odt::test::needs(variables))

BOOST_DATA_TEST_CASE(they_are_read_whole_and_give_the_api_s_variables,
                     boost::unit_test::data::make(
                         {"faster_rcnn_inception_v2_pets", "faster_rcnn_resnet101_pets", "faster_rcnn_resnet50_coco",
                          "faster_rcnn_resnet101_coco", "faster_rcnn_resnet152_coco",
                          "faster_rcnn_inception_resnet_v2_atrous_coco", "faster_rcnn_nas_coco", "rfcn_resnet50_coco",
                          "rfcn_resnet101_coco", "mask_rcnn_inception_v2_coco", "mask_rcnn_resnet50_atrous_coco",
                          "mask_rcnn_resnet101_atrous_coco", "mask_rcnn_inception_resnet_v2_atrous_coco"})) {
  const odt::pipeline config = load(sample);
  const odt::settings& root = config.root();
  BOOST_TEST(any_faster_rcnn::type().mismatch(root) == "");
  const auto options = any_faster_rcnn::options::from(root);
  odt::read_train_options(root);
  odt::read_eval_options(root);
  read_input(root.at("train_input_reader"));
  for (const odt::settings& reader : root.at("eval_input_reader").children) read_input(reader);
  odt::augmentation_chain_from(root.at("train_config").at("data_augmentation_options"));
  root.at("eval_config").at("metrics_set").accept();
  odt::accept_without_effect(root);
  odt::refuse_unread(root);

  std::map<std::string, std::string> shapes;
  for (const odt::variable& v : odt::lay_out(odt::faster_rcnn_network(options)).variables)
    shapes[v.name] = odt::join(v.shape, "x");
  std::vector<std::string> names, in_classifier;
  for (const listed_variable& theirs : listed(sample)) {
    BOOST_TEST(shapes[theirs.name] == theirs.shape, theirs.name);
    names.push_back(theirs.name);
    in_classifier.push_back(theirs.in_classifier);
  }
  BOOST_TEST(names.size() == shapes.size());
  const auto scopes =
      std::visit([](const auto& extractor) { return odt::detail::scopes_of(extractor); }, options.feature_extractor);
  BOOST_TEST(odt::fine_tune_names(names, scopes, {.type = "classification"}) == in_classifier,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_extractor_that_is_not_there_is_refused_by_its_field_and_those_that_are) {
  const odt::pipeline config = load("faster_rcnn_nas_coco", "faster_rcnn_nas", "faster_rcnn_pnas");
  const std::vector<odt::detector_type> types{any_faster_rcnn::type()};
  BOOST_CHECK_EXCEPTION(odt::choose_detector(types, config.root()), odt::error, [](const odt::error& e) {
    const std::string text = e.what();
    return text.find(
               "model.faster_rcnn.feature_extractor.type: \"faster_rcnn_pnas\" is not available; this program "
               "has faster_rcnn_resnet50") != text.npos;
  });
}

BOOST_AUTO_TEST_CASE(an_accelerator_is_no_device_for_two_stages) {
  const odt::pipeline config = load("faster_rcnn_inception_resnet_v2_atrous_coco");
  const std::vector<odt::detector_type> types{any_faster_rcnn::type()};
  BOOST_CHECK_EXCEPTION(odt::choose_detector(types, config.root(), "tpu"), odt::error, [](const odt::error& e) {
    const std::string text = e.what();
    return text.find("--device tpu") != text.npos && text.find("model.faster_rcnn") != text.npos &&
           text.find("--device cpu or cuda") != text.npos;
  });
}

BOOST_AUTO_TEST_CASE(an_extractor_that_another_program_has_is_given_with_its_lines) {
  using axes = odt::faster_rcnn<odt::faster_rcnn_resnet50>::axes;
  const odt::pipeline config = load("faster_rcnn_inception_resnet_v2_atrous_coco");
  const std::vector<odt::detector_type> types{{"small", &odt::detail::faster_rcnn_mismatch<axes>, {}}};
  BOOST_CHECK_EXCEPTION(odt::choose_detector(types, config.root()), odt::error, [](const odt::error& e) {
    const std::string text = e.what();
    return text.find("#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>") != text.npos &&
           text.find("using my_detector = odt::faster_rcnn<odt::faster_rcnn_inception_resnet_v2>;") != text.npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
