// SPDX-License-Identifier: MIT
// What comes from outside, broken at random: every parser answers or refuses, and takes no more than it should.
#include <odt/http/gunzip.hpp>
#include <odt/http/message.hpp>
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/serve/images.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/rest_body.hpp>
#include <odt/serve/wire.hpp>

#include <odt/serving.pb.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <functional>
#include <random>

namespace {

class breaker {
 public:
  std::string operator()(std::string text) {
    for (std::size_t times = 1 + below(6); times > 0; --times) {
      const std::size_t at = below(text.size() + 1);
      switch (below(6)) {
        case 0:
          text.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 1:
          text.erase(at, 1 + below(16));
          break;
        case 2:
          text.insert(at, text.substr(below(text.size() + 1), 1 + below(32)));
          break;
        case 3:
          text.resize(at);
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      }
    }
    return text;
  }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  std::mt19937 random_{7};
};

/// Feeds broken versions of `whole` to `parse`, which may refuse them with an error of ours and nothing else.
void feed(const std::string& whole, const std::function<void(const std::string&)>& parse, int share = 1) {
  const char* const wanted = std::getenv("ODT_FUZZ");
  const int count = (wanted ? std::atoi(wanted) : 4000) / share;
  breaker broken;
  int refused = 0;
  for (int i = 0; i < count; ++i) try {
      parse(broken(whole));
    } catch (const odt::error&) {
      ++refused;
    }
  BOOST_TEST(refused > 0);
}

odt::image gradient(int height, int width) {
  odt::image one(height, width);
  for (std::size_t i = 0; i < one.pixels.size(); ++i) one.pixels[i] = static_cast<std::uint8_t>(i * 7);
  return one;
}

void prepare(const odt::serve::tensor& input) {
  const odt::serve::image_limits small{.max_pixels = 10'000};
  for (const auto& made : prepare_images("x", input, odt::image_resizer::fixed_shape({8, 8}), {}, small))
    BOOST_REQUIRE(made.pixels.size() == 192u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(broken_bytes)

BOOST_AUTO_TEST_CASE(json) {
  feed(
      R"({"signature_name": "serving_default", "instances": [{"inputs": [[[1, 2.5e1, NaN], [4, -5, 6]]]}, {"inputs": [[[1, 2, 3], [4, 5, 6]]]}], "x": ["\u00e9\ud83d\ude00", true, null, {"b64": "Zm9v"}]})",
      [](const std::string& text) { odt::serve::parse_rest_request(text); });
}

BOOST_AUTO_TEST_CASE(targets_of_urls) {
  feed("/v1/models/a%20b/versions/3:predict?x=%41&y=+", [](const std::string& text) {
    odt::http::request asked;
    take_target(asked, text);
    for (const std::string& segment : asked.segments) BOOST_REQUIRE((segment != ".." && segment != "."));
  });
}

BOOST_AUTO_TEST_CASE(gzip) {
  const std::string hello(
      "\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\0\x80\x88\xf9\xe5\x11\0\0\0", 28);
  feed(hello, [](const std::string& bytes) { BOOST_REQUIRE(odt::http::gunzipped(bytes, 1000).size() <= 1000); });
}

BOOST_AUTO_TEST_CASE(predict_requests) {
  odt::proto::serving::PredictRequest request;
  request.mutable_model_spec()->set_name("m");
  auto& tensor = (*request.mutable_inputs())["inputs"];
  tensor.set_dtype(4);
  for (const int extent : {1, 4, 5, 3}) tensor.mutable_tensor_shape()->add_dim()->set_size(extent);
  for (int i = 0; i < 60; ++i) tensor.add_int_val(i);
  const auto parse = [](const std::string& bytes) {
    const auto asked = odt::serve::parse_predict_request(bytes);
    for (const auto& [name, input] : asked.inputs) prepare(input);
  };
  feed(request.SerializeAsString(), parse);
  tensor.clear_int_val();
  tensor.set_tensor_content(std::string(60, 'x'));
  feed(request.SerializeAsString(), parse);
  tensor.clear_tensor_content();
  tensor.set_dtype(7);
  tensor.clear_tensor_shape();
  tensor.add_string_val(odt::encode_png(gradient(5, 6)));
  feed(request.SerializeAsString(), parse);
}

BOOST_AUTO_TEST_CASE(pictures) {
  odt::example example;
  example.encoded = odt::encode_jpeg(gradient(13, 17)), example.filename = "a";
  for (const std::string& whole :
       {odt::encode_jpeg(gradient(20, 33)), odt::encode_png(gradient(20, 33)), odt::serialize_example(example)})
    feed(
        whole,
        [](const std::string& bytes) {
          prepare({{1}, std::vector<std::string>{bytes}});
        },
        2);
}

BOOST_AUTO_TEST_SUITE_END()
