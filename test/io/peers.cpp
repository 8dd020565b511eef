// SPDX-License-Identifier: MIT
// Writes one file of each format for test/peers/check_formats.py, which has TensorFlow read them. Only that script runs
// it.
#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdlib>

namespace {

odt::image picture() {
  odt::image made(12, 16);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 16; ++x) {
      made.at(y, x)[0] = static_cast<std::uint8_t>(16 * x);
      made.at(y, x)[1] = static_cast<std::uint8_t>(20 * y);
      made.at(y, x)[2] = 77;
    }
  return made;
}

std::string an_example(int number) {
  odt::example e;
  e.encoded = number % 2 ? odt::encode_jpeg(picture()) : odt::encode_png(picture());
  e.format = number % 2 ? "jpeg" : "png";
  e.source_id = std::to_string(number);
  e.height = 12, e.width = 16;
  for (int i = 0; i < number; ++i) {
    odt::labelled_object object;
    object.bounds = {0.125f, 0.25f, 0.5f, 0.75f};
    object.label = i + 1;
    object.text = "caf\xc3\xa9";
    object.difficult = true;
    e.objects.push_back(object);
  }
  return odt::serialize_example(e);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(peers_tests, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(files_for_tensorflow) {
  const char* const folder = std::getenv("ODT_PEER_FILES");
  BOOST_REQUIRE(folder);
  using odt::record_compression;
  for (const auto& [name, compression] : {std::pair{"plain", record_compression::none},
                                          {"gzip", record_compression::gzip},
                                          {"zlib", record_compression::zlib}}) {
    odt::record_writer writer(odt::join_path(folder, name), compression);
    for (int number = 0; number < 4; ++number) writer.write(an_example(number));
    writer.commit();
  }
  odt::checkpoint_keeper keeper(odt::join_path(folder, "model"), {.keep = 2});
  for (const std::int64_t step : {1, 2, 3}) {
    std::array<float, 24> values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(step) + 0.1f * static_cast<float>(i);
    odt::checkpoint_writer writer(keeper.prefix(step));
    writer.add<float>("FeatureExtractor/Conv/weights", std::array<std::int64_t, 4>{1, 2, 3, 4}, values);
    writer.add("global_step", step);
    writer.add("double", 0.1);
    for (int i = 0; i < 5000; ++i) writer.add(odt::str("a/name/long/enough/for/several/blocks/", i), std::int32_t{i});
    writer.commit();
    keeper.saved(keeper.prefix(step));
  }
  keeper.offer_best(keeper.prefix(3), {"DetectionBoxes_Precision/mAP", 0.5});
  odt::event_writer events(odt::join_path(folder, "model"));
  for (int step = 1; step <= 3; ++step) events.scalar("Loss/total_loss", 0.25f * static_cast<float>(step), step);
  events.image("Detections_Left_Groundtruth_Right/0/0", picture(), 3);
  events.text("pipeline_config", "num_classes: 3", 0);
  events.histogram("ModelVars/weights", std::array{-2.5f, -1e-13f, 0.f, 0.f, 1e-12f, 0.1f, 0.11f, 7e21f}, 3);
  events.graph(
      "\n\t\n\x01"
      "a\x12\x04NoOp");  // node { name: "a" op: "NoOp" }
  events.flush();
}

BOOST_AUTO_TEST_SUITE_END()
