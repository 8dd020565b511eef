// SPDX-License-Identifier: MIT
#include <odt/io/safetensors.hpp>

#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tensor_values.hpp>

#include <io/hex.hpp>
#include <io/torch_samples.hpp>
#include <scratch.hpp>

#include <array>

namespace {

using namespace odt::test;
using odt::checkpoint_reader;

std::string file_of(std::string_view header, std::string_view values) {
  return little_endian(header.size(), 8) + std::string(header) + std::string(values);
}

void refuses(std::string_view bytes, std::initializer_list<std::string_view> pieces) {
  const scratch_directory scratch;
  odt::write_file(scratch / "x.safetensors", bytes);
  check_error([&] { checkpoint_reader(scratch / "x.safetensors"); }, pieces);
  check_error([&] { checkpoint_reader(scratch / "x.safetensors"); }, {scratch / "x.safetensors"});
}

void refuses_header(std::string_view header, std::initializer_list<std::string_view> pieces) {
  refuses(file_of(header, floats({1, 2})), pieces);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors_tests)

BOOST_AUTO_TEST_CASE(tensors_of_all_types_are_read) {
  const scratch_directory scratch;
  odt::write_file(scratch / "x",
                  file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},)"
                          R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                          R"("n":{"dtype":"I64","shape":[],"data_offsets":[12,20]}}  )",
                          floats({1, -2}) + from_hex("c03f00c0") + little_endian(7, 8)));
  BOOST_TEST(odt::checkpoint_prefix(scratch / "x") == scratch / "x");
  const checkpoint_reader reader(scratch / "x");
  BOOST_TEST((reader.format() == odt::checkpoint_format::safetensors));
  BOOST_TEST_REQUIRE(reader.tensors().size() == 3u);
  BOOST_TEST(describe(reader.at("a")) == "float32 [1,2]");
  BOOST_TEST((odt::read_doubles(reader, reader.at("a")) == std::vector<double>{1, -2}));
  BOOST_TEST((odt::read_doubles(reader, reader.at("b")) == std::vector<double>{1.5, -2}));
  BOOST_TEST(reader.read<std::int64_t>("n").at(0) == 7);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_was_written_comes_back) {
  const scratch_directory scratch;
  const std::array<std::int64_t, 2> shape{2, 3};
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> text{'a', 'b', 'c'};
  const std::array<std::int64_t, 1> three{3};
  odt::checkpoint_writer writer(scratch / "model.ckpt-5");
  writer.add<std::uint8_t>("a/text", three, text);
  writer.add<float>("b/weights", shape, values);
  writer.add<std::int64_t>("global_step", 5);
  writer.commit();
  odt::write_safetensors(scratch / "model.safetensors", checkpoint_reader(scratch / "model.ckpt-5"));
  const checkpoint_reader reader(scratch / "model.safetensors");
  BOOST_TEST(reader.tensors().size() == 3u);
  BOOST_TEST(reader.read<float>("b/weights") == values, boost::test_tools::per_element());
  BOOST_TEST(reader.read<std::uint8_t>("a/text") == text, boost::test_tools::per_element());
  BOOST_TEST(reader.read<std::int64_t>("global_step").at(0) == 5);
  for (const auto& tensor : reader.tensors()) BOOST_TEST(tensor.offset % element_size(tensor.type) == 0u);
}

BOOST_AUTO_TEST_CASE(strings_cannot_be_written) {
  const scratch_directory scratch;
  odt::checkpoint_writer writer(scratch / "c");
  odt::tensor_info words{.name = "words", .type = odt::element_type::string, .shape = {1}};
  writer.add_raw(words, "\1x");
  writer.commit();
  check_error([&] { odt::write_safetensors(scratch / "c.safetensors", checkpoint_reader(scratch / "c")); },
              {scratch / "c.safetensors", "\"words\", string [1]"});
  BOOST_TEST(!odt::file_exists(scratch / "c.safetensors"));
}

BOOST_AUTO_TEST_CASE(headers_that_cannot_be_are_refused) {
  const std::string good = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  refuses(file_of(good, floats({1})), {"cut short: \"x\" takes 8 bytes from byte 62, the file has 66"});
  refuses(file_of(good, floats({1, 2, 3})), {"its tensors end at byte 70, the file has 74"});
  refuses(little_endian(1000, 8) + good, {"cut short: 1000 bytes from byte 8, the file has 62"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", {"is no JSON"});
  refuses_header(R"({"x":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", {"\"x\" the type F8_E4M3"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", {"\"x\", float32 [3], that it lies"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", {"the size or place -2"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
                 {"too large a shape"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", {"from byte 8 to 0"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[2]}})", {"nothing usable of \"x\""});
  refuses_header(R"({"x":7})", {"nothing usable of \"x\""});
  refuses_header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", {"begins at byte 66 instead of 62"});
  refuses_header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[2],)"
                 R"("data_offsets":[0,8]}})",
                 {"begins at byte "});
  refuses_header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],)"
                 R"("data_offsets":[4,8]}})",
                 {"lists \"x\" twice"});
  refuses_header("{" + std::string(100, '['), {"is no JSON"});
}

BOOST_AUTO_TEST_CASE(no_cut_and_no_changed_byte_does_harm) {
  const scratch_directory scratch;
  cut_and_change(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"U8","shape":[3,1],"data_offsets":[8,11]}})",
                         floats({1, -2}) + "abc"),
                 scratch / "x");
}

BOOST_AUTO_TEST_SUITE_END()
