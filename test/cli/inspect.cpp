// SPDX-License-Identifier: MIT
#include <odt/cli/inspect.hpp>

#include "golden.hpp"
#include "io/table_samples.hpp"
#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/io/event_file.hpp>
#include <odt/train/restore.hpp>

namespace {

using odt::test::scratch_directory;
using odt::test::toy_detector;

std::string inspect(const std::string& path, bool tensors = false) {
  const std::vector<odt::detector_type> types{toy_detector::type()};
  return odt::inspect(path, types, tensors);
}

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

std::string error_of(const std::string& path) {
  try {
    inspect(path);
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

const auto tf_example = odt::test::golden() / "units/tf_example";
const auto programs = odt::test::golden() / "models/programs";
const auto trained = odt::test::golden() / "models/train_ssd_mobilenet_v1";

}  // namespace

BOOST_AUTO_TEST_SUITE(inspect_tests)

BOOST_AUTO_TEST_CASE(each_kind_of_file_is_told_by_what_is_in_it) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  toy_detector model;
  odt::save_checkpoint(model, {}, at / "model.ckpt-0");
  odt::event_writer events(at.path());
  events.scalar("loss", 1, 1);
  events.flush();
  odt::write_file(at / "picture", odt::encode_png(odt::image(4, 5)));
  std::filesystem::copy(at / "train.record", at / "nameless");
  using odt::file_kind;
  BOOST_TEST((odt::kind_of_file(config) == file_kind::config));
  BOOST_TEST((odt::kind_of_file(at / "label_map.pbtxt") == file_kind::label_map));
  BOOST_TEST((odt::kind_of_file(at / "nameless") == file_kind::records));
  BOOST_TEST((odt::kind_of_file(at / "model.ckpt-0") == file_kind::checkpoint));
  BOOST_TEST((odt::kind_of_file(at / "model.ckpt-0.data-00000-of-00001") == file_kind::checkpoint));
  BOOST_TEST((odt::kind_of_file(events.path()) == file_kind::events));
  BOOST_TEST((odt::kind_of_file(at.path()) == file_kind::events));
  BOOST_TEST((odt::kind_of_file(at / "picture") == file_kind::picture));
}

BOOST_AUTO_TEST_CASE(records_are_counted_by_class_and_the_first_are_shown) {
  const scratch_directory at;
  odt::test::write_toy_records(at / "train.record", 5, 1);
  const std::string text = inspect(at / "train.record");
  BOOST_TEST(contains(text, "5 images"));
  BOOST_TEST(contains(text, "32 wide, 24 high"));
  BOOST_TEST(contains(text, "5  thing (1)"));
  BOOST_TEST(contains(text, "picture2.png"));
  BOOST_TEST(contains(text, "y 0.1000 to 0.6000, x 0.2000 to 0.7000"));
}

BOOST_AUTO_TEST_CASE(checkpoints_show_tensors_shapes_and_statistics) {
  const scratch_directory at;
  toy_detector model;
  model.set_global_step(60);
  odt::save_checkpoint(model, {.seed = 9, .samples_seen = 1200, .data_fingerprint = 0, .config = ""},
                       at / "model.ckpt-60");
  const std::string text = inspect(at / "model.ckpt-60", true);
  BOOST_TEST(contains(text, "images seen        1,200\n"));
  BOOST_TEST(contains(text, "step               60\n"));
  BOOST_TEST(!contains(inspect(at / "model.ckpt-60"), "float32 [3]"));
  BOOST_TEST(contains(text, "FeatureExtractor/Toy/weights/Momentum"));
  BOOST_TEST(contains(text, "float32 [3]"));
  BOOST_TEST(contains(text, "mean "));
  BOOST_TEST(contains(text, "60\n"));
}

BOOST_AUTO_TEST_CASE(checkpoints_of_version_1_and_in_archives_are_shown) {
  const scratch_directory at;
  const std::string v1 = odt::test::v1_checkpoint({{"Toy/weights", {1, 2, 6}}});
  odt::write_file(at / "model.ckpt", v1);
  odt::write_file(at / "toy.tar.gz", odt::test::gzip(odt::test::tar({{"toy/model.ckpt", v1}})));
  for (const std::string& path : {at / "model.ckpt", at / "toy.tar.gz", at.path()}) {
    const std::string text = inspect(path, true);
    BOOST_TEST(contains(text, "model.ckpt\n"));
    BOOST_TEST(contains(text, "1, 3 values"));
    BOOST_TEST(contains(text, "Toy/weights"));
    BOOST_TEST(contains(text, "mean 3"));
  }
}

BOOST_AUTO_TEST_CASE(a_config_shows_the_detector_that_it_makes) {
  const scratch_directory at;
  const std::string text = inspect(odt::test::write_toy_run(at));
  BOOST_TEST(contains(text, "3 weights"));
  BOOST_TEST(contains(text, "parameters         4"));
  BOOST_TEST(contains(text, "8 x 8, 3 a step"));
}

BOOST_AUTO_TEST_CASE(a_config_is_refused_for_all_that_a_training_would_refuse) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  BOOST_TEST(contains(inspect(config), "10 training images with 10 boxes"));
  BOOST_TEST(contains(inspect(config), "evaluated on " + (at / "val.record")));
  BOOST_TEST(!odt::is_directory(at / "model"));
  odt::label_map::from_names({"thing", "other"}).write(at / "label_map.pbtxt");
  BOOST_TEST(contains(error_of(config), "num_classes"));
  odt::label_map::from_names({"thing"}).write(at / "label_map.pbtxt");
  odt::remove_file(at / "val.record");
  BOOST_TEST(contains(error_of(config), "eval_input_reader[0].tf_record_input_reader.input_path[0]"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_by_place) {
  const scratch_directory at;
  odt::write_file(at / "empty", "");
  odt::write_file(at / "noise", std::string("\x01\x02\x03 nothing", 12));
  odt::write_file(at / "bad.config", "model { ssd { num_clases: 3 } }");
  odt::write_file(at / "bad.pbtxt", "item { id: 1 name: 'a' }\nitem { id: 1 name: 'b' }");
  odt::test::write_toy_records(at / "cut.record", 3, 1);
  std::filesystem::resize_file(at / "cut.record", odt::file_size(at / "cut.record") - 5);
  BOOST_TEST(contains(error_of(at / "missing"), at / "missing"));
  BOOST_TEST(contains(error_of(at / "empty"), "the file is empty"));
  BOOST_TEST(contains(error_of(at / "noise"), "this is no record file"));
  BOOST_TEST(contains(error_of(at / "bad.config"), "bad.config:1:"));
  BOOST_TEST(contains(error_of(at / "bad.pbtxt"), "bad.pbtxt"));
  BOOST_TEST(contains(error_of(at / "cut.record"), "record 2"));
}

BOOST_AUTO_TEST_CASE(tensorflows_records_are_read, *odt::test::needs(tf_example)) {
  const std::string text = inspect((tf_example / "examples.tfrecord").string());
  BOOST_TEST(contains(text, "problem: "));
  BOOST_TEST(contains(text, " images"));
}

BOOST_AUTO_TEST_CASE(tensorflows_event_files_are_read, *odt::test::needs(programs)) {
  const std::string text = inspect((programs / "model/eval_0").string());
  BOOST_TEST(contains(text, "DetectionBoxes_Precision/mAP "));
  BOOST_TEST(contains(text, "2 values, steps 30 to 60: 0.2663 -> 0.2485"));
  BOOST_TEST(contains(text, "image 480 x 320"));
}

BOOST_AUTO_TEST_CASE(tensorflows_checkpoints_are_read, *odt::test::needs(trained)) {
  for (const auto& entry : std::filesystem::directory_iterator(trained)) {
    if (entry.path().extension() != ".index") continue;
    const std::string text = inspect(entry.path().string(), true);
    BOOST_TEST(contains(text, "FeatureExtractor/MobilenetV1/Conv2d_0/weights"));
  }
}

const auto index_alone = odt::test::data() / "tf_files/model.ckpt.index";

BOOST_AUTO_TEST_CASE(an_index_without_values_is_shown_as_far_as_it_goes, *odt::test::needs(index_alone)) {
  const std::string text = inspect(index_alone.string(), true);
  BOOST_TEST(contains(text, "the values are not there"));
  BOOST_TEST(contains(text, "FeatureExtractor/MobilenetV2/"));
}

BOOST_AUTO_TEST_SUITE_END()
