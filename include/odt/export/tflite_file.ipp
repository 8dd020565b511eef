// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a TFLite graph as a file, a FlatBuffer of TFLite's schema, version 3. Fields of
// its tables are called by their numbers.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/tflite_graph.ipp>

#include <string>
#include <string_view>

#if defined(ODT_HAS_FLATBUFFERS)
#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/flexbuffers.h>

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>
#endif

namespace odt::detail::tflite {

#if defined(ODT_HAS_FLATBUFFERS)

class file_writer {
 public:
  explicit file_writer(const graph_builder& graph) : graph_(graph) {}

  std::string write(std::string_view description) {
    std::vector<table> buffers{buffer({})};  // the first is that of all tensors without values
    std::vector<table> tensors, operations;
    for (const tensor_entry& t : graph_.tensors()) {
      tensors.push_back(tensor(t, t.constant.empty() ? 0 : static_cast<std::uint32_t>(buffers.size())));
      if (!t.constant.empty()) buffers.push_back(buffer(t.constant));
    }
    for (const operation& o : graph_.operations()) operations.push_back(written(o));
    const auto every_tensor = b_.CreateVector(tensors), every_operation = b_.CreateVector(operations);
    const auto inputs = b_.CreateVector(graph_.inputs()), outputs = b_.CreateVector(graph_.outputs());
    const auto name = b_.CreateString("main");
    const table subgraph = make([&] {
      b_.AddOffset(at(0), every_tensor);
      b_.AddOffset(at(1), inputs);
      b_.AddOffset(at(2), outputs);
      b_.AddOffset(at(3), every_operation);
      b_.AddOffset(at(4), name);
    });
    const auto codes = b_.CreateVector(codes_), subgraphs = b_.CreateVector(std::vector{subgraph}),
               every_buffer = b_.CreateVector(buffers);
    const auto words = b_.CreateString(description.data(), description.size());
    const table model = make([&] {
      b_.AddElement<std::uint32_t>(at(0), schema_version, 0);
      b_.AddOffset(at(1), codes);
      b_.AddOffset(at(2), subgraphs);
      b_.AddOffset(at(3), words);
      b_.AddOffset(at(4), every_buffer);
    });
    b_.Finish(model, "TFL3");
    return {reinterpret_cast<const char*>(b_.GetBufferPointer()), b_.GetSize()};
  }

 private:
  using table = flatbuffers::Offset<flatbuffers::Table>;
  static constexpr std::uint32_t schema_version = 3;

  /// Where a table keeps its field of that number.
  static flatbuffers::voffset_t at(int field) {
    return flatbuffers::FieldIndexToOffset(static_cast<flatbuffers::voffset_t>(field));
  }

  template <class Fields>
  table make(Fields&& fields) {
    const auto start = b_.StartTable();
    fields();
    return table(b_.EndTable(start));
  }

  auto bytes(std::string_view of) {
    return b_.CreateVector(reinterpret_cast<const std::uint8_t*>(of.data()), of.size());
  }

  /// Values lie at multiples of 16 bytes, so that they are read where the file is mapped.
  table buffer(std::string_view values) {
    if (values.empty()) return make([] {});
    b_.ForceVectorAlignment(values.size(), 1, 16);
    const auto data = bytes(values);
    return make([&] { b_.AddOffset(at(0), data); });
  }

  table tensor(const tensor_entry& t, std::uint32_t buffer_number) {
    const auto shape = b_.CreateVector(t.shape);
    const auto name = b_.CreateString(t.name);
    return make([&] {
      b_.AddOffset(at(0), shape);
      b_.AddElement<std::int8_t>(at(1), static_cast<std::int8_t>(t.type), 0);
      b_.AddElement<std::uint32_t>(at(2), buffer_number, 0);
      b_.AddOffset(at(3), name);
    });
  }

  table options_of(const operation& o) {
    return make([&] {
      for (const option& field : o.options)
        std::visit([&]<class T>(T value) { b_.AddElement<T>(at(field.field), value, T{}); }, field.value);
    });
  }

  static std::string encoded(const std::vector<attribute>& attributes) {
    flexbuffers::Builder f;
    f.Map([&] {
      for (const auto& [name, value] : attributes) {
        f.Key(name);
        std::visit([&f](auto v) { f.Add(v); }, value);
      }
    });
    f.Finish();
    return {f.GetBuffer().begin(), f.GetBuffer().end()};
  }

  /// The number of an operation's kind, which the first of it makes.
  std::uint32_t code_of(const operation& o) {
    const auto [place, is_new] = code_numbers_.try_emplace({o.what.code, o.name, o.version}, code_numbers_.size());
    if (is_new) {
      const auto name = o.name.empty() ? flatbuffers::Offset<flatbuffers::String>{} : b_.CreateString(o.name);
      constexpr std::int32_t most = 127;  // of the field that older programs read
      codes_.push_back(make([&] {
        b_.AddElement<std::int8_t>(at(0), static_cast<std::int8_t>(std::min(o.what.code, most)), 0);
        if (!o.name.empty()) b_.AddOffset(at(1), name);
        b_.AddElement<std::int32_t>(at(2), o.version, 1);
        b_.AddElement<std::int32_t>(at(3), o.what.code, 0);
      }));
    }
    return static_cast<std::uint32_t>(place->second);
  }

  table written(const operation& o) {
    const std::uint32_t code = code_of(o);
    const auto inputs = b_.CreateVector(o.inputs), outputs = b_.CreateVector(o.outputs);
    const table options = o.what.table ? options_of(o) : table{};
    const auto attributes = o.attributes.empty() ? decltype(bytes("")){} : bytes(encoded(o.attributes));
    return make([&] {
      b_.AddElement<std::uint32_t>(at(0), code, 0);
      b_.AddOffset(at(1), inputs);
      b_.AddOffset(at(2), outputs);
      b_.AddElement<std::uint8_t>(at(3), o.what.table, 0);
      b_.AddOffset(at(4), options);
      b_.AddOffset(at(5), attributes);
    });
  }

  const graph_builder& graph_;
  flatbuffers::FlatBufferBuilder b_;
  std::vector<table> codes_;
  std::map<std::tuple<std::int32_t, std::string, int>, std::size_t> code_numbers_;
};

/// The bytes of a .tflite file.
ODT_INLINE std::string file_of(const graph_builder& graph, std::string_view description) {
  return file_writer(graph).write(description);
}

#else

ODT_INLINE std::string file_of(const graph_builder&, std::string_view) {
  fail("this odt was compiled without FlatBuffers, which .tflite files are made of: install libflatbuffers-dev (its ",
       "headers), and build it again");
}

#endif

}  // namespace odt::detail::tflite
