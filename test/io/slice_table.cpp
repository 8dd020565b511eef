// SPDX-License-Identifier: MIT
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>

#include <io/hex.hpp>
#include <io/table_samples.hpp>
#include <scratch.hpp>

#include <numeric>

namespace {

using odt::checkpoint_reader;
using odt::test::check_error;
using odt::test::field;
using odt::test::from_hex;
using odt::test::scratch_directory;
using odt::test::table;
using odt::test::v1_checkpoint;
using odt::test::whole_key;

// Written by TensorFlow 2.15: Saver(write_version=V1). "part" [2,72] is partitioned along its columns into three, of
// "wide" [2,300] only the last column is there.
constexpr const char* written_by_tensorflow =
    "0000ad010aaa010a150a016112081202080212020801180122040a000a000a130a0b676c6f62616c5f737465701200180922000a120a046861"
    "6c"
    "66120412020801181322020a000a340a047061727412081202080212020848180422080a0210020a021018220a0a0210020a0408181018220a"
    "0a"
    "0210020a04083010180a0c0a04746578741200180722000a200a0477696465120912020802120308ac021804220b0a0210020a0508ab021001"
    "12"
    "020801000a17006100010102807f807f12150a016112040a000a001a0a2a080000c03f000000c0010e16676c6f62616c5f7374657000010012"
    "14"
    "0a0b676c6f62616c5f7374657012001a03520107010a1268616c6600010101807f12100a0468616c6612020a001a046a028078010c46706172"
    "74"
    "000101028082809812440a047061727412080a0210020a0210181a323a30000102030405060708090a0b0c0d0e0f101112131415161718191a"
    "1b"
    "1c1d1e1f202122232425262728292a2b2c2d2e2f0b0248989812460a0470617274120a0a0210020a04081810181a323a303031323334353637"
    "38"
    "393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f0b0258b09812560a0470617274120a0a0210"
    "02"
    "0a04083010181a423a40606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f800181018201830184018501860187"
    "01"
    "880189018a018b018c018d018e018f010107137465787400010012110a047465787412001a07420568656c6c6f010d1b776964650001010280"
    "82"
    "c12b8112190a0477696465120b0a0210020a0508ab0210011a043a02090800000000010000000003fe53bd000000000100000000c0f2a1b000"
    "01"
    "030100ea040000000001000000004da07d16ef0408fc040f0000000000000000000000000000000000000000000000000000000000000000"
    "000057fb808b247547db";

void change_byte(std::string& bytes, std::size_t at) { bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10); }

}  // namespace

BOOST_AUTO_TEST_SUITE(slice_table_tests)

BOOST_AUTO_TEST_CASE(a_v1_checkpoint_of_tensorflow_is_read) {
  const scratch_directory scratch;
  odt::write_file(scratch / "model.ckpt", from_hex(written_by_tensorflow));
  const checkpoint_reader reader(scratch / "model.ckpt");
  BOOST_TEST(reader.prefix() == scratch / "model.ckpt");
  BOOST_TEST(reader.path() == scratch / "model.ckpt");
  BOOST_TEST(reader.has_values());
  BOOST_TEST_REQUIRE(reader.tensors().size() == 6u);
  BOOST_TEST(describe(reader.at("a")) == "float32 [2,1]");
  BOOST_TEST(reader.read<float>("a") == (std::vector<float>{1.5f, -2.0f}), boost::test_tools::per_element());
  BOOST_TEST(reader.read<std::int64_t>("global_step").at(0) == 7);
  BOOST_TEST(reader.read_raw(reader.at("half")) == std::string("\0\x3c", 2));
  check_error([&] { reader.read<double>("a"); }, {scratch / "model.ckpt", "\"a\" is float32", "float64"});
  check_error([&] { reader.read_raw(reader.at("text")); }, {scratch / "model.ckpt", "\"text\" (string [])"});
}

BOOST_AUTO_TEST_CASE(slices_of_a_v1_checkpoint_are_put_together) {
  const scratch_directory scratch;
  odt::write_file(scratch / "model.ckpt", from_hex(written_by_tensorflow));
  const checkpoint_reader reader(scratch / "model.ckpt");
  const auto part = reader.read<std::uint8_t>("part");
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t column = 0; column < 72; ++column)
      BOOST_TEST_REQUIRE(part[row * 72 + column] == column / 24 * 48 + row * 24 + column % 24);
  check_error([&] { reader.read<std::uint8_t>("wide"); },
              {scratch / "model.ckpt", "\"wide\" (uint8 [2,300])", "slices hold 2 of its 600 values"});
}

BOOST_AUTO_TEST_CASE(compressed_blocks_are_read) {
  const scratch_directory scratch;
  std::vector<float> values(100);
  std::iota(values.begin(), values.end(), 0.5f);
  for (const bool compressed : {false, true}) {
    odt::write_file(scratch / "a.ckpt", v1_checkpoint({{"even", {2, 4}}, {"many", values}}, compressed));
    const checkpoint_reader reader(scratch / "a.ckpt");
    BOOST_TEST(reader.read<float>("many") == values, boost::test_tools::per_element());
    BOOST_TEST(reader.read<float>("even") == (std::vector<float>{2, 4}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(damage_of_a_v1_checkpoint_is_found) {
  const scratch_directory scratch;
  const std::string whole = from_hex(written_by_tensorflow);
  const auto read_all = [&](const std::string& bytes) {
    odt::write_file(scratch / "a", bytes);
    const checkpoint_reader reader(scratch / "a");
    for (const char* name : {"a", "global_step", "half", "part"}) reader.read_raw(reader.at(name));
  };
  read_all(whole);
  // The footer (48 bytes) has no checksum; the block before the last (13 bytes) is empty, and nobody reads it.
  int missed = 0;
  for (std::size_t at = 0; at < whole.size() - 48; ++at) {
    std::string damaged = whole;
    change_byte(damaged, at);
    try {
      read_all(damaged);
      ++missed;
    } catch (const odt::error&) {
    }
  }
  BOOST_TEST(missed == 13);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) BOOST_CHECK_THROW(read_all(whole.substr(0, cut)), odt::error);
}

BOOST_AUTO_TEST_CASE(tables_that_are_no_v1_checkpoints_are_refused) {
  const scratch_directory scratch;
  const auto opens = [&](const odt::test::table_entries& entries) {
    odt::write_file(scratch / "a", table(entries));
    checkpoint_reader(scratch / "a");
  };
  check_error([&] { opens({{"key", "value"}}); }, {scratch / "a", "not a V1 checkpoint", "does not list its tensors"});
  check_error([&] { opens({{"", "\xff"}}); }, {scratch / "a", "the list of its tensors cannot be parsed"});
  const std::string shape = field(2, field(1, ~std::uint64_t{0}));
  check_error(
      [&] {
        opens({{"", field(1, field(1, field(1, "x") + field(2, shape) + field(3, 1)))}});
      },
      {scratch / "a", "\"x\" has the shape [-1]"});
}

BOOST_AUTO_TEST_CASE(values_that_do_not_fit_their_list_are_refused) {
  const scratch_directory scratch;
  const std::string whole = field(1, ""), two = field(2, field(2, field(1, 2)));
  const std::string list = field(1, field(1, field(1, "x") + two + field(3, 1) + field(4, whole)));
  const auto reads = [&](const odt::test::table_entries& entries) {
    odt::write_file(scratch / "a", table(entries));
    checkpoint_reader(scratch / "a").read<float>("x");
  };
  const std::string one = field(3, field(5, odt::test::little_endian(0, 4)));
  check_error([&] { reads({{"", list}}); }, {scratch / "a", "\"x\"", "slice - is missing"});
  check_error(
      [&] {
        reads({{"", list}, {whole_key("x", 1), field(2, field(1, "x") + one)}});
      },
      {scratch / "a", "\"x\"", "1 values instead of 2"});
  check_error(
      [&] {
        reads({{"", list}, {whole_key("x", 1), field(2, field(1, "y") + one)}});
      },
      {scratch / "a", "\"y\" stands where \"x\""});
}

BOOST_AUTO_TEST_SUITE_END()
