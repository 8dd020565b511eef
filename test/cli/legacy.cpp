// SPDX-License-Identifier: MIT
// The older programs' command lines, and the flags of train and eval that need a whole program to be tried.
#include "cli/program.hpp"
#include "train/toy_data.hpp"

#include <odt/config/pipeline.hpp>
#include <odt/io/checkpoint_keeper.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace {

using odt::test::contains;
using odt::test::run;
using odt::test::scratch_directory;

/// The text of a message of the toy's config: what stands in its braces.
std::string part_of(const std::string& config, const std::string& message) {
  const std::string text = odt::pipeline::load(config).text();
  const auto begin = text.find("\n" + message + " {") != text.npos ? text.find("\n" + message + " {") + 1 : 0;
  const auto open = text.find('{', begin), close = text.find("\n}", open);
  return text.substr(open + 1, close - open - 1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(legacy_tests)

BOOST_AUTO_TEST_CASE(a_tutorial_s_commands_train_and_evaluate) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  const auto train = run(at, {"legacy-train", "--logtostderr", "--train_dir=" + (at / "train"),
                              "--pipeline_config_path=" + config, "--num_clones=1", "--ps_tasks=0"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.err, "INFO:tensorflow:global step 20: loss = "));
  BOOST_TEST(odt::read_file(at / "train/pipeline.config") == odt::read_file(config));
  BOOST_TEST(odt::latest_checkpoint(at / "train").value() == at / "train/model.ckpt-20");
  const auto eval = run(at, {"legacy-eval", "--logtostderr", "--checkpoint_dir=" + (at / "train"),
                             "--eval_dir=" + (at / "eval"), "--pipeline_config_path=" + config, "--run_once=True"});
  BOOST_TEST(eval.status == 0);
  BOOST_TEST(contains(eval.err, "INFO:tensorflow:# success: 4"));
  BOOST_TEST(contains(eval.err, "INFO:tensorflow:PascalBoxes_Precision/mAP@0.5IOU: 1.000000"));
  BOOST_TEST(odt::file_exists(at / "eval/pipeline.config"));
  const auto on_training = run(at, {"legacy-eval", "--checkpoint_dir=" + (at / "train"), "--eval_dir=" + (at / "eval"),
                                    "--pipeline_config_path=" + config, "--run_once", "--eval_training_data"});
  BOOST_TEST(contains(on_training.err, "INFO:tensorflow:# success: 10"));
}

BOOST_AUTO_TEST_CASE(a_config_in_three_files_is_one) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  odt::write_file(at / "m.config", part_of(config, "model"));
  odt::write_file(at / "t.config", part_of(config, "train_config"));
  odt::write_file(at / "i.config", part_of(config, "train_input_reader"));
  const auto train = run(at, {"legacy-train", "--train_dir", at / "train", "--model_config_path", at / "m.config",
                              "--train_config_path", at / "t.config", "--input_config_path", at / "i.config"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.err, "INFO:tensorflow:global step 20: loss = "));
  BOOST_TEST(odt::read_file(at / "train/model.config") == odt::read_file(at / "m.config"));
  const auto missing = run(at, {"legacy-train", "--train_dir", at / "other", "--model_config_path", at / "m.config"});
  BOOST_TEST(missing.status == 2);
  BOOST_TEST(contains(missing.err, "--pipeline_config_path, or else --train_config_path"));
}

BOOST_AUTO_TEST_CASE(clusters_are_refused_with_what_to_do) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  for (const char* flag : {"--num_clones=2", "--worker_replicas=3", "--ps_tasks=1", "--task=1", "--master=grpc://a"}) {
    const auto result = run(at, {"legacy-train", "--train_dir", at / "train", "--pipeline_config_path", config, flag});
    BOOST_TEST(result.status == 2);
    BOOST_TEST(contains(result.err, std::string(flag).substr(0, std::string_view(flag).find('='))));
    BOOST_TEST(contains(result.err, "leave the flag out"));
  }
  setenv("TF_CONFIG", R"({"cluster": {"worker": ["a:1"]}})", 1);
  const auto result = run(at, {"legacy-train", "--train_dir", at / "train", "--pipeline_config_path", config});
  unsetenv("TF_CONFIG");
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "TF_CONFIG names a cluster"));
  BOOST_TEST(!odt::is_directory(at / "train"));
}

BOOST_AUTO_TEST_CASE(legacy_eval_waits_for_a_training_that_has_not_begun) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  std::string text = odt::read_file(config);
  text.insert(text.find("num_visualizations"), "eval_interval_secs: 1 max_evals: 1 ");
  odt::write_file(config, text);
  const pid_t child = odt::test::start(at, {"legacy-eval", "--checkpoint_dir", at / "train", "--eval_dir", at / "eval",
                                            "--pipeline_config_path", config});
  const auto waits = [&at] {
    return odt::file_exists(at / "stderr") &&
           odt::read_file(at / "stderr").find("No model found in") != std::string::npos;
  };
  while (!waits()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const scratch_directory other;
  run(other, {"legacy-train", "--train_dir", at / "train", "--pipeline_config_path", config});
  const auto eval = odt::test::finish(at, child);
  BOOST_TEST(eval.status == 0);
  BOOST_TEST(contains(eval.err, "INFO:tensorflow:Restoring parameters from " + (at / "train/model.ckpt-")));
  BOOST_TEST(contains(eval.err, "INFO:tensorflow:Finished evaluation!"));
}

BOOST_AUTO_TEST_CASE(minutes_are_trained_and_gone_on_with) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  const std::vector<std::string> command{"train", "--pipeline_config_path", config, "--model_dir", model, "--minutes"};
  const auto with = [&command](const char* minutes) {
    auto all = command;
    all.push_back(minutes);
    return all;
  };
  const auto first = run(at, with("0.01"));
  BOOST_TEST(first.status == 0);
  BOOST_TEST(contains(first.out, "for 1 s"));
  BOOST_TEST(contains(first.out, "trained up to step "));
  BOOST_TEST(contains(run(at, with("0.01")).out, "1 s of training are over already; more --minutes go on"));
  BOOST_TEST(contains(run(at, with("0.02")).out, "goes on from " + model));
  auto both = with("1");
  both.insert(both.end(), {"--num_train_steps", "3"});
  BOOST_TEST(run(at, both).status == 2);
}

BOOST_AUTO_TEST_CASE(patience_and_the_best_need_evaluations) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), model = at / "model";
  const auto none =
      run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--no_eval", "--patience", "3"});
  BOOST_TEST(none.status == 1);
  BOOST_TEST(contains(none.err, "leave out --no_eval"));
  const auto train = run(at, {"train", "--pipeline_config_path", config, "--model_dir", model, "--eval_every_steps",
                              "2", "--patience", "3"});
  BOOST_TEST(train.status == 0);
  BOOST_TEST(contains(train.out, "ended at step 8: no better result in 3 evaluations (--patience)"));
  const auto unused = run(at, {"eval", "--checkpoint", model, "--metric", "mAP"});
  BOOST_TEST(unused.status == 2);
  BOOST_TEST(contains(unused.err, "--export_best or --patience"));
}

BOOST_AUTO_TEST_SUITE_END()
