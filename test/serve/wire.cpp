// SPDX-License-Identifier: MIT
#include <odt/serve/status.hpp>
#include <odt/serve/wire.hpp>

#include <odt/serving.pb.h>

#include <scratch.hpp>

#include <cstring>

using odt::serve::parse_predict_request;
using odt::test::check_error;
namespace pb = odt::proto::serving;

namespace {

pb::PredictRequest request(int dtype, std::initializer_list<std::int64_t> shape) {
  pb::PredictRequest out;
  out.mutable_model_spec()->set_name("m");
  auto& tensor = (*out.mutable_inputs())["inputs"];
  tensor.set_dtype(dtype);
  for (const std::int64_t extent : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(extent);
  return out;
}

pb::Tensor& input(pb::PredictRequest& of) { return (*of.mutable_inputs())["inputs"]; }

odt::serve::tensor parsed(const pb::PredictRequest& from) {
  return parse_predict_request(from.SerializeAsString()).inputs.at("inputs");
}

std::vector<float> floats(const pb::PredictRequest& from) { return std::get<std::vector<float>>(parsed(from).values); }

void refuse(const pb::PredictRequest& from, std::string_view said) {
  check_error([&] { parsed(from); }, {said});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wire_tests)

BOOST_AUTO_TEST_CASE(which_model) {
  pb::PredictRequest from = request(1, {});
  input(from).add_float_val(1);
  BOOST_TEST(parse_predict_request(from.SerializeAsString()).model.text() == "Latest(m)");
  from.mutable_model_spec()->mutable_version()->set_value(3);
  from.mutable_model_spec()->set_signature_name("s");
  from.add_output_filter("a");
  const auto asked = parse_predict_request(from.SerializeAsString());
  BOOST_TEST(asked.model.text() == "Specific(m, 3)");
  BOOST_TEST(asked.signature == "s");
  BOOST_TEST(asked.output_filter[0] == "a");
  from.mutable_model_spec()->set_version_label("gold");
  BOOST_TEST(parse_predict_request(from.SerializeAsString()).model.label == "gold");
  from.mutable_model_spec()->set_name("");
  refuse(from, "no name");
  check_error([] { parse_predict_request("\xff\xff\xff"); }, {"no PredictRequest"});
}

BOOST_AUTO_TEST_CASE(typed_values_and_bytes_are_the_same) {
  pb::PredictRequest typed = request(4, {1, 1, 2, 3}), raw = typed;
  for (const int value : {0, 1, 2, 253, 254, 255}) input(typed).add_int_val(value);
  input(raw).set_tensor_content(std::string("\0\1\2\xfd\xfe\xff", 6));
  BOOST_TEST((parsed(typed).values == parsed(raw).values));
  BOOST_TEST(std::get<std::vector<std::uint8_t>>(parsed(raw).values)[3] == 253);
  BOOST_TEST(odt::serve::shape_text(parsed(raw).shape) == "[1, 1, 2, 3]");
  const float values[] = {0.5f, -2};
  pb::PredictRequest typed_floats = request(1, {2}), raw_floats = typed_floats;
  for (const float value : values) input(typed_floats).add_float_val(value);
  input(raw_floats).set_tensor_content(std::string(reinterpret_cast<const char*>(values), sizeof values));
  BOOST_TEST(floats(typed_floats) == floats(raw_floats), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(other_types) {
  const auto one = [](int dtype, auto&& fill) {
    pb::PredictRequest from = request(dtype, {1});
    fill(input(from));
    return floats(from)[0];
  };
  BOOST_TEST(one(2, [](pb::Tensor& t) { t.add_double_val(1.5); }) == 1.5f);
  for (const int dtype : {3, 5, 6}) BOOST_TEST(one(dtype, [](pb::Tensor& t) { t.add_int_val(-7); }) == -7);
  BOOST_TEST(one(17, [](pb::Tensor& t) { t.add_int_val(60000); }) == 60000);
  BOOST_TEST(one(9, [](pb::Tensor& t) { t.add_int64_val(1000000); }) == 1e6f);
  BOOST_TEST(one(22, [](pb::Tensor& t) { t.add_uint32_val(7); }) == 7);
  BOOST_TEST(one(23, [](pb::Tensor& t) { t.add_uint64_val(8); }) == 8);
  for (const auto& [bits, value] :
       {std::pair{0x3c00, 1.f}, {0xc000, -2.f}, {0x0001, 5.9604645e-8f}, {0x7bff, 65504.f}, {0x0000, 0.f}})
    BOOST_TEST(one(19, [bits = bits](pb::Tensor& t) { t.add_half_val(bits); }) == value);
  BOOST_TEST(one(19, [](pb::Tensor& t) { t.set_tensor_content(std::string("\0\x3c", 2)); }) == 1);
}

BOOST_AUTO_TEST_CASE(the_last_value_stands_for_the_rest) {
  pb::PredictRequest from = request(1, {2, 2});
  input(from).add_float_val(1);
  input(from).add_float_val(2);
  BOOST_TEST(floats(from) == (std::vector<float>{1, 2, 2, 2}), boost::test_tools::per_element());
  from = request(4, {1, 4000, 4000, 3});  // not 48 MB for a few bytes
  input(from).add_int_val(1);
  refuse(from, "1 values for a shape of 48000000");
}

BOOST_AUTO_TEST_CASE(strings) {
  pb::PredictRequest from = request(7, {});
  input(from).add_string_val("x");
  BOOST_TEST(parsed(from).shape.empty());
  BOOST_TEST(std::get<std::vector<std::string>>(parsed(from).values)[0] == "x");
  input(from).set_tensor_content("y");
  refuse(from, "string_val");
  from = request(7, {100000});
  input(from).add_string_val("x");
  refuse(from, "too many");
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
  pb::PredictRequest from = request(1, {2});
  refuse(from, "0 values");
  for (int i = 0; i < 3; ++i) input(from).add_float_val(1);
  refuse(from, "3 values for a shape of 2");
  input(from).set_tensor_content("abc");
  refuse(from, "3 bytes for a shape of 2 elements of 4 bytes");
  for (const auto& shape : {std::pair{-1, 3}, {1 << 30, 1 << 30}, {1 << 20, 1 << 20}}) {
    from = request(1, {shape.first, shape.second});
    input(from).add_float_val(1);
    refuse(from, "is not taken");
  }
  from = request(8, {1});
  refuse(from, "dtype 8");
  from = request(1, {1});
  input(from).mutable_tensor_shape()->set_unknown_rank(true);
  refuse(from, "not known");
}

BOOST_AUTO_TEST_CASE(answers_are_typed) {
  odt::serve::predict_response response{.model = "m", .version = 9, .signature = "s"};
  response.outputs["scores"] = {{1, 2}, {0.5f, 0.25f}};
  pb::PredictResponse read;
  BOOST_REQUIRE(read.ParseFromString(odt::serve::serialize(response)));
  const auto& tensor = read.outputs().at("scores");
  BOOST_TEST(tensor.dtype() == 1);
  BOOST_TEST(tensor.tensor_content() == "");
  BOOST_TEST(tensor.float_val_size() == 2);
  BOOST_TEST(tensor.float_val(1) == 0.25f);
  BOOST_TEST(tensor.tensor_shape().dim(1).size() == 2);
  BOOST_TEST(read.model_spec().version().value() == 9);
  BOOST_TEST(read.model_spec().signature_name() == "s");
}

BOOST_AUTO_TEST_CASE(warm_up_logs) {
  pb::PredictionLog log;
  BOOST_TEST(!odt::serve::logged_request(log.SerializeAsString()));
  *log.mutable_predict_log()->mutable_request() = request(1, {1});
  (*log.mutable_predict_log()->mutable_request()->mutable_inputs())["inputs"].add_float_val(1);
  BOOST_TEST(odt::serve::logged_request(log.SerializeAsString())->model.name == "m");
}

BOOST_AUTO_TEST_SUITE_END()
