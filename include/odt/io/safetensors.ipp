// SPDX-License-Identifier: MIT
// Reads .safetensors: the length of a header, the header (JSON: of each tensor its type, shape and place), the values.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/little_endian.ipp>
#include <odt/io/safetensors.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace odt::detail::safetensors {

struct type_name {
  std::string_view name;
  element_type type;
};

inline constexpr type_name type_names[] = {
    {"F64", element_type::float64},  {"F32", element_type::float32},   {"F16", element_type::float16},
    {"I64", element_type::int64},    {"I32", element_type::int32},     {"I16", element_type::int16},
    {"I8", element_type::int8},      {"BF16", element_type::bfloat16}, {"U8", element_type::uint8},
    {"BOOL", element_type::boolean},
};

/// Nothing for a type that checkpoints do not have.
ODT_INLINE std::optional<element_type> type_of(std::string_view name) {
  const auto found = std::ranges::find(type_names, name, &type_name::name);
  return found == std::end(type_names) ? std::nullopt : std::optional(found->type);
}

/// Tensors in the order of their values: large elements first, so that all are aligned.
ODT_INLINE std::vector<tensor_info> aligned(std::vector<tensor_info> tensors) {
  std::ranges::stable_sort(tensors, std::greater(), [](const tensor_info& t) { return element_size(t.type); });
  return tensors;
}

ODT_INLINE std::string header_of(const std::string& path, const std::vector<tensor_info>& tensors) {
  nlohmann::ordered_json header{{"__metadata__", {{"format", "tf"}}}};
  std::uint64_t at = 0;
  for (const tensor_info& tensor : tensors) {
    const auto type = std::ranges::find(type_names, tensor.type, &type_name::type);
    if (type == std::end(type_names))
      fail(path, ": cannot hold \"", tensor.name, "\", ", describe(tensor), ": .safetensors have no such type");
    header[tensor.name] = {{"dtype", type->name}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.bytes}}};
    at += tensor.bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace odt::detail::safetensors

namespace odt::detail {

/// The header is read at once, values when they are asked for.
class safetensors_file : public checkpoint_source {
 public:
  explicit safetensors_file(std::shared_ptr<const input_file> file) : file_(std::move(file)), bytes_(file_->size()) {
    const nlohmann::json header = parse(read_header());
    if (!header.is_object()) fail_header("is no object");
    for (const auto& [name, entry] : header.items())
      if (name != "__metadata__") add(name, entry);
    check_places();
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  bool has_values() const override { return true; }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    file_->read_at(tensor.offset, {reinterpret_cast<char*>(out.data()), out.size()});
  }

 private:
  template <class... Why>
  [[noreturn]] void fail_header(const Why&... why) const {
    fail(file_->path(), ": the header of a .safetensors file ", why...);
  }

  std::string read_header() {
    std::array<char, 8> length{};
    if (bytes_ < length.size()) fail_header("is cut short: the file has ", bytes_, " bytes");
    file_->read_at(0, length);
    const std::uint64_t size = u64({length.data(), length.size()}, 0);
    if (size > most_header_bytes) fail_header("would have ", size, " bytes: no such file");
    if (size > bytes_ - length.size()) fail_header("is cut short: ", size, " bytes from byte 8, the file has ", bytes_);
    values_ = length.size() + size;
    std::string text(size, '\0');
    file_->read_at(length.size(), text);
    return text;
  }

  nlohmann::json parse(const std::string& text) const {
    std::set<std::string> names;
    try {
      return nlohmann::json::parse(text, [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& key) {
        if (depth > 3) fail_header("is nested too deep");
        if (depth == 1 && event == nlohmann::json::parse_event_t::key && !names.insert(key.get<std::string>()).second)
          fail_header("lists \"", key.get<std::string>(), "\" twice");
        return true;
      });
    } catch (const nlohmann::json::exception& wrong) {
      fail_header("is no JSON: ", wrong.what());
    }
  }

  void add(const std::string& name, const nlohmann::json& entry) {
    tensor_info tensor{.name = name};
    try {
      const auto& type = entry.at("dtype").get_ref<const std::string&>();
      if (const auto known = safetensors::type_of(type))
        tensor.type = *known;
      else
        fail_header("says of \"", name, "\" the type ", type, ", which is not read");
      std::uint64_t bytes = element_size(tensor.type);
      for (const auto& extent : entry.at("shape")) {
        const auto length = unsigned_of(extent, name);
        if (__builtin_mul_overflow(bytes, length, &bytes)) fail_header("says of \"", name, "\" too large a shape");
        tensor.shape.push_back(static_cast<std::int64_t>(length));
      }
      const auto begin = unsigned_of(entry.at("data_offsets").at(0), name);
      const auto end = unsigned_of(entry.at("data_offsets").at(1), name);
      if (end < begin || end - begin != bytes)
        fail_header("says of \"", name, "\", ", describe(tensor), ", that it lies from byte ", begin, " to ", end);
      tensor.bytes = bytes;
      tensor.offset = values_ + begin;
      if (tensor.offset < begin || tensor.offset > bytes_ || bytes > bytes_ - tensor.offset)
        fail(file_->path(), ": cut short: \"", name, "\" takes ", bytes, " bytes from byte ", tensor.offset,
             ", the file has ", bytes_);
    } catch (const nlohmann::json::exception& wrong) {
      fail_header("says nothing usable of \"", name, "\": ", wrong.what());
    }
    tensors_.push_back(std::move(tensor));
  }

  std::uint64_t unsigned_of(const nlohmann::json& number, const std::string& name) const {
    if (!number.is_number_unsigned() ||
        number.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      fail_header("says of \"", name, "\" the size or place ", number.dump());
    return number.get<std::uint64_t>();
  }

  /// Values lie one behind the other, without holes, up to the end of the file.
  void check_places() {
    std::ranges::sort(tensors_, {}, [](const tensor_info& t) { return std::pair(t.offset, t.bytes); });
    std::uint64_t at = values_;
    for (const tensor_info& tensor : tensors_) {
      if (tensor.offset != at)
        fail(file_->path(), ": damaged: \"", tensor.name, "\" begins at byte ", tensor.offset, " instead of ", at);
      at += tensor.bytes;
    }
    if (at != bytes_) fail(file_->path(), ": damaged: its tensors end at byte ", at, ", the file has ", bytes_);
  }

  std::shared_ptr<const input_file> file_;
  std::uint64_t bytes_, values_ = 0;
};

ODT_INLINE std::shared_ptr<const checkpoint_source> open_safetensors(const checkpoint_files& files) {
  return std::make_shared<const safetensors_file>(files.open(""));
}

}  // namespace odt::detail

namespace odt {

ODT_INLINE void write_safetensors(const std::string& path, const checkpoint_reader& from) {
  const auto tensors = detail::safetensors::aligned(from.tensors());
  const std::string header = detail::safetensors::header_of(path, tensors);
  atomic_writer file(path);
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
  file.write(length);
  file.write(header);
  for (const tensor_info& tensor : tensors) file.write(from.read_raw(tensor));
  file.commit();
}

}  // namespace odt
