// SPDX-License-Identifier: MIT
#include <odt/serve/metrics.hpp>

#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

using odt::serve::code;
using odt::serve::histogram;
using odt::serve::metrics;

BOOST_AUTO_TEST_SUITE(metrics_tests)

BOOST_AUTO_TEST_CASE(histograms) {
  histogram h({1, 2, 4});
  BOOST_TEST(h.quantile(0.5) == 0);
  for (const double value : {0.5, 1.0, 1.5, 3.0, 9.0}) h.add(value);
  BOOST_TEST(h.counts == (std::vector<std::uint64_t>{2, 1, 1, 1}), boost::test_tools::per_element());
  BOOST_TEST(h.sum == 15);
  BOOST_TEST(h.quantile(0.5) == 2);
  BOOST_TEST(h.quantile(0.8) == 4);
  BOOST_TEST(h.quantile(1) == 4);
}

BOOST_AUTO_TEST_CASE(prometheus) {
  metrics m;
  m.request("a\"b", "REST", code::ok, 0.0003);
  m.request("a\"b", "REST", code::invalid_argument, 0.1);
  m.batch("a\"b", 3, 0.01);
  m.queue("a\"b", 7);
  m.load("a\"b", 1, true, 0.5);
  m.load("a\"b", 2, false, 0.5);
  m.available("a\"b", {1});
  const std::string text = m.text();
  for (const char* line :
       {":tensorflow:serving:request_count{model_name=\"a\\\"b\",API=\"REST\",status=\"OK\"} 1\n",
        "status=\"INVALID_ARGUMENT\"} 1\n",
        ":tensorflow:serving:request_latency_seconds_bucket{model_name=\"a\\\"b\",le=\"0.00025\"} 0\n",
        ":tensorflow:serving:request_latency_seconds_bucket{model_name=\"a\\\"b\",le=\"5e-04\"} 1\n",
        ":tensorflow:serving:request_latency_seconds_count{model_name=\"a\\\"b\"} 1\n",
        "odt_batch_images_sum{model_name=\"a\\\"b\"} 3\n", "odt_queued_images{model_name=\"a\\\"b\"} 7\n",
        "odt_model_version{model_name=\"a\\\"b\",version=\"1\"} 1\n",
        ":tensorflow:cc:saved_model:load_attempt_count{model_name=\"a\\\"b\",status=\"fail\"} 1\n",
        "# TYPE odt_batch_images histogram\n"})
    BOOST_TEST(text.find(line) != text.npos, line);
}

BOOST_AUTO_TEST_CASE(for_the_page) {
  metrics m;
  const auto none = nlohmann::json::parse(m.json());
  BOOST_TEST(none["requests"] == 0);
  m.request("a", "REST", code::ok, 0.003);
  m.request("b", "GRPC", code::unavailable, 0.003);
  m.batch("a", 5, 0.01);
  const auto some = nlohmann::json::parse(m.json());
  BOOST_TEST(some["requests"] == 1);
  BOOST_TEST(some["failed"] == 1);
  BOOST_TEST(some["images"] == 5);
  BOOST_TEST(some["p99"] == 0.004);
  BOOST_TEST(some["latency"]["counts"].size() == some["latency"]["bounds"].size() + 1);
}

BOOST_AUTO_TEST_SUITE_END()
