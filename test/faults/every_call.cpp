// SPDX-License-Identifier: MIT
// Every call on files that a command makes fails once, each at its turn: what was there before is whole, the message
// names a file, and the status is not 0.
#include "file_faults.hpp"

#include "scratch.hpp"
#include "train/toy_data.hpp"

#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>

namespace {

namespace fs = std::filesystem;
using odt::test::file_call;
using odt::test::file_fault;
using odt::test::process_outcome;
using arguments = std::vector<std::string>;

constexpr file_fault faults[] = {
    {file_call::open, EACCES},   {file_call::open, EROFS, true},
    {file_call::write, ENOSPC},  {file_call::write, ENOSPC, true, true},
    {file_call::fsync, EIO},     {file_call::close, EIO},
    {file_call::rename, EACCES}, {file_call::mkdir, ENOSPC},
    {file_call::pread, EIO},
};

/// Path below the directory and content of each of its files.
using tree = std::map<std::string, std::string>;

tree read_tree(const std::string& directory) {
  tree files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), directory).string()] = odt::read_file(entry.path().string());
  return files;
}

/// What a command finds, in a directory that is made anew for every run of it.
struct stage {
  odt::test::scratch_directory around;
  std::string before = around / "before", now = around / "now";

  void reset() const {
    fs::remove_all(now);
    fs::copy(before, now, fs::copy_options::recursive);
  }
};

process_outcome run(const stage& at, const arguments& command, const file_fault& fault = {}, int k = 0,
                    int slow_us = 0) {
  return odt::test::run_with_fault(command, at.now, fault, k, slow_us);
}

/// Runs the command once for every fault and every k that it gets to; `check` looks at what is left. Success is right
/// only after a fault in what nobody needed (images read ahead), when `complete`.
void strike_every_call(const stage& at, const arguments& command, const std::function<void()>& check,
                       const std::function<bool()>& complete) {
  std::size_t runs = 0;
  for (const file_fault& fault : faults)
    for (int k = 1;; ++k) {
      at.reset();
      const process_outcome done = run(at, command, fault, k);
      if (!done.struck) {
        BOOST_TEST(done.status == 0, done.err);
        break;
      }
      ++runs;
      BOOST_TEST_CONTEXT(describe(fault) << ", call " << k << "\n" << done.out << done.err) {
        if (done.status != 0 || fault.what != file_call::pread || !complete()) {
          BOOST_TEST(done.status == 1);
          BOOST_TEST((done.err.find(at.now) != std::string::npos));
        }
        check();
      }
    }
  BOOST_TEST(runs > std::size(faults));
}

/// A slow disk changes nothing.
void go_slowly(const stage& at, const arguments& command, const tree& expected) {
  at.reset();
  BOOST_TEST(run(at, command, {}, 0, 200).status == 0);
  BOOST_TEST((read_tree(at.now) == expected));
}

/// All of every checkpoint that has an index can be read.
void check_checkpoints(const std::string& directory) {
  if (!odt::is_directory(directory)) return;
  for (const std::string& index : odt::matching_files(odt::join_path(directory, "*.index"))) {
    const odt::checkpoint_reader reader(index.substr(0, index.size() - 6));
    for (const odt::tensor_info& tensor : reader.tensors()) BOOST_CHECK_NO_THROW(reader.read_raw(tensor));
  }
}

void check_no_unfinished(const std::string& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    BOOST_TEST((entry.path().filename().string().find(".tmp-") == std::string::npos), entry.path().string());
}

/// The files of `part` that were there before are as they were.
void check_kept(const stage& at, const std::string& part) {
  for (const auto& [name, content] : read_tree(odt::join_path(at.before, part)))
    BOOST_TEST((odt::read_file(odt::join_path(at.now, odt::join_path(part, name))) == content), name);
}

void write_picture(const std::string& path) { odt::write_file(path, odt::encode_png(odt::image(48, 64))); }

/// A toy run whose config names files in `now`, trained to step 4, and pictures.
struct trained_stage : stage {
  trained_stage() {
    fs::create_directories(now + "/data");
    fs::create_directories(now + "/photos");
    write_picture(now + "/photos/a.png");
    write_picture(now + "/photos/b.png");
    odt::test::write_toy_run(now + "/data");
    BOOST_TEST_REQUIRE(run(*this, train(4)).status == 0);
    fs::copy(now, before, fs::copy_options::recursive);
  }

  arguments train(int steps) const {
    return {"train",
            "--pipeline_config_path",
            now + "/data/pipeline.config",
            "--model_dir",
            now + "/model",
            "--num_train_steps",
            odt::str(steps),
            "--save_checkpoints_steps",
            "2",
            "--eval_every_steps",
            "4",
            "--threads",
            "1",
            "--data_threads",
            "1"};
  }
};

/// The same command goes on to the same bits in the file `last`; the files of `part` stay as they were.
void strike_a_training(const trained_stage& at, const arguments& command, const std::string& part,
                       const std::string& last, const std::string& trained) {
  strike_every_call(
      at, command,
      [&] {
        check_kept(at, part);
        if (odt::is_directory(at.now + "/model")) check_no_unfinished(at.now + "/model");
        check_checkpoints(at.now + "/model");
        check_checkpoints(at.now + "/model/best");
        BOOST_TEST(run(at, command).status == 0);
        BOOST_TEST((odt::read_file(at.now + last) == trained));
      },
      [&] { return odt::read_file(at.now + last) == trained; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(every_call_tests)

BOOST_AUTO_TEST_CASE(a_first_conversion) {
  const stage at;
  BOOST_TEST_REQUIRE(run(at, {"shapes", "--output", at.before + "/photos", "--count", "6"}).status == 0);
  const arguments command{"convert",          "labelimg",
                          "--images",         at.now + "/photos/images",
                          "--annotations",    at.now + "/photos/annotations",
                          "--output",         at.now + "/data",
                          "--shards",         "2",
                          "--threads",        "1",
                          "--on_bad_example", "fail"};
  at.reset();
  BOOST_TEST_REQUIRE(run(at, command).status == 0);
  const tree made = read_tree(at.now);
  strike_every_call(
      at, command,
      [&at, &made] {
        check_kept(at, "photos");
        if (odt::is_directory(at.now + "/data")) check_no_unfinished(at.now + "/data");
        const tree left = read_tree(at.now);
        BOOST_TEST((left == made || left == read_tree(at.before)));
      },
      [&at, &made] { return read_tree(at.now) == made; });
  go_slowly(at, command, made);
}

BOOST_AUTO_TEST_CASE(a_conversion_in_the_place_of_another) {
  const stage at;
  const auto convert = [](const std::string& in, const char* seed) {
    return arguments{"convert",
                     "labelimg",
                     "--images",
                     in + "/photos/images",
                     "--annotations",
                     in + "/photos/annotations",
                     "--output",
                     in + "/data",
                     "--seed",
                     seed,
                     "--overwrite",
                     "--threads",
                     "1",
                     "--on_bad_example",
                     "fail"};
  };
  BOOST_TEST_REQUIRE(run(at, {"shapes", "--output", at.before + "/photos", "--count", "6"}).status == 0);
  BOOST_TEST_REQUIRE(run(at, convert(at.before, "1")).status == 0);
  const arguments command = convert(at.now, "2");
  at.reset();
  BOOST_TEST_REQUIRE(run(at, command).status == 0);
  const tree made = read_tree(at.now), before = read_tree(at.before);
  BOOST_TEST((made != before));
  strike_every_call(
      at, command,
      [&] {
        check_no_unfinished(at.now);
        const tree left = read_tree(at.now);
        BOOST_TEST((left == made || left == before));
      },
      [&] { return read_tree(at.now) == made; });
}

BOOST_AUTO_TEST_CASE(a_training_that_goes_on) {
  const trained_stage at;
  const arguments command = at.train(8);
  at.reset();
  BOOST_TEST_REQUIRE(run(at, command).status == 0);
  const std::string last = "/model/model.ckpt-8.data-00000-of-00001", trained = odt::read_file(at.now + last);
  strike_a_training(at, command, "data", last, trained);
}

BOOST_AUTO_TEST_CASE(a_training_from_the_beginning) {
  const trained_stage at;
  const std::string last = "/model/model.ckpt-4.data-00000-of-00001", trained = odt::read_file(at.before + last);
  fs::remove_all(at.before + "/model");
  const arguments command = at.train(4);
  strike_a_training(at, command, "", last, trained);
}

BOOST_AUTO_TEST_CASE(an_evaluation) {
  const trained_stage at;
  const arguments command{"eval",       "--checkpoint", at.now + "/model",
                          "--run_once", "--output",     at.now + "/results.json"};
  at.reset();
  BOOST_TEST_REQUIRE(run(at, command).status == 0);
  const std::string results = odt::read_file(at.now + "/results.json");
  odt::write_file(at.before + "/results.json", "of an earlier one");
  strike_every_call(
      at, command,
      [&at, &results] {
        check_kept(at, "data");
        check_kept(at, "model");
        check_no_unfinished(at.now);
        const std::string left = odt::read_file(at.now + "/results.json");
        BOOST_TEST((left == results || left == "of an earlier one"));
      },
      [] { return false; });
}

BOOST_AUTO_TEST_CASE(a_detection) {
  const trained_stage at;
  const arguments command{"detect",          "--checkpoint",     at.now + "/model",  "--output",
                          at.now + "/found", at.now + "/photos", "--on_bad_example", "fail"};
  at.reset();
  BOOST_TEST_REQUIRE(run(at, command).status == 0);
  const tree made = read_tree(at.now);
  strike_every_call(
      at, command,
      [&at, &made] {
        check_kept(at, "");
        if (odt::is_directory(at.now + "/found")) check_no_unfinished(at.now + "/found");
        for (const auto& [name, content] : read_tree(at.now)) BOOST_TEST((made.at(name) == content), name);
      },
      [&at, &made] { return read_tree(at.now) == made; });
  go_slowly(at, command, made);
}

BOOST_AUTO_TEST_SUITE_END()
