// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>

#include <golden.hpp>
#include <io/hex.hpp>
#include <scratch.hpp>

#include <array>
#include <numeric>

namespace {

using odt::checkpoint_reader;
using odt::checkpoint_writer;
using odt::test::check_error;
using odt::test::from_hex;
using odt::test::scratch_directory;

constexpr std::array<std::int64_t, 3> shape = {2, 1, 3};
constexpr std::array<float, 6> values = {0.5f, -1.0f, 2.0f, 3.25f, 0.0f, 1e30f};

void write_small(const std::string& prefix) {
  checkpoint_writer writer(prefix);
  writer.add<float>("weights", shape, values);
  writer.add<float>("empty", std::array<std::int64_t, 2>{0, 4}, {});
  writer.add("global_step", std::int64_t{1} << 40);
  writer.commit();
}

void change_byte(const std::string& path, std::size_t at) {
  std::string bytes = odt::read_file(path);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
  odt::write_file(path, bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_tests)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  const scratch_directory scratch;
  write_small(scratch / "model.ckpt-7");
  BOOST_CHECK_EQUAL(scratch.entries(), 2u);
  for (const char* path : {"model.ckpt-7", "model.ckpt-7.index"}) {
    const checkpoint_reader reader(scratch / path);
    BOOST_CHECK_EQUAL(reader.prefix(), scratch / "model.ckpt-7");
    BOOST_REQUIRE_EQUAL(reader.tensors().size(), 3u);
    BOOST_CHECK_EQUAL(reader.tensors()[0].name, "empty");
    BOOST_CHECK_EQUAL(describe(reader.at("weights")), "float32 [2,1,3]");
    BOOST_CHECK_EQUAL(describe(reader.at("global_step")), "int64 []");
    BOOST_CHECK(std::ranges::equal(reader.read<float>("weights"), values));
    BOOST_CHECK(reader.read<std::int64_t>("global_step") == (std::vector<std::int64_t>{std::int64_t{1} << 40}));
    BOOST_CHECK(reader.read<float>("empty").empty());
    BOOST_CHECK(!reader.find("weight") && !reader.find(""));
  }
}

BOOST_AUTO_TEST_CASE(all_element_types_are_kept) {
  const scratch_directory scratch;
  checkpoint_writer writer(scratch / "a");
  writer.add("d", 0.1);
  writer.add("i", std::int32_t{-5});
  writer.add("u", std::uint8_t{200});
  writer.commit();
  const checkpoint_reader reader(scratch / "a");
  BOOST_CHECK_EQUAL(reader.read<double>("d")[0], 0.1);
  BOOST_CHECK_EQUAL(reader.read<std::int32_t>("i")[0], -5);
  BOOST_CHECK_EQUAL(reader.read<std::uint8_t>("u")[0], 200);
}

BOOST_AUTO_TEST_CASE(many_tensors_fill_several_blocks) {
  const scratch_directory scratch;
  checkpoint_writer writer(scratch / "a");
  for (int i = 0; i < 9000; ++i)
    writer.add(odt::str("scope_", i * 7919 % 9000, "/a/long/name/of/a/variable"), float(i));
  writer.commit();
  BOOST_CHECK_GT(odt::file_size(scratch / "a.index"), 262144u);
  const checkpoint_reader reader(scratch / "a");
  BOOST_REQUIRE_EQUAL(reader.tensors().size(), 9000u);
  for (int i = 0; i < 9000; i += 613)
    BOOST_CHECK_EQUAL(reader.read<float>(odt::str("scope_", i * 7919 % 9000, "/a/long/name/of/a/variable"))[0],
                      float(i));
}

BOOST_AUTO_TEST_CASE(wrong_requests_name_file_and_tensor) {
  const scratch_directory scratch;
  write_small(scratch / "a");
  const checkpoint_reader reader(scratch / "a");
  check_error([&] { reader.read<float>("none"); }, {scratch / "a", "\"none\""});
  check_error([&] { reader.read<float>("global_step"); }, {scratch / "a", "\"global_step\" is int64", "float32"});
  check_error([&] { reader.read<std::int64_t>("weights"); }, {scratch / "a", "\"weights\" is float32", "int64"});
  std::array<float, 5> small{};
  check_error([&] { reader.read<float>("weights", small); },
              {scratch / "a", "\"weights\"", "[2,1,3]", "20 are expected"});
}

BOOST_AUTO_TEST_CASE(what_is_no_checkpoint_is_refused) {
  const scratch_directory scratch;
  check_error([&] { checkpoint_reader(scratch / "none"); }, {scratch / "none.index", "without its ending"});
  check_error([&] { checkpoint_reader(scratch.path()); }, {scratch.path(), "no checkpoint here"});
  odt::write_file(scratch / "text.index", "this is a text, and no table of tensors; it is long enough for a footer");
  check_error([&] { checkpoint_reader(scratch / "text"); }, {scratch / "text.index", "not the index"});
  odt::write_file(scratch / "empty.index", "");
  check_error([&] { checkpoint_reader(scratch / "empty"); }, {scratch / "empty.index", "not the index"});
}

BOOST_AUTO_TEST_CASE(damage_to_the_index_is_found) {
  const scratch_directory scratch;
  write_small(scratch / "a");
  const std::size_t size = odt::file_size(scratch / "a.index");
  // The footer (48 bytes) has no checksum; the block before the last (13 bytes) is empty, and nobody reads it.
  int missed = 0;
  for (std::size_t at = 0; at < size - 48; ++at) {
    change_byte(scratch / "a.index", at);
    try {
      checkpoint_reader(scratch / "a").tensors();
      ++missed;
    } catch (const odt::error&) {
    }
    change_byte(scratch / "a.index", at);
  }
  BOOST_CHECK_EQUAL(missed, 13);
  for (std::size_t cut = 0; cut < size; ++cut) {
    odt::write_file(scratch / "cut.index", odt::read_file(scratch / "a.index").substr(0, cut));
    BOOST_CHECK_THROW(checkpoint_reader(scratch / "cut"), odt::error);
  }
}

BOOST_AUTO_TEST_CASE(damage_to_the_data_is_found_when_it_is_read) {
  const scratch_directory scratch;
  write_small(scratch / "a");
  const std::string data = scratch / "a.data-00000-of-00001";
  change_byte(data, 3);
  {
    const checkpoint_reader reader(scratch / "a");
    check_error([&] { reader.read<float>("weights"); }, {data, "wrong checksum of \"weights\"", "float32 [2,1,3]"});
    BOOST_CHECK_EQUAL(reader.read<std::int64_t>("global_step").size(), 1u);
  }
  odt::write_file(data, odt::read_file(data).substr(0, 20));
  check_error([&] { checkpoint_reader(scratch / "a").read<float>("weights"); }, {data, "cut short", "\"weights\""});
  odt::remove_file(data);
  check_error([&] { checkpoint_reader(scratch / "a").read<float>("weights"); }, {data, "No such file"});
}

BOOST_AUTO_TEST_CASE(without_commit_nothing_is_left) {
  const scratch_directory scratch;
  {
    checkpoint_writer writer(scratch / "a");
    writer.add("x", 1.0f);
  }
  BOOST_CHECK_EQUAL(scratch.entries(), 0u);
  check_error([&] { checkpoint_writer(scratch / "no/such/a"); },
              {scratch / "no/such/a", "cannot write", "No such file"});
  check_error([&] { checkpoint_writer("/proc/a"); }, {"/proc/a", "cannot write"});
}

BOOST_AUTO_TEST_CASE(wrong_tensors_are_not_written) {
  const scratch_directory scratch;
  checkpoint_writer writer(scratch / "a");
  check_error([&] { writer.add<float>("x", std::array<std::int64_t, 1>{5}, values); },
              {"\"x\"", "[5]", "24 are given"});
  check_error([&] { writer.add("", 1.0f); }, {"without name"});
  writer.add("x", 1.0f);
  writer.add("x", 2.0f);
  check_error([&] { writer.commit(); }, {"\"x\" is written twice"});
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_removed_whole_and_alone) {
  const scratch_directory scratch;
  write_small(scratch / "model.ckpt-1");
  write_small(scratch / "model.ckpt-10");
  odt::write_file(scratch / "model.ckpt-1.meta", "graph");
  odt::remove_checkpoint(scratch / "model.ckpt-1");
  BOOST_CHECK_EQUAL(scratch.entries(), 2u);
  BOOST_CHECK_EQUAL(checkpoint_reader(scratch / "model.ckpt-10").tensors().size(), 3u);
}

BOOST_AUTO_TEST_CASE(a_sharded_checkpoint_of_tensorflow_is_read) {
  // Written by TensorFlow 2.15: in shard 0 "a" and "text", in shard 1 the others; "part" is a slice of a [4,2]
  // variable.
  const scratch_directory scratch;
  odt::write_file(scratch / "s.data-00000-of-00002", from_hex("0000c03f000000c005d9c69c4368656c6c6f"));
  odt::write_file(scratch / "s.data-00001-of-00002", from_hex("07000000000000000000803f000000400000404000008040003c"));
  odt::write_file(
      scratch / "s.index",
      from_hex(
          "00000608021a020801000d1700706172740001010280828082080112081202080212020802180120082810354c28987400010f61"
          "08011204120208022808353d33c8f4000b0d676c6f62616c5f73746570080912001801280835bbd79f1100041368616c66081312"
          "0412020801180120182802355b04ea850004187061727408011208120208041202080218013a080a0210020a0210020004117465"
          "787408071204120208012008280a35ece0c0290000000001000000005f81250c000000000100000000c0f2a1b00001037500b701"
          "0000000001000000005d622dd7bc0108c9010f000000000000000000000000000000000000000000000000000000000000000000"
          "0057fb808b247547db"));
  const checkpoint_reader reader(scratch / "s");
  std::vector<std::string> names;
  for (const odt::tensor_info& tensor : reader.tensors()) names.push_back(tensor.name);
  BOOST_CHECK_EQUAL(odt::join(names, " "), "a global_step half part text");
  BOOST_CHECK(reader.read<float>("a") == (std::vector<float>{1.5f, -2.0f}));
  BOOST_CHECK_EQUAL(reader.read<std::int64_t>("global_step").at(0), 7);
  BOOST_CHECK_EQUAL(describe(reader.at("half")), "float16 [1]");
  BOOST_CHECK_EQUAL(describe(reader.at("text")), "string [1]");
  check_error([&] { reader.read<float>("half"); }, {"\"half\" is float16"});
  check_error([&] { reader.read<float>("part"); }, {"\"part\" (float32 [4,2])", "slices hold 4 of its 8 values"});
  odt::remove_checkpoint(scratch / "s");
  BOOST_CHECK_EQUAL(scratch.entries(), 0u);
}

BOOST_AUTO_TEST_CASE(slices_are_put_together_and_copied_whole) {
  // Written by TensorFlow 2.15: "part" [2,72] is partitioned along its columns into three.
  const scratch_directory scratch;
  odt::write_file(
      scratch / "s.data-00000-of-00001",
      from_hex(
          "0000c03f000000c0000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
          "2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
          "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"));
  odt::write_file(
      scratch / "s.index",
      from_hex(
          "00000608011a020801000d150070617274000101028082809808041208120208021202081820082830352263d7080b0215989808"
          "04120812020802120208182038283035f5abc60b0b0215b0980804120812020802120208182068283035342baf45000113610801"
          "120812020802120208012808353d33c8f400042e706172740804120812020802120208483a080a0210020a0210183a0a0a021002"
          "0a04081810183a0a0a0210020a04083010180000000001000000009148e01f000000000100000000c0f2a1b00001037100b60100"
          "0000000100000000cfca83babb0108c8010f00000000000000000000000000000000000000000000000000000000000000000000"
          "57fb808b247547db"));
  const checkpoint_reader reader(scratch / "s");
  const auto part = reader.read<std::uint8_t>("part");
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t column = 0; column < 72; ++column)
      BOOST_REQUIRE_EQUAL(part[row * 72 + column], column / 24 * 48 + row * 24 + column % 24);
  checkpoint_writer writer(scratch / "copy");
  for (const odt::tensor_info& tensor : reader.tensors()) writer.add_raw(tensor, reader.read_raw(tensor));
  writer.commit();
  BOOST_CHECK(checkpoint_reader(scratch / "copy").read<std::uint8_t>("part") == part);
  change_byte(scratch / "s.data-00000-of-00001", 60);
  check_error([&] { reader.read<std::uint8_t>("part"); }, {"s.data-00000-of-00001", "wrong checksum"});
}

BOOST_AUTO_TEST_CASE(tensorflows_checkpoints_are_written_again_byte_for_byte,
                     *odt::test::needs(odt::test::golden() / "models")) {
  const scratch_directory scratch;
  int seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(odt::test::golden() / "models")) {
    if (entry.path().extension() != ".index") continue;
    ++seen;
    const checkpoint_reader reader(entry.path().string());
    checkpoint_writer writer(scratch / "copy");
    for (const odt::tensor_info& tensor : reader.tensors()) writer.add_raw(tensor, reader.read_raw(tensor));
    writer.commit();
    BOOST_CHECK(odt::read_file(scratch / "copy.index") == odt::read_file(entry.path().string()));
    BOOST_CHECK(odt::read_file(scratch / "copy.data-00000-of-00001") ==
                odt::read_file(reader.prefix() + ".data-00000-of-00001"));
  }
  BOOST_CHECK_GE(seen, 1);
}

BOOST_AUTO_TEST_CASE(values_of_tensorflows_checkpoints, *odt::test::needs(odt::test::golden() / "models")) {
  const odt::test::fs::path folder = odt::test::golden() / "models/train_ssd_mobilenet_v1";
  const checkpoint_reader reader((folder / "step_100").string());
  const auto index = odt::test::load_json(folder / "variables_step_100.json");
  const auto stored = odt::test::load_npy(folder / "variables_step_100.npy");
  const auto& list = index.contains("entries")   ? index["entries"]
                     : index.contains("tensors") ? index["tensors"]
                                                 : index;
  int seen = 0;
  for (const auto& entry : list) {
    const std::string name = entry["name"];
    if (!reader.find(name) || reader.at(name).type != odt::element_type::float32) continue;
    ++seen;
    const auto tensor = reader.read<float>(name);
    const std::size_t stride = entry["stride"], count = entry["count"], offset = entry["offset"];
    for (std::size_t i = 0; i < count; ++i)
      BOOST_REQUIRE_EQUAL(tensor.at(i * stride), static_cast<float>(stored[offset + i]));
  }
  BOOST_CHECK_GT(seen, 20);
}

BOOST_AUTO_TEST_CASE(an_index_without_data_lists_its_tensors, *odt::test::needs(odt::test::data() / "tf_files")) {
  const checkpoint_reader reader((odt::test::data() / "tf_files").string());
  BOOST_CHECK(reader.prefix().ends_with("tf_files/model.ckpt"));
  BOOST_CHECK_EQUAL(describe(reader.at("FeatureExtractor/MobilenetV2/Conv/weights")), "float32 [3,3,3,32]");
  check_error([&] { reader.read<float>("FeatureExtractor/MobilenetV2/Conv/weights"); },
              {"model.ckpt.data-", "No such file"});
}

BOOST_AUTO_TEST_SUITE_END()
