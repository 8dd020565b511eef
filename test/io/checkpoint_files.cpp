// SPDX-License-Identifier: MIT
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>

#include <io/archive_samples.hpp>
#include <io/table_samples.hpp>
#include <scratch.hpp>

namespace {

using odt::checkpoint_prefix;
using odt::checkpoint_reader;
using odt::test::check_error;
using odt::test::gzip;
using odt::test::scratch_directory;
using odt::test::tar;
using odt::test::v1_checkpoint;

void write_v2(const std::string& prefix, float value) {
  odt::checkpoint_writer writer(prefix);
  writer.add("x", value);
  writer.commit();
}

/// As the model zoo packs it.
std::string zoo_archive(const scratch_directory& scratch, float value) {
  write_v2(scratch / "packed", value);
  const std::string archive =
      tar({{"zoo/", ""},
           {"zoo/model.ckpt.index", odt::read_file(scratch / "packed.index")},
           {"zoo/checkpoint", "model_checkpoint_path: \"model.ckpt\"\n"},
           {"zoo/frozen_inference_graph.pb", std::string(3000, 'g')},
           {"zoo/model.ckpt.data-00000-of-00001", odt::read_file(scratch / "packed.data-00000-of-00001")},
           {"zoo/model.ckpt.meta", "graph"},
           {"zoo/pipeline.config", "model { }"}});
  odt::remove_checkpoint(scratch / "packed");
  return archive;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_files_tests)

BOOST_AUTO_TEST_CASE(every_file_of_a_checkpoint_stands_for_it) {
  const scratch_directory scratch;
  write_v2(scratch / "model.ckpt-7", 1);
  for (const char* name :
       {"model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.meta", "model.ckpt-7.data-00000-of-00001"})
    BOOST_TEST(checkpoint_prefix(scratch / name) == scratch / "model.ckpt-7");
  odt::write_file(scratch / "old.ckpt", v1_checkpoint({{"x", {2}}}));
  BOOST_TEST(checkpoint_prefix(scratch / "old.ckpt") == scratch / "old.ckpt");
  BOOST_TEST(checkpoint_prefix(scratch / "old.ckpt.meta") == scratch / "old.ckpt");
  BOOST_TEST(odt::is_checkpoint_file(scratch / "old.ckpt"));
  BOOST_TEST(!odt::is_checkpoint_file(scratch / "model.ckpt-7.index"));
}

BOOST_AUTO_TEST_CASE(a_folder_without_state_stands_for_its_only_checkpoint) {
  const scratch_directory scratch;
  check_error([&] { checkpoint_prefix(scratch.path()); }, {scratch.path(), "no checkpoint here"});
  odt::write_file(scratch / "resnet.ckpt", v1_checkpoint({{"x", {2}}}));
  odt::write_file(scratch / "notes.ckpt.txt", "no checkpoint");
  BOOST_TEST(checkpoint_prefix(scratch.path()) == scratch / "resnet.ckpt");
  write_v2(scratch / "model.ckpt", 1);
  check_error([&] { checkpoint_prefix(scratch.path()); },
              {scratch.path(), "2 checkpoints", scratch / "model.ckpt", scratch / "resnet.ckpt"});
  odt::write_file(scratch / "checkpoint", "model_checkpoint_path: \"/elsewhere/resnet.ckpt\"\n");
  BOOST_TEST(checkpoint_prefix(scratch.path()) == scratch / "resnet.ckpt");
  BOOST_TEST(checkpoint_prefix(scratch / "checkpoint") == scratch / "resnet.ckpt");
}

BOOST_AUTO_TEST_CASE(an_archive_of_the_model_zoo_is_read_as_it_is) {
  const scratch_directory scratch;
  const std::string archive = zoo_archive(scratch, 3);
  odt::write_file(scratch / "zoo.tar.gz", gzip(archive));
  odt::write_file(scratch / "zoo.tar", archive);
  for (const char* name : {"zoo.tar.gz", "zoo.tar"}) {
    BOOST_TEST(checkpoint_prefix(scratch / name) == scratch / name);
    const checkpoint_reader reader(scratch / name);
    BOOST_TEST(reader.prefix() == scratch / name + ": zoo/model.ckpt");
    BOOST_TEST(reader.path() == scratch / name);
    BOOST_TEST(reader.has_values());
    BOOST_TEST(reader.read<float>("x").at(0) == 3);
    check_error([&] { reader.at("y"); }, {scratch / name + ": zoo/model.ckpt", "\"y\""});
  }
  BOOST_TEST(scratch.entries() == 2u);
}

BOOST_AUTO_TEST_CASE(an_archive_of_a_v1_checkpoint_is_read_as_it_is) {
  const scratch_directory scratch;
  odt::write_file(
      scratch / "resnet.tar.gz",
      gzip(tar({{"./._resnet.ckpt", "of another system"}, {"./resnet.ckpt", v1_checkpoint({{"x", {2, 5}}})}})));
  const checkpoint_reader reader(scratch / "resnet.tar.gz");
  BOOST_TEST(reader.prefix() == scratch / "resnet.tar.gz: ./resnet.ckpt");
  BOOST_TEST(reader.read<float>("x").at(1) == 5);
}

BOOST_AUTO_TEST_CASE(archives_that_cannot_be_used_say_why) {
  const scratch_directory scratch;
  for (const char* name : {"none.tar.gz", "none.tgz"})
    check_error([&] { checkpoint_prefix(scratch / name); }, {scratch / name + ": there is no such file"});
  odt::write_file(scratch / "a.tar", tar({{"readme", "nothing else"}}));
  check_error([&] { checkpoint_reader(scratch / "a.tar"); }, {scratch / "a.tar", "no checkpoint in this archive"});
  const std::string v1 = v1_checkpoint({{"x", {2}}});
  odt::write_file(scratch / "a.tar", tar({{"1/a.ckpt", v1}, {"2/b.ckpt", v1}}));
  check_error([&] { checkpoint_reader(scratch / "a.tar"); }, {scratch / "a.tar", "1/a.ckpt, 2/b.ckpt"});
  write_v2(scratch / "packed", 1);
  odt::write_file(scratch / "a.tar", tar({{"m.index", odt::read_file(scratch / "packed.index")}}));
  const checkpoint_reader reader(scratch / "a.tar");
  BOOST_TEST(!reader.has_values());
  check_error([&] { reader.read<float>("x"); }, {scratch / "a.tar: m.data-00000-of-00001", "no such file"});
  std::string data = odt::read_file(scratch / "packed.data-00000-of-00001");
  data[1] = 'x';
  odt::write_file(scratch / "a.tar",
                  tar({{"m.index", odt::read_file(scratch / "packed.index")}, {"m.data-00000-of-00001", data}}));
  check_error([&] { checkpoint_reader(scratch / "a.tar").read<float>("x"); },
              {scratch / "a.tar: m.data-00000-of-00001", "wrong checksum of \"x\""});
}

BOOST_AUTO_TEST_CASE(what_is_no_checkpoint_says_what_would_be_one) {
  const scratch_directory scratch;
  check_error([&] { checkpoint_prefix(scratch / "none"); }, {scratch / "none", "no checkpoint here", ".tar.gz"});
  odt::write_file(scratch / "text", std::string(600, 'a'));
  check_error([&] { checkpoint_prefix(scratch / "text"); }, {scratch / "text", "is no checkpoint", "text.index"});
}

BOOST_AUTO_TEST_SUITE_END()
