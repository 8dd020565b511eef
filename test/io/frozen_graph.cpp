// SPDX-License-Identifier: MIT
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>

#include <odt/graph.pb.h>

#include <io/torch_samples.hpp>
#include <scratch.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace {

using namespace odt::test;
using odt::checkpoint_reader;
using odt::element_type;

odt::proto::GraphTensor& add_constant(odt::proto::GraphDef& graph, const std::string& name, element_type type,
                                      std::initializer_list<int> shape) {
  odt::proto::NodeDef& node = *graph.add_node();
  node.set_name(name);
  node.set_op("Const");
  odt::proto::GraphTensor& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
  tensor.set_dtype(static_cast<int>(type));
  tensor.mutable_tensor_shape();
  for (const int extent : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(extent);
  return tensor;
}

void add_read(odt::proto::GraphDef& graph, const std::string& name) {
  odt::proto::NodeDef& node = *graph.add_node();
  node.set_name(name + "/read");
  node.set_op("Identity");
  node.add_input(name);
}

/// A variable of each way in which graphs hold values, and a constant that is none.
odt::proto::GraphDef frozen() {
  odt::proto::GraphDef graph;
  add_constant(graph, "conv/weights", element_type::float32, {1, 2}).set_tensor_content(floats({1, -2}));
  add_constant(graph, "conv/gamma", element_type::float32, {3}).add_float_val(0.5f);
  add_constant(graph, "global_step", element_type::int64, {}).add_int64_val(7);
  add_constant(graph, "Preprocessor/size", element_type::int32, {2}).add_int_val(300);
  for (const char* name : {"conv/weights", "conv/gamma", "global_step"}) add_read(graph, name);
  return graph;
}

void read_all(const std::string& path) {
  const checkpoint_reader reader(path);
  for (const odt::tensor_info& tensor : reader.tensors()) reader.read_raw(tensor);
}

void refuses(const std::string& bytes, std::initializer_list<std::string_view> pieces) {
  const scratch_directory scratch;
  odt::write_file(scratch / "x.pb", bytes);
  check_error([&] { read_all(scratch / "x.pb"); }, pieces);
  check_error([&] { read_all(scratch / "x.pb"); }, {scratch / "x.pb"});
}

void check_variables(const checkpoint_reader& reader) {
  BOOST_TEST((reader.format() == odt::checkpoint_format::frozen_graph));
  BOOST_TEST_REQUIRE(reader.tensors().size() == 3u);
  BOOST_TEST(describe(reader.at("conv/weights")) == "float32 [1,2]");
  BOOST_TEST((reader.read<float>("conv/weights") == std::vector<float>{1, -2}));
  BOOST_TEST((reader.read<float>("conv/gamma") == std::vector<float>{0.5f, 0.5f, 0.5f}));
  BOOST_TEST(reader.read<std::int64_t>("global_step").at(0) == 7);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frozen_graph_tests)

BOOST_AUTO_TEST_CASE(constants_that_are_read_are_variables) {
  const scratch_directory scratch;
  odt::write_file(scratch / "frozen_inference_graph.pb", frozen().SerializeAsString());
  check_variables(checkpoint_reader(scratch / "frozen_inference_graph.pb"));
  check_variables(checkpoint_reader(scratch.path()));
}

BOOST_AUTO_TEST_CASE(a_saved_model_holds_a_graph) {
  const scratch_directory scratch;
  odt::proto::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs()->mutable_graph_def() = frozen();
  odt::make_directories(scratch / "saved_model");
  odt::write_file(scratch / "saved_model/saved_model.pb", saved.SerializeAsString());
  check_variables(checkpoint_reader(scratch / "saved_model"));
  check_variables(checkpoint_reader(scratch.path()));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_goes_before_the_graph_beside_it) {
  const scratch_directory scratch;
  odt::checkpoint_writer writer(scratch / "model.ckpt");
  writer.add("x", 1.f);
  writer.commit();
  odt::write_file(scratch / "frozen_inference_graph.pb", frozen().SerializeAsString());
  BOOST_TEST(odt::checkpoint_prefix(scratch.path()) == scratch / "model.ckpt");
}

BOOST_AUTO_TEST_CASE(what_is_no_frozen_graph_is_refused) {
  const std::string whole = frozen().SerializeAsString();
  refuses(whole.substr(0, whole.size() - 3), {"is no graph of TensorFlow, or is cut short"});
  refuses("node { name: \"x\" }", {"is no graph of TensorFlow"});
  odt::proto::GraphDef graph;
  add_constant(graph, "x", element_type::float32, {}).add_float_val(1);
  refuses(graph.SerializeAsString(), {"holds no variables", "it has 1 nodes"});
  odt::proto::SavedModel empty;
  empty.set_saved_model_schema_version(1);
  refuses(empty.SerializeAsString(), {"holds no graph"});
}

BOOST_AUTO_TEST_CASE(values_that_do_not_fit_are_refused) {
  const auto refuses_variable = [](const auto& change, std::initializer_list<std::string_view> pieces) {
    odt::proto::GraphDef graph;
    change(add_constant(graph, "x", element_type::float32, {2}));
    add_read(graph, "x");
    refuses(graph.SerializeAsString(), pieces);
  };
  using tensor = odt::proto::GraphTensor;
  refuses_variable([](tensor& t) { t.set_tensor_content(floats({1})); }, {"\"x\" is float32 [2], 8 bytes; it has 4"});
  refuses_variable([](tensor&) {}, {"\"x\" is float32 [2], 2 values; it has 0"});
  refuses_variable(
      [](tensor& t) {
        for (int i = 0; i < 3; ++i) t.add_float_val(1);
      },
      {"2 values; it has 3"});
  refuses_variable([](tensor& t) { t.mutable_tensor_shape()->mutable_dim(0)->set_size(-1); }, {"extent of -1"});
  refuses_variable([](tensor& t) { t.set_dtype(static_cast<int>(element_type::string)); }, {"\"x\"", "string"});
}

BOOST_AUTO_TEST_SUITE_END()
