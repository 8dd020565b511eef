// SPDX-License-Identifier: MIT
#include <odt/cli/run.hpp>

#include "cli/program.hpp"
#include "golden.hpp"
#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/detect/detect_images.hpp>
#include <odt/exec/cpu/machine/processor.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/train/restore.hpp>
#include <odt/version.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace {

using odt::test::contains;
using odt::test::finish;
using odt::test::run;
using odt::test::scratch_directory;
using odt::test::start;
using odt::test::toy_detector;
using odt::test::wait_for;

void write_picture(const std::string& path) { odt::write_file(path, odt::encode_png(odt::image(48, 64))); }

}  // namespace

BOOST_AUTO_TEST_SUITE(run_tests)

BOOST_AUTO_TEST_CASE(help_is_there_for_the_program_and_each_subcommand) {
  const scratch_directory at;
  const auto all = run(at, {"--help"});
  BOOST_TEST(all.status == 0);
  for (const char* name : {"convert", "train", "eval", "detect", "inspect", "checkpoint", "shapes", "bench",
                           "legacy-train", "legacy-eval"}) {
    BOOST_TEST(contains(all.out, name));
    const auto one = run(at, {name, "--help"});
    BOOST_TEST(one.status == 0);
    BOOST_TEST(contains(one.out, "Example: odt "));
  }
}

BOOST_AUTO_TEST_CASE(the_version_says_what_the_program_was_compiled_for) {
  const scratch_directory at;
  const auto version = run(at, {"--version"});
  BOOST_TEST(version.status == 0);
  BOOST_TEST(version.out.starts_with("odt " ODT_VERSION "\n"));
  BOOST_TEST(contains(version.out, odt::str("\ninstruction set: ", odt::cpu::processor_name, ", ")));
  for (const char* line : {"\ncompiler: ", "\nbfloat16: ", "\nturbojpeg: ", "\nparts of JPEGs: ", "\nCUDA: no\n"})
    BOOST_TEST(contains(version.out, line));
}

BOOST_AUTO_TEST_CASE(the_precision_is_one_of_two) {
  const scratch_directory at;
  for (const char* name : {"train", "bench"}) {
    const auto help = run(at, {name, "--help"});
    for (const char* part : {"--precision", "fp32", "bf16"}) BOOST_TEST(contains(help.out, part));
  }
  const auto wrong = run(at, {"train", "--pipeline_config_path", "x", "--model_dir", "y", "--precision", "fp8"});
  BOOST_TEST(wrong.status == 2);
  BOOST_TEST(contains(wrong.err, "--precision"));
}

BOOST_AUTO_TEST_CASE(a_wrong_command_line_is_status_2_and_says_where_help_is) {
  const scratch_directory at;
  const auto none = run(at, {});
  BOOST_TEST(none.status == 2);
  BOOST_TEST(contains(none.err, "odt: error: "));
  const auto missing = run(at, {"train", "--model_dir", at / "model"});
  BOOST_TEST(missing.status == 2);
  BOOST_TEST(contains(missing.err, "--pipeline_config_path is required"));
  BOOST_TEST(contains(missing.err, "odt train --help"));
  const auto no_directory = run(at, {"train", "--pipeline_config_path", "x.config"});
  BOOST_TEST(no_directory.status == 2);
  BOOST_TEST(contains(no_directory.err, "--model_dir is required"));
  const auto unknown = run(at, {"detect", "--checkpoint", "x", "--output", "y", "--min_scores", "1", "z.jpg"});
  BOOST_TEST(unknown.status == 2);
}

BOOST_AUTO_TEST_CASE(a_word_that_does_not_exist_is_named_with_the_nearest_that_does) {
  const scratch_directory at;
  const auto says = [&at](const std::vector<std::string>& words, std::string_view part) {
    const auto result = run(at, words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(contains(result.err, part));
  };
  says({"trian"}, "there is no \"odt trian\"; did you mean \"odt train\"?");
  says({"predict", "--weights", "x"}, "did you mean \"odt detect\"?");
  says({"freeze"}, "did you mean \"odt export\"?");
  says({"val"}, "did you mean \"odt eval\"?");
  says({"cook"}, "there are convert, label, train, ");
  says({"convert", "yolo", "--images", "x"}, "there is no \"odt convert yolo\": YOLO's text is not read");
  says({"checkpoint"}, "say what to do: odt checkpoint list, diff, convert, average");
  says({"checkpoint", "compare", "a", "b"}, "did you mean \"odt checkpoint diff\"?");
  says({"convert"}, "say what to do: odt convert labelimg, voc, csv, pets, coco");
  says({"convert", "coco", "--output_dir", "x"}, "--train_annotations_file is required");
  says({"convert", "coco", "--output_dir", "x", "--val_image_dir", "y"}, "--val_annotations_file");
  says({"convert", "pets", "--output_dir", "x"}, "--data_dir is required");
  says({"convert", "pets", "--data_dir", "y", "--output_dir", "x", "--mask_type", "gif"}, "--mask_type");
  says({"train", "--epochs", "50"}, "odt train has no flag --epochs; did you mean --num_train_steps?");
  says({"train", "--train_dir=x", "--lr", "1"}, "--train_dir; did you mean --model_dir?\n  odt train has no flag --lr");
  says({"train", "--num-train-step", "3"}, "did you mean --num_train_steps?");
  says({"eval", "--checkpoint", "x", "y"}, "odt eval does not take \"y\"");
  says({"train", "--num_train_steps", "-1"}, "--num_train_steps: -1 is too small; at least 0 belongs here");
  says({"train", "---"}, "odt train does not take \"---\"");
  says({"help", "trian"}, "did you mean \"odt train\"?");
  says({"train", "--num_clones", "4"}, "--num_clones: 4; leave it out, and start odt with mpirun -n 4");
}

BOOST_AUTO_TEST_CASE(checkpoints_are_listed_compared_converted_and_averaged) {
  const scratch_directory at;
  std::filesystem::create_directory(at / "model");
  for (const int step : {1, 2}) {
    toy_detector model(static_cast<std::uint64_t>(step));
    model.set_global_step(step);
    odt::save_checkpoint(model, {}, at / odt::str("model/model.ckpt-", step));
  }
  const std::string first = at / "model/model.ckpt-1", mean = at / "means/model.ckpt-2";
  BOOST_TEST(contains(run(at, {"checkpoint", "list", first}).out, "float32 [3]"));
  BOOST_TEST(run(at, {"checkpoint", "list", "--json", first}).out.starts_with("{"));
  BOOST_TEST(run(at, {"checkpoint", "diff", first, first}).status == 0);
  const auto diff = run(at, {"checkpoint", "diff", first, at / "model/model.ckpt-2"});
  BOOST_TEST(diff.status == 1);
  BOOST_TEST(contains(diff.out, "FeatureExtractor/Toy/weights  largest difference "));
  BOOST_TEST(diff.err.empty());
  const auto convert = run(at, {"checkpoint", "convert", first, "--output", at / "x.safetensors"});
  BOOST_TEST(convert.status == 0);
  BOOST_TEST(run(at, {"checkpoint", "diff", first, at / "x.safetensors"}).status == 0);
  const auto again = run(at, {"checkpoint", "convert", first, "--output", at / "x.safetensors"});
  BOOST_TEST(again.status == 1);
  BOOST_TEST(contains(again.err, "--overwrite replaces it"));
  BOOST_TEST(run(at, {"checkpoint", "convert", first, "--overwrite", "--output", at / "x.safetensors"}).status == 0);
  const auto over = run(at, {"checkpoint", "convert", first, "--overwrite", "--output", first});
  BOOST_TEST(over.status == 1);
  BOOST_TEST(contains(over.err, "was given and would be written over"));
  BOOST_TEST(run(at, {"checkpoint", "average", "--last", "2", "--output", mean, at / "model"}).status == 0);
  BOOST_TEST(contains(run(at, {"inspect", mean}).out, "step               2\n"));
  const auto two = run(at, {"checkpoint", "average", "--last", "2", "--output", mean, first, first});
  BOOST_TEST(two.status == 2);
  BOOST_TEST(contains(two.err, "--last is for one directory"));
}

BOOST_AUTO_TEST_CASE(help_may_come_first) {
  const scratch_directory at;
  BOOST_TEST(run(at, {"help", "train"}).out == run(at, {"train", "--help"}).out);
  BOOST_TEST(run(at, {"help"}).out == run(at, {"--help"}).out);
}

BOOST_AUTO_TEST_CASE(flags_of_the_api_without_effect_are_taken_and_told) {
  const scratch_directory at;
  const auto result = run(at, {"train", "--pipeline_config_path", at / "no.config", "--model_dir", at / "model",
                               "--logtostderr", "--task=0", "--num_clones=1"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "--logtostderr has no effect here"));
  BOOST_TEST(contains(result.err, "--task has no effect here"));
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_is_an_error) {
  const scratch_directory at;
  std::filesystem::create_symlink("/dev/full", at / "stdout");
  BOOST_TEST(wait_for(start(at, {"--version"})) == 0);  // CLI11 ends it by itself
  odt::label_map::from_names({"thing"}).write(at / "label_map.pbtxt");
  BOOST_TEST(wait_for(start(at, {"inspect", at / "label_map.pbtxt"})) == 1);
  BOOST_TEST(contains(odt::read_file(at / "stderr"), "could not be written whole"));
}

BOOST_AUTO_TEST_CASE(files_that_are_not_there_are_status_1_and_one_clear_message) {
  const scratch_directory at;
  const auto train = run(at, {"train", "--pipeline_config_path", at / "no.config", "--model_dir", at / "model"});
  BOOST_TEST(train.status == 1);
  BOOST_TEST(contains(train.err, "odt: error: " + (at / "no.config")));
  BOOST_TEST(!odt::is_directory(at / "model"));
  const auto inspect = run(at, {"inspect", at / "nothing"});
  BOOST_TEST(inspect.status == 1);
  write_picture(at / "a.png");
  const auto detect = run(at, {"detect", "--checkpoint", at / "model", "--output", at / "found", at / "a.png"});
  BOOST_TEST(detect.status == 1);
  BOOST_TEST(contains(detect.err, at / "model"));
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_written_is_told_before_training) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  odt::write_file(at / "file", "not a directory");
  const auto result = run(at, {"train", "--pipeline_config_path", config, "--model_dir", at / "file/model"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, at / "file"));
}

BOOST_AUTO_TEST_CASE(train_eval_and_detect_follow_one_another) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  const auto train = run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "8",
                              "--hparams_overrides", "batch_size=2", "--log_every", "4"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.out, "trained up to step 8"));
  const auto eval = run(at, {"eval", "--checkpoint", model, "--run_once", "--output", at / "results.json"});
  BOOST_TEST(eval.status == 0);
  BOOST_TEST(contains(eval.out, "evaluation at step 8: 4 images"));
  const auto results = odt::test::json::parse(odt::read_file(at / "results.json"));
  BOOST_TEST_REQUIRE(results.size() == 4u);
  BOOST_TEST(results[0]["category_id"] == 1);
  BOOST_TEST(results[0]["category_name"] == "thing");
  for (const char* name : {"/model.ckpt-8.data-00000-of-00001", "/model.ckpt-8.index", "/checkpoint"})
    BOOST_TEST(contains(run(at, {"eval", "--checkpoint", model + name, "--run_once"}).out, "evaluation at step 8"));
  const auto no_file = run(at, {"eval", "--checkpoint", model, "--run_once", "--output", model + "/"});
  BOOST_TEST(no_file.status == 1);
  BOOST_TEST(contains(no_file.err, "is a directory; name a file, such as "));
  BOOST_TEST(!contains(no_file.out, "evaluation at step"));
  for (const char* input : {"pipeline.config", "label_map.pbtxt", "val.record"}) {
    const std::string before = odt::read_file(at / input);
    const auto over = run(at, {"eval", "--checkpoint", model, "--pipeline_config_path", config, "--run_once",
                               "--output", at / "model/../" + input});
    BOOST_TEST(over.status == 1);
    BOOST_TEST(contains(over.err, "was given and would be written over; choose another --output"));
    BOOST_TEST((odt::read_file(at / input) == before));
  }
  const auto inspected = run(at, {"inspect", model}).out;
  for (const char* part : {"step               8\n", "detector           ssd with toy, 1 class\n",
                           "checkpoints        steps 8\n", "best               DetectionBoxes_Precision/mAP "})
    BOOST_TEST(contains(inspected, part));
  BOOST_TEST(!contains(inspected, "float32"));
  const auto main_eval = run(at, {"train", "--pipeline_config_path", config, "--checkpoint_dir", model, "--run_once"});
  BOOST_TEST(main_eval.status == 0);
  BOOST_TEST(contains(main_eval.out, "evaluation at step 8"));

  std::filesystem::create_directory(at / "photos");
  write_picture(at / "photos/a.png");
  write_picture(at / "photos/b.png");
  odt::write_file(at / "photos/broken.jpg", "no image");
  const auto detect = run(at, {"detect", "--checkpoint", model, "--output", at / "found", at / "photos"});
  BOOST_TEST(detect.status == 1);
  BOOST_TEST(contains(detect.err, "1 of 3 files"));
  BOOST_TEST(contains(detect.out, "broken.jpg"));
  BOOST_TEST(odt::file_exists(at / "found/a.png"));
  std::filesystem::create_symlink(at / "photos", at / "link");
  std::filesystem::create_directory(at / "links");
  std::filesystem::create_symlink(at / "photos/b.png", at / "links/b.png");
  for (const std::string& output : {at / "photos", at / "photos/../photos", at / "link", at / "links"}) {
    const auto over = run(at, {"detect", "--checkpoint", model, "--output", output, at / "photos"});
    BOOST_TEST(over.status == 1);
    BOOST_TEST(contains(over.err, "was given and would be written over"));
  }
  const auto found = odt::test::json::parse(odt::read_file(at / "found/detections.json"));
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[1]["file_name"] == at / "photos/b.png");
  BOOST_TEST(found[1]["bbox"] == (std::vector<double>{16, 12, 16, 24}));
}

BOOST_AUTO_TEST_CASE(another_label_map_than_that_of_the_training_is_told) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "2", "--no_eval"});
  odt::label_map::from_names({"thingy"}).write(at / "other.pbtxt");
  write_picture(at / "a.png");
  const auto detect = run(at, {"detect", "--checkpoint", model, "--output", at / "found", "--label_map_path",
                               at / "other.pbtxt", at / "a.png"});
  BOOST_TEST(detect.status == 0);
  BOOST_TEST(contains(detect.err, "not the one that it was trained with: class 1 was thing and is thingy now"));
  odt::label_map::from_names({"thingy"}).write(at / "label_map.pbtxt");
  const auto eval = run(at, {"eval", "--checkpoint", model, "--run_once", "--on_bad_example", "skip"});
  BOOST_TEST(contains(eval.out + eval.err, "class 1 was thing and is thingy now"));
  odt::remove_file(at / "label_map.pbtxt");
  const auto nameless = run(at, {"detect", "--checkpoint", model, "--output", at / "found", at / "a.png"});
  BOOST_TEST(nameless.status == 0);
  BOOST_TEST(contains(odt::read_file(at / "found/detections.json"), "\"thing\""));
}

BOOST_AUTO_TEST_CASE(a_config_that_cannot_be_trained_with_is_described_and_refused) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  odt::remove_file(at / "train.record");
  const auto inspect = run(at, {"inspect", config});
  BOOST_TEST(inspect.status == 1);
  BOOST_TEST(contains(inspect.out, "3 weights"));
  BOOST_TEST(contains(inspect.err, "train_input_reader.tf_record_input_reader.input_path[0]: "));
}

BOOST_AUTO_TEST_CASE(the_schedule_is_stretched_and_the_config_overridden_on_demand) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  const auto train = run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "4",
                              "--stretch_schedule", "--config_override",
                              "train_config { batch_size: 2 optimizer { momentum_optimizer { learning_rate { "
                              "cosine_decay_learning_rate { total_steps: 40 warmup_steps: 10 } } } } }"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.out, "--stretch_schedule: total_steps 40 -> 4, warmup_steps 10 -> 1"));
  BOOST_TEST(contains(odt::read_file(model + "/pipeline.config"), "total_steps: 4"));
}

BOOST_AUTO_TEST_CASE(detect_takes_all_pictures_of_a_folder_and_says_which_drawing_is_whose) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "2", "--no_eval"});
  for (const char* folder : {"x", "y"}) std::filesystem::create_directory(at / folder);
  write_picture(at / "x/IMG_1.JPG");
  write_picture(at / "a.jpg");
  std::filesystem::copy(at / "a.jpg", at / "x/b.jfif");
  std::filesystem::rename(at / "a.jpg", at / "y/b.JPG");
  odt::write_file(at / "x/._IMG_1.JPG", "macOS' notes");
  odt::write_file(at / "x/.hidden.png", "no picture");
  odt::write_file(at / "x/notes.txt", "no picture");
  const auto detect = run(at, {"detect", "--checkpoint", model, "--output", at / "found", at / "x", at / "y"});
  BOOST_TEST(detect.status == 0);
  BOOST_TEST(contains(detect.out, "3 images, 3 objects"));
  const auto found = odt::test::json::parse(odt::read_file(at / "found/detections.json"));
  BOOST_TEST_REQUIRE(found.size() == 3u);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"x/IMG_1.JPG", "IMG_1.JPG"}, {"x/b.jfif", "b.jpg"}, {"y/b.JPG", "b.JPG"}};
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(found[i]["file_name"] == at / expected[i].first);
    BOOST_TEST(found[i]["drawn"] == expected[i].second);
    BOOST_TEST(odt::file_exists(at / ("found/" + expected[i].second)));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_s_pictures_are_found_sorted_without_hidden_files_and_with_links_that_lead_nowhere) {
  const scratch_directory at;
  for (const char* name : {"b.PNG", "a.webp", "._a.webp", ".png", "c.txt"}) odt::write_file(at / name, "content");
  std::filesystem::create_symlink(at / "gone.jpg", at / "z.jpg");
  std::filesystem::create_directory(at / "folder.jpg");
  BOOST_TEST(odt::find_images({at.path()}) == (std::vector<std::string>{at / "a.webp", at / "b.PNG", at / "z.jpg"}));
  BOOST_TEST(odt::find_images({at / "._a.webp"}) == std::vector<std::string>{at / "._a.webp"});  // named, so meant
  odt::test::check_error([&] { odt::find_images({at / "folder.jpg"}); }, {"folder.jpg", "no picture", ".jpg"});
}

BOOST_AUTO_TEST_CASE(detect_that_draws_nothing_says_the_best_score_and_what_would_draw_it) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "2", "--no_eval"});
  write_picture(at / "a.png");
  const auto detect = [&](const char* min_score) {
    return run(at, {"detect", "--checkpoint", model, "--output", at / "found", "--min_score", min_score, at / "a.png"});
  };
  const auto nothing = detect("0.9");
  BOOST_TEST(nothing.status == 0);
  BOOST_TEST(contains(nothing.out, "nothing has a score above 0.9; the best is 0.8: --min_score 0.79 would draw it"));
  const auto something = detect("0.79");
  BOOST_TEST(contains(something.out, "1 object "));
  BOOST_TEST(something.out.find("would draw") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(detect_refuses_a_font_that_is_none_before_any_work) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "2", "--no_eval"});
  write_picture(at / "a.png");
  const auto detect =
      run(at, {"detect", "--checkpoint", model, "--output", at / "found", "--font", at / "a.png", at / "a.png"});
  BOOST_TEST(detect.status == 1);
  BOOST_TEST(contains(detect.err, (at / "a.png") + ": is no TrueType or OpenType font"));
  BOOST_TEST(!odt::file_exists(at / "found/a.png"));
}

BOOST_AUTO_TEST_CASE(an_interrupted_training_says_how_to_go_on) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  const pid_t child = start(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps",
                                 "100000000", "--save_checkpoints_steps", "10"});
  while (!odt::latest_checkpoint(model)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGTERM);
  const auto result = finish(at, child);
  BOOST_TEST(result.status == 128 + SIGTERM);
  BOOST_TEST(contains(result.out, "the same command goes on from there"));
}

BOOST_AUTO_TEST_CASE(a_directory_is_watched_until_the_program_is_told_to_stop) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--num_train_steps", "2", "--no_eval"});
  BOOST_TEST(!odt::is_directory(model + "/eval_0"));
  const pid_t child = start(at, {"eval", "--checkpoint_dir", model});
  const auto waits = [&at] { return odt::read_file(at / "stdout").find("waiting for the next") != std::string::npos; };
  while (!odt::is_directory(model + "/eval_0") || !waits()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGINT);
  const auto result = finish(at, child);
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.out, "evaluation at step 2: 4 images"));
}

BOOST_AUTO_TEST_CASE(shapes_convert_and_inspect_follow_one_another) {
  const scratch_directory at;
  BOOST_TEST(run(at, {"shapes", "--output", at / "shapes", "--count", "6"}).status == 0);
  const auto convert = run(at, {"convert", "labelimg", "--images", at / "shapes/images", "--annotations",
                                at / "shapes/annotations", "--output", at / "data", "--split", "0.5"});
  BOOST_TEST(convert.status == 0);
  BOOST_TEST(contains(convert.out, "train"));
  const auto found =
      run(at, {"convert", "labelimg", "--images", at / "shapes", "--output", at / "data", "--split", "0.5"});
  BOOST_TEST(found.status == 0);
  BOOST_TEST(contains(found.out, "shapes/annotations"));
  const auto other =
      run(at, {"convert", "labelimg", "--images", at / "shapes", "--output", at / "data", "--seed", "7"});
  BOOST_TEST(other.status == 1);
  BOOST_TEST(contains(other.err, "train.record: is there already, with other content; --overwrite"));
  BOOST_TEST(
      run(at, {"convert", "labelimg", "--images", at / "shapes", "--output", at / "data", "--set", "all"}).status == 0);
  BOOST_TEST(odt::file_exists(at / "data/all.record"));
  const auto two = run(at, {"convert", "labelimg", "--images", at / "shapes", "--output", at / "data", "--set", "all",
                            "--split", "0.5"});
  BOOST_TEST(two.status == 2);
  BOOST_TEST(run(at, {"convert", "voc", "--images", "x", "--output", "y", "--ids", "z.txt", "--seed", "3"}).status ==
             2);
  const auto idle = run(at, {"convert", "csv", "--csv_input", "t.csv", "--image_dir", at / "shapes", "--output_path",
                             at / "o.record", "--shards", "3"});
  BOOST_TEST(idle.status == 2);
  BOOST_TEST(contains(idle.err, "--shards is for --output"));
  const auto inspect = run(at, {"inspect", at / "data/train.record", at / "data/label_map.pbtxt"});
  BOOST_TEST(inspect.status == 0);
  BOOST_TEST(contains(inspect.out, "3 images"));
}

BOOST_AUTO_TEST_CASE(pets_and_coco_become_the_apis_records) {
  const scratch_directory at;
  for (const char* folder : {"images", "annotations/xmls", "annotations/trimaps"}) odt::make_directories(at / folder);
  odt::image trimap(48, 64, 1);
  for (std::size_t i = 0; i < trimap.pixels.size(); ++i) trimap.pixels[i] = i % 64 < 40 ? 1 : 2;
  std::string list, images;
  for (int i = 1; i <= 4; ++i) {
    const std::string name = odt::str("pug_", i);
    write_picture(at / ("images/" + name + ".png"));
    odt::write_image(at / ("annotations/trimaps/" + name + ".png"), trimap);
    odt::write_file(at / ("annotations/xmls/" + name + ".xml"),
                    "<annotation><filename>" + name +
                        ".png</filename><object><name>dog</name><bndbox><xmin>2</xmin>"
                        "<ymin>3</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>");
    list += name + " 1 2 1\n";
    images += odt::str(i > 1 ? "," : "", "{\"id\":", i, ",\"file_name\":\"", name, ".png\"}");
  }
  odt::write_file(at / "annotations/trainval.txt", list);
  odt::write_file(at / "coco.json",
                  "{\"images\":[" + images +
                      "],\"categories\":[{\"id\":7,\"name\":\"pug\"}],\"annotations\":[{\"id\":1,"
                      "\"image_id\":2,\"category_id\":7,\"bbox\":[2,3,9,9],\"segmentation\":[[2,3,11,3,11,12]]}]}");
  const auto faces = run(at, {"convert", "pets", "--data_dir", at.path(), "--output_dir", at / "faces"});
  BOOST_TEST(faces.status == 0);
  BOOST_TEST(odt::file_exists(at / "faces/pet_faces_train.record-00009-of-00010"));
  const auto bodies = run(at, {"convert", "pets", "--data_dir", at.path(), "--output_dir", at / "bodies",
                               "--faces_only=false", "--mask_type", "numerical", "--num_shards", "1"});
  BOOST_TEST(bodies.status == 0);
  BOOST_TEST(contains(bodies.out, "boxes with a mask: 4"));
  BOOST_TEST(odt::file_exists(at / "bodies/pets_fullbody_with_masks_val.record-00000-of-00001"));
  const auto coco = run(at, {"convert", "coco", "--train_image_dir", at / "images", "--train_annotations_file",
                             at / "coco.json", "--include_masks", "--output_dir", at / "coco", "--num_shards", "2"});
  BOOST_TEST(coco.status == 0);
  BOOST_TEST(contains(coco.out, "boxes with a mask: 1"));
  BOOST_TEST(odt::file_exists(at / "coco/coco_train.record-00001-of-00002"));
}

BOOST_AUTO_TEST_CASE(bench_times_a_config_on_random_data) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  const auto train = run(at, {"bench", "--pipeline_config_path", config, "--steps", "2", "--threads", "1"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.out, "toy, batch of 3 x 8 x 8"));
  BOOST_TEST(contains(train.out, "train step"));
  BOOST_TEST(contains(train.out, "images/s"));
  BOOST_TEST(contains(train.out, "% of the peak of "));
  BOOST_TEST(contains(train.out, " GB/s"));
  const auto forward = run(at, {"bench", "--pipeline_config_path", config, "--steps", "1", "--threads", "1",
                                "--batch_size", "5", "--forward_only"});
  BOOST_TEST(forward.status == 0);
  BOOST_TEST(contains(forward.out, "toy, batch of 5 x 8 x 8"));
  BOOST_TEST(contains(forward.out, "forward pass"));
}

BOOST_AUTO_TEST_CASE(bench_says_what_it_lacks) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  const auto none = run(at, {"bench", "--steps", "3"});
  BOOST_TEST(none.status == 2);
  BOOST_TEST(contains(none.err, "--pipeline_config_path is required"));
  BOOST_TEST(run(at, {"bench", "--pipeline_config_path", config, "--batch_size", "0"}).status == 2);
  const auto missing = run(at, {"bench", "--pipeline_config_path", at / "no.config"});
  BOOST_TEST(missing.status == 1);
  BOOST_TEST(contains(missing.err, at / "no.config"));
  const auto layers =
      run(at, {"bench", "--pipeline_config_path", config, "--steps", "1", "--threads", "1", "--layers"});
  BOOST_TEST(layers.status == 1);
  BOOST_TEST(contains(layers.err, "does not time its operations"));
}

BOOST_AUTO_TEST_SUITE_END()
