// SPDX-License-Identifier: MIT
#include <odt/serve/rest_body.hpp>
#include <odt/serve/status.hpp>

#include <scratch.hpp>

using odt::serve::parse_rest_request;
using odt::test::check_error;

namespace {

std::vector<float> floats(const odt::serve::tensor& t) { return std::get<std::vector<float>>(t.values); }
std::vector<std::string> strings(const odt::serve::tensor& t) { return std::get<std::vector<std::string>>(t.values); }

}  // namespace

BOOST_AUTO_TEST_SUITE(rest_body_tests)

BOOST_AUTO_TEST_CASE(rows) {
  const auto request = parse_rest_request(R"({"instances": [[[[1, 2, 3]]], [[[4, 5, 6]]]]})");
  BOOST_TEST(request.rows);
  const auto& images = request.asked.inputs.at("inputs");
  BOOST_TEST(odt::serve::shape_text(images.shape) == "[2, 1, 1, 3]");
  BOOST_TEST(floats(images)[5] == 6);
  const auto named =
      parse_rest_request(R"({"instances": [{"input_tensor": [[[1, 2, 3]]]}, {"input_tensor": [[[4, 5, 6]]]}]})");
  BOOST_TEST(odt::serve::shape_text(named.asked.inputs.at("input_tensor").shape) == "[2, 1, 1, 3]");
  const auto bytes = parse_rest_request(R"({"instances": [{"b64": "Zm9v"}, {"b64": "YmFy"}]})");
  BOOST_TEST(strings(bytes.asked.inputs.at("inputs")) == (std::vector<std::string>{"foo", "bar"}),
             boost::test_tools::per_element());
  const auto both =
      parse_rest_request(R"({"signature_name": "tensorflow/serving/predict", "instances": [{"b64": "Zm9v"}]})");
  BOOST_TEST(strings(both.asked.inputs.at("serialized_example"))[0] == "foo");
}

BOOST_AUTO_TEST_CASE(columns) {
  const auto request = parse_rest_request(R"({"inputs": [[[[1, 2, 3]]]]})");
  BOOST_TEST(!request.rows);
  BOOST_TEST(odt::serve::shape_text(request.asked.inputs.at("inputs").shape) == "[1, 1, 1, 3]");
  const auto scalar = parse_rest_request(R"({"inputs": {"b64": "Zm9v"}})");
  BOOST_TEST(scalar.asked.inputs.at("inputs").shape.empty());
  const auto named = parse_rest_request(R"({"inputs": {"serialized_example": {"b64": "Zm9v"}, "b": [1]}})");
  BOOST_TEST(strings(named.asked.inputs.at("serialized_example"))[0] == "foo");
  BOOST_TEST(floats(named.asked.inputs.at("b"))[0] == 1);
  const auto filtered = parse_rest_request(R"({"inputs": [1], "output_filter": ["a", "b"]})");
  BOOST_TEST(filtered.asked.output_filter.size() == 2u);
}

BOOST_AUTO_TEST_CASE(bodies_that_are_refused) {
  const auto refuse = [](std::string_view body, std::string_view said) {
    check_error([&] { parse_rest_request(body); }, {said});
  };
  refuse("[]", "must be an object");
  refuse("{}", "Missing 'inputs' or 'instances' key");
  refuse(R"({"inputs": [1], "instances": [1]})", "only one of");
  refuse(R"({"signature_name": 3, "inputs": [1]})", "'signature_name' key must be a string value.");
  refuse(R"({"signature_name": "x", "inputs": [1]})", "not found in signature def");
  refuse(R"({"instances": []})", "with one at least");
  refuse(R"({"instances": {"a": 1}})", "must be a list");
  refuse(R"({"instances": "x"})", "must be a list");
  refuse(R"({"instances": [{}]})", "has no input");
  refuse(R"({"instances": [[1, 2], [3]]})", "all rows are alike");
  refuse(R"({"instances": [{"a": 1}, {"b": 1}]})", "in 1 of 2 rows");
  refuse(R"({"instances": [{"a": [[1, 2], [3]]}]})", "all of one length");
  refuse(R"({"instances": [{"a": true}]})", "neither numbers");
  refuse(R"({"instances": [{"a": {"b64": "Zm9v", "c": 1}}]})", "neither numbers");
  refuse(R"({"inputs": [null]})", "neither numbers");
}

BOOST_AUTO_TEST_CASE(answers_in_rows_and_columns) {
  odt::serve::predict_response response;
  response.outputs["a"] = {{2, 2}, {1, 2, 3, 4}};
  response.outputs["b"] = {{2}, {5, 6}};
  BOOST_TEST(
      odt::serve::rest_response(response, true) ==
      "{\n    \"predictions\": [{\"a\": [1.0,2.0], \"b\": 5.0},\n        {\"a\": [3.0,4.0], \"b\": 6.0}\n    ]\n}");
  BOOST_TEST(odt::serve::rest_response(response, false) ==
             "{\n    \"outputs\": {\"a\": [[1.0,2.0],[3.0,4.0]], \"b\": [5.0,6.0]}\n}");
  response.outputs.erase("a");
  BOOST_TEST(odt::serve::rest_response(response, true) == "{\n    \"predictions\": [5.0,\n        6.0\n    ]\n}");
  BOOST_TEST(odt::serve::rest_response(response, false) == "{\n    \"outputs\": [5.0,6.0]\n}");
}

BOOST_AUTO_TEST_SUITE_END()
