// SPDX-License-Identifier: MIT
// The tensors of PyTorch's pickles: what they are called, and where their values lie.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/pickle.ipp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail {

namespace torch {

struct storage_name {
  std::string_view global;
  element_type type;
};

inline constexpr storage_name storage_names[] = {
    {"torch FloatStorage", element_type::float32}, {"torch DoubleStorage", element_type::float64},
    {"torch HalfStorage", element_type::float16},  {"torch BFloat16Storage", element_type::bfloat16},
    {"torch LongStorage", element_type::int64},    {"torch IntStorage", element_type::int32},
    {"torch ShortStorage", element_type::int16},   {"torch CharStorage", element_type::int8},
    {"torch ByteStorage", element_type::uint8},    {"torch BoolStorage", element_type::boolean},
};

inline constexpr std::string_view tensor_makers[] = {"torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"};
inline constexpr std::string_view parameter_makers[] = {"torch._utils _rebuild_parameter",
                                                        "torch.nn.parameter Parameter"};

ODT_INLINE std::optional<element_type> type_of(std::string_view global) {
  const auto found = std::ranges::find(storage_names, global, &storage_name::global);
  return found == std::end(storage_names) ? std::nullopt : std::optional(found->type);
}

ODT_INLINE bool is_expected(std::string_view global) {
  return global == ordered_dictionary || type_of(global) ||
         std::ranges::find(tensor_makers, global) != std::end(tensor_makers) ||
         std::ranges::find(parameter_makers, global) != std::end(parameter_makers);
}

/// The elements that tensors are views of.
struct storage {
  element_type type = element_type::float32;
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  ///< in the file; not used of an archive

  std::uint64_t bytes() const { return elements * element_size(type); }
};

/// Where the elements of a tensor lie.
struct view {
  std::string key;  ///< of the storage
  std::uint64_t first = 0;
  std::vector<std::uint64_t> strides{};
};

/// The tensors of a pickle: what they are called, and where their values lie.
class pickled_tensors {
 public:
  pickled_tensors(std::string path, const pickle& from) : path_(std::move(path)) {
    for (const pickled& value : from.all())
      if (value.is(kind::persistent)) add_storage(*value.parts[0]);
    collect(from.top(), "", 0);
  }

  std::map<std::string, storage> storages;  ///< by key
  std::map<std::string, view> views;        ///< by the tensor's name
  std::vector<tensor_info> tensors;

 private:
  using kind = pickled::kind;

  template <class... Why>
  [[noreturn]] void fail_damaged(const Why&... why) const {
    fail(path_, ": damaged: ", why...);
  }

  std::uint64_t count(const pickled& value) const {
    if (!value.is(kind::integer) || value.integer < 0) fail_damaged("a size or place in its pickle is no such number");
    return static_cast<std::uint64_t>(value.integer);
  }

  static std::string key_of(const pickled& value) { return value.is(kind::integer) ? str(value.integer) : value.text; }

  /// ("storage", type, key, device, elements), and of the old form a part of another.
  void add_storage(const pickled& id) {
    if (!id.is(kind::tuple) || id.parts.size() < 5 || id.parts[0]->text != "storage")
      fail_damaged("a reference in its pickle is to no storage");
    const auto type = type_of(id.parts[1]->text);
    if (!type) fail_damaged("a storage is of no known type");
    const storage found{*type, count(*id.parts[4])};
    if (found.elements > (std::uint64_t{1} << 40)) fail_damaged("a storage of ", found.elements, " elements");
    const auto [at, fresh] = storages.try_emplace(key_of(*id.parts[2]), found);
    if (!fresh && (at->second.type != found.type || at->second.elements != found.elements))
      fail_damaged("storage ", at->first, " has two types or sizes");
  }

  void collect(const pickled& value, const std::string& name, int depth) {
    if (depth > 32) fail_damaged("its dictionaries lie one in another, more than 32 of them");
    if (++visited_ > 1000000) fail_damaged("its dictionaries repeat each other more than a million times");
    if (value.is(kind::dictionary) || value.calls(ordered_dictionary)) return collect_dictionary(value, name, depth);
    if (value.is(kind::list) || value.is(kind::tuple)) {
      for (std::size_t i = 0; i < value.parts.size(); ++i) collect(*value.parts[i], below(name, str(i)), depth + 1);
      return;
    }
    if (!value.is(kind::call)) return;
    const pickled& arguments = *value.parts[1];
    if (std::ranges::find(tensor_makers, value.parts[0]->text) != std::end(tensor_makers))
      return add_tensor(name, arguments);
    if (std::ranges::find(parameter_makers, value.parts[0]->text) == std::end(parameter_makers)) return;
    if (arguments.parts.empty()) fail_damaged("parameter \"", name, "\" has no tensor");
    collect(*arguments.parts[0], name, depth + 1);
  }

  void collect_dictionary(const pickled& dictionary, const std::string& name, int depth) {
    if (dictionary.is(kind::call) && !dictionary.parts[1]->parts.empty())  // made of a list of pairs
      for (const pickled* pair : dictionary.parts[1]->parts[0]->parts)
        if (pair->parts.size() == 2) collect(*pair->parts[1], below(name, key_of(*pair->parts[0])), depth + 1);
    for (std::size_t i = 0; i < dictionary.pairs.size(); i += 2)
      collect(*dictionary.pairs[i + 1], below(name, key_of(*dictionary.pairs[i])), depth + 1);
  }

  static std::string below(const std::string& name, const std::string& key) {
    return name.empty() ? key : str(name, ".", key);
  }

  /// (storage, first element, shape, strides, ...)
  void add_tensor(const std::string& name, const pickled& arguments) {
    if (name.empty()) fail(path_, ": holds a tensor without a name; a dictionary of tensors is read");
    const auto& parts = arguments.parts;
    if (parts.size() < 4 || !parts[0]->is(kind::persistent) || parts[2]->parts.size() != parts[3]->parts.size())
      fail_damaged("\"", name, "\" is no tensor");
    const auto& id = parts[0]->parts[0]->parts;
    view where{key_of(*id[2]), count(*parts[1])};
    if (id.size() > 5 && id[5]->parts.size() == 3) where.first += count(*id[5]->parts[1]);
    const storage& from = storages.at(where.key);
    tensor_info tensor{.name = name, .type = from.type};
    for (const pickled* extent : parts[2]->parts) tensor.shape.push_back(static_cast<std::int64_t>(count(*extent)));
    for (const pickled* stride : parts[3]->parts) where.strides.push_back(count(*stride));
    check(tensor, where, from);
    tensor.bytes = tensor.elements() * element_size(tensor.type);
    if (!views.try_emplace(name, std::move(where)).second) fail_damaged("\"", name, "\" is there twice");
    tensors.push_back(std::move(tensor));
  }

  /// A view lies within its storage, and shows no element twice.
  void check(const tensor_info& tensor, const view& where, const storage& from) const {
    std::uint64_t elements = 1, last = where.first;
    bool fits = true;
    for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
      const auto extent = static_cast<std::uint64_t>(tensor.shape[d]);
      std::uint64_t step = 0;
      fits = fits && !__builtin_mul_overflow(elements, extent, &elements);
      if (extent > 1)
        fits = fits && !__builtin_mul_overflow(extent - 1, where.strides[d], &step) &&
               !__builtin_add_overflow(last, step, &last);
    }
    if (!fits || elements > from.elements || (elements > 0 && last >= from.elements))
      fail_damaged("\"", tensor.name, "\", ", describe(tensor), " of strides ", join(where.strides, ","),
                   " from element ", where.first, ", does not lie in storage ", where.key, " of ", from.elements);
  }

  std::string path_;
  std::size_t visited_ = 0;
};

/// The elements of a view one behind the other, row by row.
ODT_INLINE void gather(const tensor_info& tensor, const view& where, std::string_view from, std::span<std::byte> to) {
  const std::size_t size = element_size(tensor.type), rank = tensor.shape.size();
  std::vector<std::int64_t> index(rank);
  std::uint64_t element = where.first;
  for (std::size_t at = 0; at < to.size(); at += size) {
    std::memcpy(to.data() + at, from.data() + element * size, size);
    for (std::size_t d = rank; d-- > 0;) {
      element += where.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      element -= where.strides[d] * static_cast<std::uint64_t>(tensor.shape[d]);
      index[d] = 0;
    }
  }
}

}  // namespace torch

}  // namespace odt::detail
