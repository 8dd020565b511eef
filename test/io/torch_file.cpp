// SPDX-License-Identifier: MIT
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tensor_values.hpp>

#include <io/hex.hpp>
#include <io/torch_samples.hpp>
#include <scratch.hpp>

#include <cmath>

namespace {

using namespace odt::test;
using odt::checkpoint_reader;

const std::vector<odt::element_type> types{odt::element_type::float32, odt::element_type::float32,
                                           odt::element_type::bfloat16, odt::element_type::int64};

std::vector<double> values(const checkpoint_reader& reader, std::string_view name) {
  return odt::read_doubles(reader, reader.at(name));
}

/// What the reader says of the file `bytes`.
void refuses(std::string_view bytes, std::initializer_list<std::string_view> pieces) {
  const scratch_directory scratch;
  odt::write_file(scratch / "x.pth", bytes);
  check_error(
      [&] {
        const checkpoint_reader reader(scratch / "x.pth");
        for (const auto& tensor : reader.tensors()) reader.read_raw(tensor);
      },
      pieces);
  check_error([&] { checkpoint_reader(scratch / "x.pth").at("?"); }, {scratch / "x.pth"});
}

/// The same of a file whose pickle is that value.
void refuses_value(std::string_view value, std::initializer_list<std::string_view> pieces) {
  refuses(torch_file(value, {floats({1, 2, 3})}), pieces);
}

std::string vector_of(std::int64_t first, const std::vector<std::int64_t>& shape,
                      const std::vector<std::int64_t>& strides) {
  return pickled_dictionary({{"x", pickled_tensor(pickled_storage("FloatStorage", "0", 3), first, shape, strides)}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torch_file_tests)

BOOST_AUTO_TEST_CASE(both_forms_of_pytorch_itself_are_read) {
  const scratch_directory scratch;
  odt::write_file(scratch / "new.pth", from_hex(torch_zip_digits));
  odt::write_file(scratch / "old.pt", from_hex(torch_pickles_digits));
  for (const char* name : {"new.pth", "old.pt"}) {
    BOOST_TEST(odt::checkpoint_prefix(scratch / name) == scratch / name);
    BOOST_TEST(odt::is_checkpoint_file(scratch / name));
    const checkpoint_reader reader(scratch / name);
    BOOST_TEST((reader.format() == odt::checkpoint_format::torch));
    BOOST_TEST(reader.has_values());
    BOOST_TEST_REQUIRE(reader.tensors().size() == 4u);
    for (std::size_t i = 0; i < types.size(); ++i) BOOST_TEST((reader.tensors()[i].type == types[i]));
    BOOST_TEST(describe(reader.at("state_dict.a.weight")) == "float32 [3,2]");
    BOOST_TEST((values(reader, "state_dict.a.weight") == std::vector<double>{0, 3, 1, 4, 2, 5}));  // transposed
    BOOST_TEST((values(reader, "state_dict.a.bias") == std::vector<double>{4, 5}));  // of the same storage
    BOOST_TEST((values(reader, "state_dict.half") == std::vector<double>{1.5, -2}));
    BOOST_TEST(reader.read<std::int64_t>("state_dict.n").at(0) == 7);
    BOOST_TEST(reader.at("state_dict.n").shape.empty());
  }
}

BOOST_AUTO_TEST_CASE(archives_may_be_deflated_and_have_64_bit_sizes) {
  const std::string x = pickled_tensor(pickled_storage("FloatStorage", "0", 3), 1, {2}, {1});
  const std::string h = pickled_tensor(pickled_storage("HalfStorage", "1", 4), 0, {2, 2}, {1, 2});
  for (const bool deflate : {false, true})
    for (const bool long_form : {false, true}) {
      const scratch_directory scratch;
      odt::write_file(scratch / "x.pt",
                      torch_file(pickled_dictionary({{"x", x}, {"h", h}}),
                                 {floats({1, 2, 3}), from_hex("003c00c00100017c")}, deflate, long_form));
      const checkpoint_reader reader(scratch / "x.pt");
      BOOST_TEST((values(reader, "x") == std::vector<double>{2, 3}));
      const auto half = values(reader, "h");
      BOOST_TEST((half[0] == 1 && half[1] == std::ldexp(1, -24) && half[2] == -2 && std::isnan(half[3])));
    }
}

BOOST_AUTO_TEST_CASE(lists_and_numbers_are_parts_of_names) {
  const scratch_directory scratch;
  const std::string x = pickled_tensor(pickled_storage("FloatStorage", "0", 3), 0, {3}, {1});
  odt::write_file(scratch / "x.pt", torch_file("}(" + pickled_text("list") + "](" + x + x + "e" + pickled_integer(5) +
                                                   pickled_dictionary({{"y", x}}) + "u",
                                               {floats({1, 2, 3})}));
  const checkpoint_reader reader(scratch / "x.pt");
  BOOST_TEST_REQUIRE(reader.tensors().size() == 3u);
  for (const char* name : {"list.0", "list.1", "5.y"}) BOOST_TEST(reader.at(name).elements() == 3u);
}

BOOST_AUTO_TEST_CASE(nothing_is_run_and_what_asks_for_it_is_named) {
  refuses_value(pickled_global("os", "system") + pickled_text("touch /tmp/here") + "\x85R",
                {"x.pth: model/data.pkl: pickle, byte 2: asks for os.system", "state_dict()"});
  refuses_value(pickled_dictionary({{"model", pickled_global("torchvision.models.resnet", "ResNet") + ")\x81"}}),
                {"asks for torchvision.models.resnet.ResNet"});
  refuses_value(pickled_global("torch._utils", "_rebuild_tensor_v2\nos"), {"opcode 111"});
  refuses_value(pickled_global("builtins", "eval"), {"builtins.eval"});
  refuses_value(")\x81", {"byte 3: opcode 129"});
  refuses_value("(i", {"byte 3: opcode 105"});
}

BOOST_AUTO_TEST_CASE(pickles_that_make_no_sense_are_refused_at_their_byte) {
  refuses_value("", {"byte 2: takes a value where there is none"});
  refuses_value("\x86", {"byte 2: takes a value"});
  refuses_value("t", {"there is no mark"});
  refuses_value("h\1", {"byte 2: recalls value 1"});
  refuses_value("X\xff\xff\xff\xff", {"byte 2: cut short: 4294967295 bytes should follow"});
  refuses_value("Ka", {"holds no tensors"});
  refuses_value("](K\1u", {"sets items of what is no dictionary"});
  refuses_value("}(K\1u", {"a key has no value"});
  refuses_value("}K\1a", {"appends to what is no list"});
  refuses_value("}}b", {"sets the state"});
  refuses_value("))R", {"calls what is no function"});
  refuses_value("\x8a\x09" + std::string(9, 'x'), {"an integer of 9 bytes"});
  refuses(torch_file("\x80\4", {}), {"protocol 4"});
  refuses_value("}q\1(" + pickled_text("self") + "h\1u", {"lie one in another, more than 32"});
  std::string twice = "}q" + std::string(1, '\0');  // each level holds the one before twice
  for (char level = 1; level < 30; ++level)
    twice += std::string("}q") + level + "(" + pickled_text("a") + "h" + static_cast<char>(level - 1) +
             pickled_text("b") + "h" + static_cast<char>(level - 1) + "u";
  refuses_value(twice, {"more than a million times"});
}

BOOST_AUTO_TEST_CASE(tensors_lie_within_their_storages) {
  refuses_value(vector_of(1, {3}, {1}), {"\"x\", float32 [3] of strides 1 from element 1", "storage 0 of 3"});
  refuses_value(vector_of(0, {2}, {3}), {"does not lie in storage"});
  refuses_value(vector_of(0, {1 << 30, 1 << 30}, {0, 0}), {"does not lie in storage"});
  refuses_value(vector_of(0, {2, 2}, {0, 0}), {"does not lie in storage"});
  refuses_value(vector_of(0, {-1}, {1}), {"no such number"});
  refuses_value(vector_of(-1, {1}, {1}), {"no such number"});
  refuses_value(vector_of(0, {1}, {}), {"\"x\" is no tensor"});
  refuses_value(pickled_dictionary({{"x", pickled_tensor(pickled_storage("FloatStorage", "1", 3), 0, {3}, {1})}}),
                {"model/data/1 is missing"});
  refuses_value(pickled_dictionary({{"x", pickled_tensor(pickled_storage("DoubleStorage", "0", 3), 0, {3}, {1})}}),
                {"model/data/0 has 12 bytes instead of 24"});
  const std::string x = pickled_tensor(pickled_storage("FloatStorage", "0", 3), 0, {3}, {1});
  refuses_value(pickled_dictionary({{"x", x}, {"x", x}}), {"\"x\" is there twice"});
  refuses_value(pickled_dictionary({{"x", x}, {"y", pickled_storage("IntStorage", "0", 3)}}), {"two types or sizes"});
  refuses_value(x, {"without a name"});
}

BOOST_AUTO_TEST_CASE(damaged_archives_name_the_file_within) {
  const std::string whole = torch_vector({1, 2, 3});
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{40}})
    refuses(whole.substr(0, size), {"x.pth: cut short: a zip archive lists its files at its end"});
  std::string changed = whole;
  changed[changed.find(floats({2}))] ^= 1;
  refuses(changed, {"model/data/0: wrong checksum of its 12 bytes from byte "});
  changed = whole;
  changed.replace(changed.find("PK\1\2"), 4, "PK\1\3");
  refuses(changed, {"damaged zip archive: no item of its list"});
  changed = whole;
  changed[whole.rfind("PK\3\4")] ^= 1;
  refuses(changed, {"model/data/0: damaged: no header at byte "});
  const std::string list = pickle_of(vector_of(0, {3}, {1}));
  refuses(zip({{"model/data.pkl", list}, {"model/data/0", floats({1, 2, 3}), false, 12}}), {"method 12"});
  refuses(zip({{"model/data.pkl", list}, {"model/data/0", floats({1, 2, 3}), false, -1, 1}}), {"is encrypted"});
  refuses(zip({{"model/data.pkl", list}, {"model/data/0", "", true, -1, 0, 12}}), {"model/data/0: damaged"});
  refuses(zip({{"model/data.pkl", list}, {"model/data/0", "", true, -1, 0, 1u << 31}}), {"a zip bomb?"});
  refuses(zip({{"model/data.pkl", list}, {"model/data/0", floats({1}), false, -1, 0, 12}}),
          {"in 4 bytes instead of 12"});
  refuses(zip({{"model/data.pkl", list}, {"model/data.pkl", list}}), {"two files called model/data.pkl"});
  refuses(zip({{"model/data.pkl", list}, {"model/byteorder", "big"}}), {"big endian"});
  refuses(zip({{"model/data.pkl", list}, {"model/constants.pkl", ""}}), {"TorchScript"});
  refuses(zip({{"numbers.npy", "x"}}), {"without data.pkl"});
  refuses(zip({{"model/data.pkl", std::string(5 << 20, 'x')}}), {"data.pkl: has 5242880 bytes; more than 4194304"});
}

BOOST_AUTO_TEST_CASE(damaged_pickles_in_a_row_name_the_byte) {
  const std::string whole = from_hex(torch_pickles_digits);
  refuses(whole.substr(0, whole.size() - 1), {"cut short: storage ", "from byte "});
  refuses(whole.substr(0, 300), {"cut short"});
  std::string changed = whole;
  changed.replace(whole.find("M\xe9\3"), 3, "M\xe9\4");
  refuses(changed, {"version 1257"});
  changed = whole;
  changed[whole.find("little_endian") + 13 + 2] = '\x89';
  refuses(changed, {"big endian"});
  changed = whole;
  changed[whole.size() - 24 - 8] ^= 1;  // the count of the last storage
  refuses(changed, {"does not begin with its"});
}

BOOST_AUTO_TEST_CASE(no_cut_and_no_changed_byte_does_harm) {
  const scratch_directory scratch;
  cut_and_change(from_hex(torch_zip_digits), scratch / "x.pth");
  cut_and_change(from_hex(torch_pickles_digits), scratch / "x.pth");
  cut_and_change(torch_file(vector_of(0, {3}, {1}), {floats({1, 2, 3})}, true, true), scratch / "x.pth");
}

BOOST_AUTO_TEST_SUITE_END()
