// SPDX-License-Identifier: MIT
#include <odt/cli/checkpoint_tools.hpp>

#include "train/toy_detector.hpp"

#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>
#include <odt/train/restore.hpp>

#include <io/table_samples.hpp>
#include <io/torch_samples.hpp>
#include <io/torchvision_samples.hpp>
#include <nlohmann/json.hpp>
#include <scratch.hpp>

#include <array>
#include <cmath>

namespace {

using namespace odt::test;
using odt::checkpoint_reader;

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

struct named_values {
  std::string name;
  std::vector<float> values;
};

void write(const std::string& prefix, const std::vector<named_values>& tensors, std::int64_t step = 0) {
  odt::checkpoint_writer writer(prefix);
  for (const auto& [name, values] : tensors)
    writer.add<float>(name, std::array{std::ssize(values)}, std::span<const float>(values));
  writer.add<std::int64_t>("global_step", step);
  writer.commit();
}

odt::checkpoint_difference diff(const std::string& a, const std::string& b, double tolerance = 0) {
  return odt::compare_checkpoints(checkpoint_reader(a), checkpoint_reader(b), tolerance);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_tools_tests)

BOOST_AUTO_TEST_CASE(tensors_of_all_formats_are_listed) {
  const scratch_directory at;
  write(at / "v2", {{"a/weights", {1, 2, 6}}}, 12);
  odt::write_file(at / "v1.ckpt", v1_checkpoint({{"a/weights", {1, 2, 6}}}));
  odt::write_file(at / "x.pth", torch_vector({1, 2, 6}));
  odt::convert_checkpoint(checkpoint_reader(at / "v2"), at / "x.safetensors");
  for (const char* name : {"v2", "v1.ckpt", "x.pth", "x.safetensors"}) {
    const std::string text = odt::list_tensors(checkpoint_reader(at / name));
    BOOST_TEST(contains(text, at / name));
    BOOST_TEST(contains(text, "float32 [3]"));
    BOOST_TEST(contains(text, "12 bytes"));
    BOOST_TEST(contains(text, "mean 3, deviation 2.16, 1 to 6\n"));
  }
  const std::string v2 = odt::list_tensors(checkpoint_reader(at / "v2"));
  BOOST_TEST(contains(v2, "TensorFlow V2: 2 tensors, 20 bytes\n"));
  BOOST_TEST(contains(v2, "global_step  int64 []"));
}

BOOST_AUTO_TEST_CASE(json_has_the_same) {
  const scratch_directory at;
  write(at / "v2", {{"a", {1, 2, 6, NAN}}}, 12);
  const auto list = nlohmann::json::parse(odt::list_tensors_json(checkpoint_reader(at / "v2")));
  BOOST_TEST(list["checkpoint"] == at / "v2");
  BOOST_TEST_REQUIRE(list["tensors"].size() == 2u);
  const auto& a = list["tensors"][0];
  BOOST_TEST(a["name"] == "a");
  BOOST_TEST(a["type"] == "float32");
  BOOST_TEST((a["shape"] == nlohmann::json{4}));
  BOOST_TEST(a["bytes"] == 16);
  BOOST_TEST(a["mean"] == 3.0);
  BOOST_TEST(a["min"] == 1.0);
  BOOST_TEST(a["max"] == 6.0);
  BOOST_TEST(a["not_finite"] == 1);
}

BOOST_AUTO_TEST_CASE(differences_are_told_tensor_by_tensor) {
  const scratch_directory at;
  write(at / "a", {{"gone", {1}}, {"longer", {1}}, {"moved", {1, 2, 3}}, {"same", {4, NAN}}}, 5);
  write(at / "b", {{"come", {1}}, {"longer", {1, 2}}, {"moved", {1.25f, 2, 2.5f}}, {"same", {4, NAN}}}, 5);
  BOOST_TEST(diff(at / "a", at / "a").equal);
  BOOST_TEST(diff(at / "a", at / "a").text == "5 tensors are equal\n");
  const auto found = diff(at / "a", at / "b");
  BOOST_TEST(!found.equal);
  BOOST_TEST(contains(found.text, "only in " + (at / "a") + " (1)\n  gone  float32 [1]\n"));
  BOOST_TEST(contains(found.text, "only in " + (at / "b") + " (1)\n  come  float32 [1]\n"));
  BOOST_TEST(contains(found.text, "longer  float32 [1] and float32 [2]\n"));
  BOOST_TEST(contains(found.text, "moved  largest difference 0.5: 3 and 2.5 at element 2; 2 values of 3 differ\n"));
  BOOST_TEST(contains(found.text, "2 tensors are equal\n"));
  BOOST_TEST(contains(diff(at / "a", at / "b", 0.3).text, "1 value of 3 differs\n"));
  write(at / "c", {{"moved", {1, NAN, 3}}}, 6);
  write(at / "d", {{"moved", {1, 2, 3}}}, 5);
  const std::string odd = diff(at / "c", at / "d", 0.5).text;
  BOOST_TEST(contains(odd, "moved  largest difference inf: nan and 2 at element 1"));
  BOOST_TEST(contains(odd, "global_step  largest difference 1: 6 and 5; 1 value differs\n"));
}

BOOST_AUTO_TEST_CASE(integers_beyond_doubles_are_compared_exactly) {
  const scratch_directory at;
  for (const std::int64_t more : {0, 1}) {
    odt::checkpoint_writer writer(at / (more ? "b" : "a"));
    writer.add<std::int64_t>("n", (std::int64_t{1} << 60) + more);
    writer.commit();
  }
  BOOST_TEST(!diff(at / "a", at / "b").equal);
}

BOOST_AUTO_TEST_CASE(weights_go_from_format_to_format) {
  const scratch_directory at;
  odt::write_file(at / "v1.ckpt", v1_checkpoint({{"a/weights", {1, 2, 6}}}));
  odt::convert_checkpoint(checkpoint_reader(at / "v1.ckpt"), at / "v2.ckpt");
  odt::convert_checkpoint(checkpoint_reader(at / "v2.ckpt"), at / "x.safetensors");
  odt::convert_checkpoint(checkpoint_reader(at / "x.safetensors"), at / "again.ckpt");
  BOOST_TEST(diff(at / "v1.ckpt", at / "again.ckpt").equal);
  BOOST_TEST((checkpoint_reader(at / "again.ckpt").format() == odt::checkpoint_format::tensor_bundle));
}

BOOST_AUTO_TEST_CASE(torchvisions_networks_get_the_names_of_the_api) {
  const scratch_directory at;
  odt::convert_checkpoint(reader_of(mobilenet_v2_tensors()), at / "torch.safetensors");
  const auto stored = odt::open_checkpoint(at / "torch.safetensors", odt::tensor_naming::stored);
  BOOST_TEST(stored.find("features.0.0.weight"));
  odt::convert_checkpoint(odt::open_checkpoint(at / "torch.safetensors", odt::tensor_naming::api), at / "slim.ckpt");
  odt::convert_checkpoint(odt::open_checkpoint(at / "torch.safetensors", odt::tensor_naming::api, 0.03),
                          at / "wide.ckpt");
  const checkpoint_reader slim(at / "slim.ckpt"), wide(at / "wide.ckpt");
  const std::string gamma = "MobilenetV2/Conv_1/BatchNorm/gamma";
  const double variance = double{made_tensors::value("features.18.1.running_var", 0)};
  BOOST_TEST(double{wide.read<float>(gamma)[0] / slim.read<float>(gamma)[0]} ==
                 std::sqrt((variance + 0.03) / (variance + 0.001)),
             boost::test_tools::tolerance(1e-5));
  BOOST_TEST(!slim.find("features.0.0.weight"));
}

BOOST_AUTO_TEST_CASE(a_mean_is_of_floats_and_the_rest_of_the_newest) {
  const scratch_directory at;
  toy_detector one(1), two(2), three(3), read(4);
  int step = 30;
  for (toy_detector* model : {&two, &one, &three}) {
    model->set_global_step(step);
    odt::save_checkpoint(
        *model, {.seed = 7, .samples_seen = std::uint64_t(2 * step), .data_fingerprint = 0, .config = "model { }"},
        at / odt::str("model.ckpt-", step));
    step += 10;
  }
  const auto newest = odt::newest_checkpoints(at.path(), 2);
  BOOST_TEST((newest == std::vector{at / "model.ckpt-40", at / "model.ckpt-50"}));
  check_error([&] { odt::newest_checkpoints(at.path(), 4); }, {at.path(), "there are 3 checkpoints", "not 4"});
  odt::average_checkpoints({at / "model.ckpt-50", at / "model.ckpt-40", at / "model.ckpt-30"}, at / "mean");
  const auto run = odt::resume_checkpoint(read, checkpoint_reader(at / "mean"), {});
  BOOST_TEST(read.global_step() == 50);
  BOOST_TEST(run.samples_seen == 100u);
  BOOST_TEST(run.config == "model { }");
  for (std::size_t i = 0; i < 4; ++i) {
    const double sum = double{one.weights()[i]} + double{two.weights()[i]} + double{three.weights()[i]};
    BOOST_TEST(read.weights()[i] == static_cast<float>(sum / 3), boost::test_tools::tolerance(1e-7f));
  }
}

BOOST_AUTO_TEST_CASE(means_leave_out_what_was_best_and_refuse_what_is_not_alike) {
  const scratch_directory at;
  write(at / "a", {{"odt/best/mAP", {1}}, {"x", {1, 2}}}, 1);
  write(at / "b", {{"x", {3, 5}}}, 2);
  odt::average_checkpoints({at / "a", at / "b"}, at / "mean");
  const checkpoint_reader mean(at / "mean");
  BOOST_TEST(mean.tensors().size() == 2u);
  BOOST_TEST((mean.read<float>("x") == std::vector<float>{2, 3.5f}));
  odt::average_checkpoints({at / "b", at / "a"}, at / "mean");
  BOOST_TEST(!checkpoint_reader(at / "mean").find("odt/best/mAP"));
  write(at / "longer", {{"x", {3, 5, 6}}}, 3);
  check_error(
      [&] {
        odt::average_checkpoints({at / "a", at / "longer"}, at / "no");
      },
      {at / "a", "\"x\" is float32 [2]", at / "longer", "it is float32 [3]"});
  write(at / "more", {{"x", {3, 5}}, {"y", {3}}}, 0);
  check_error([&] { odt::average_checkpoints({at / "a", at / "more"}, at / "no"); }, {at / "a", "\"y\" is missing"});
  write(at / "nan", {{"x", {3, NAN}}}, 3);
  check_error(
      [&] {
        odt::average_checkpoints({at / "a", at / "nan"}, at / "no");
      },
      {at / "nan", "\"x\" has a value that is not finite"});
  check_error([&] { odt::average_checkpoints({at / "a"}, at / "no"); }, {"two checkpoints or more"});
  check_error([&] { odt::average_checkpoints({at / "a", at / "b"}, at / "no.safetensors"); }, {"no.safetensors"});
  BOOST_TEST(!odt::file_exists(at / "no.index"));
}

BOOST_AUTO_TEST_SUITE_END()
