// SPDX-License-Identifier: MIT
// Rounds with a script in the program's place, which fails when it is told to.
#include <odt/label/learning.hpp>

#include <odt/io/tfrecord.hpp>

#include <label/photo_folder.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

using odt::labelling::annotation_store;
using odt::labelling::is_held_out;
using odt::labelling::learner;
using odt::labelling::learning_options;
using odt::labelling::photo_index;
using odt::labelling::photo_state;
using odt::labelling::superfluous;
using odt::test::box;
using odt::test::photo_folder;

namespace {

bool comes_true(const std::function<bool()>& what) {
  for (int i = 0; i < 2000; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// Leaves what `odt train` and `odt export` leave: a checkpoint of the last step, and a directory with a config.
const std::string script = R"sh(
if [ -e "$0.fail" ]; then echo "odt: error: no memory for this"; exit 1; fi
if [ -e "$0.kill" ]; then kill -9 $$; fi
command=$1; shift
while [ $# -gt 0 ]; do
  case $1 in
    --model_dir) model=$2; shift;;
    --num_train_steps) steps=$2; shift;;
    --output_directory) out=$2; shift;;
  esac
  shift
done
case $command in
  train) echo "step 1/$steps  loss 3.25  1 img/s"
         touch $model/model.ckpt-$steps.index $model/model.ckpt-$steps.data-00000-of-00001
         echo "model_checkpoint_path: \"model.ckpt-$steps\"" > $model/checkpoint;;
  export) mkdir -p $out; echo "model { }" > $out/pipeline.config;;
esac
)sh";

const std::string config = R"(
model { ssd { num_classes: 90 } }
train_config { optimizer { adam_optimizer { learning_rate { cosine_decay_learning_rate {
  learning_rate_base: 0.002 total_steps: 100 } } } } }
train_input_reader { label_map_path: "PATH" tf_record_input_reader { input_path: "PATH" } }
)";

struct bench {
  explicit bench(int count = 12) {
    for (int i = 0; i < count; ++i) folder.add(odt::str("photos/", i, ".jpg"));
    odt::write_file(folder.path("odt.sh"), script);
    odt::write_file(folder.path("pipeline.config"), config);
    photos = std::make_unique<photo_index>(folder.path("photos"), "");
    store = std::make_unique<annotation_store>(*photos, odt::labelling::store_options{});
    how.pipeline_config_path = folder.path("pipeline.config");
    how.model_dir = folder.path("model");
    how.program = {"/bin/sh", folder.path("odt.sh")};
    how.update_every = 10;
    how.run_eval = false;
  }

  void accept(std::size_t photo) {
    store->save(photo, {.revision = store->row(photo).revision,
                        .state = photo_state::accepted,
                        .objects = {box("cat", {5, 6, 30, 40})},
                        .by = ""});
  }

  std::size_t records_of(std::int64_t version, const char* set) const {
    return odt::record_file(folder.path(odt::str("model/data/", version, "_", set, ".record"))).size();
  }

  photo_folder folder;
  learning_options how;
  std::unique_ptr<photo_index> photos;
  std::unique_ptr<annotation_store> store;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(learning)

BOOST_AUTO_TEST_CASE(a_share_is_held_out_by_the_id_alone) {
  int held = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = odt::str("photo ", i);
    held += is_held_out(id, 0.2);
    BOOST_REQUIRE(!is_held_out(id, 0));
    if (is_held_out(id, 0.2)) BOOST_REQUIRE(is_held_out(id, 0.3));
  }
  BOOST_TEST(held > 1850);
  BOOST_TEST(held < 2150);
}

BOOST_AUTO_TEST_CASE(garbage_is_what_is_old_and_not_in_use) {
  using numbers = std::vector<std::int64_t>;
  BOOST_TEST(superfluous({100, 9, 10, 99}, 2, {}) == (numbers{9, 10}), boost::test_tools::per_element());
  BOOST_TEST(superfluous({100, 9, 10, 99}, 2, {"9", ""}) == (numbers{10}), boost::test_tools::per_element());
  BOOST_TEST(superfluous({1, 2}, 5, {}).empty());
  BOOST_TEST(superfluous({1, 2}, 0, {}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_round_begins_when_enough_is_accepted_and_has_all_that_is) {
  bench b;
  learner l(*b.store, b.how, {});
  b.store->on_change([&](std::size_t) { l.note_change(); });
  l.start();
  for (std::size_t i = 0; i < 9; ++i) b.accept(i);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  BOOST_TEST(l.status().rounds.empty());
  BOOST_TEST(l.status().fresh == 9);
  b.accept(9);
  BOOST_REQUIRE(comes_true([&] { return l.status().rounds.size() == 1; }));
  const auto round = l.status().rounds[0];
  BOOST_TEST(round.photos == 10);
  BOOST_TEST(round.boxes == 10);
  BOOST_TEST(round.step == 10);  // as many as there are photos
  BOOST_TEST(b.records_of(round.version, "train") == static_cast<std::size_t>(10 - round.held_out));
  BOOST_TEST(odt::file_exists(b.folder.path(odt::str("model/export/", round.version, "/label_map.pbtxt"))));
  b.accept(10);
  l.begin_round();
  BOOST_REQUIRE(comes_true([&] { return l.status().rounds.size() == 2; }));
  const auto second = l.status().rounds[1];
  BOOST_TEST(second.version > round.version);
  BOOST_TEST(second.photos == 11);
  BOOST_TEST(second.step == 21);
  const std::string text = odt::read_file(b.folder.path("model/label_pipeline.config"));
  BOOST_TEST(text.find("num_classes: 1") != std::string::npos);
  BOOST_TEST(text.find("learning_rate: 0.001") != std::string::npos);
  BOOST_TEST(text.find("cosine") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(rounds_are_remembered) {
  bench b;
  b.accept(0), b.accept(1), b.accept(2);
  {
    learner l(*b.store, b.how, {});
    l.start();
    l.begin_round();
    BOOST_REQUIRE(comes_true([&] { return l.status().rounds.size() == 1; }));
  }
  const learner again(*b.store, b.how, {});
  BOOST_TEST(again.status().rounds.size() == 1u);
  BOOST_TEST(again.status().fresh == 0);  // it knows what the last round had
}

BOOST_AUTO_TEST_CASE(a_training_that_fails_or_dies_is_told_and_labelling_goes_on) {
  bench b;
  b.accept(0), b.accept(1), b.accept(2);
  learner l(*b.store, b.how, {});
  l.start();
  odt::write_file(b.folder.path("odt.sh.fail"), "");
  l.begin_round();
  BOOST_REQUIRE(comes_true([&] { return l.status().phase == "failed"; }));
  BOOST_TEST(l.status().message.find("odt: error: no memory for this") != std::string::npos);
  BOOST_TEST(l.status().message.find("label.log") != std::string::npos);
  odt::remove_file(b.folder.path("odt.sh.fail"));
  odt::write_file(b.folder.path("odt.sh.kill"), "");
  l.begin_round();
  BOOST_REQUIRE(comes_true([&] { return l.status().message.find("signal 9") != std::string::npos; }));
  odt::remove_file(b.folder.path("odt.sh.kill"));
  b.accept(3);
  l.begin_round();
  BOOST_REQUIRE(comes_true([&] { return l.status().rounds.size() == 1; }));
  BOOST_TEST(l.status().rounds[0].photos == 4);
}

BOOST_AUTO_TEST_CASE(old_exports_and_records_go_and_what_is_used_stays) {
  bench b;
  b.how.temp_files_num = 2;
  b.accept(0), b.accept(1), b.accept(2);
  odt::make_directories(b.folder.path("model/export/9"));
  odt::make_directories(b.folder.path("model/export/10"));
  odt::make_directories(b.folder.path("model/export/mine"));
  learner l(*b.store, b.how, [] { return std::vector<std::string>{"9"}; });
  l.start();
  for (std::size_t round = 1; round <= 3; ++round) {
    l.begin_round();
    BOOST_REQUIRE(comes_true([&] { return l.status().rounds.size() == round && l.status().phase == "waiting"; }));
  }
  const auto has = [&](const std::string& name) { return odt::is_directory(b.folder.path("model/export/" + name)); };
  const auto rounds = l.status().rounds;
  BOOST_TEST(has("9"));
  BOOST_TEST(!has("10"));
  BOOST_TEST(has("mine"));
  BOOST_TEST(!has(std::to_string(rounds[0].version)));
  BOOST_TEST(has(std::to_string(rounds[1].version)));
  BOOST_TEST(has(std::to_string(rounds[2].version)));
  BOOST_TEST(!odt::file_exists(b.folder.path(odt::str("model/data/", rounds[0].version, "_train.record"))));
  BOOST_TEST(odt::file_exists(b.folder.path(odt::str("model/data/", rounds[2].version, "_train.record"))));
}

BOOST_AUTO_TEST_CASE(an_end_ends_what_trains) {
  bench b;
  b.accept(0), b.accept(1), b.accept(2);
  odt::write_file(b.folder.path("odt.sh"), "echo \"step 1/9  loss 1\"; exec sleep 100");
  const auto start = std::chrono::steady_clock::now();
  {
    learner l(*b.store, b.how, {});
    l.start();
    l.begin_round();
    BOOST_REQUIRE(comes_true([&] { return l.status().step == 1; }));
    BOOST_TEST(l.status().loss == 1);
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(10)));
}

BOOST_AUTO_TEST_SUITE_END()
