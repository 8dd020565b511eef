// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/tensor_values.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace odt {

namespace detail::values {

template <class T, class Convert>
std::vector<double> convert(std::span<const std::byte> bytes, Convert&& value_of) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = value_of(element);
  }
  return values;
}

template <class T>
std::vector<double> convert(std::span<const std::byte> bytes) {
  return convert<T>(bytes, [](T value) { return static_cast<double>(value); });
}

/// The upper half of a float.
ODT_INLINE double of_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// A sign, 5 bits of exponent, 10 of mantissa (IEEE 754's binary16).
ODT_INLINE double of_float16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  if (exponent == 31)
    value = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return bits >> 15 ? -value : value;
}

}  // namespace detail::values

ODT_INLINE bool is_floating(element_type type) {
  return type == element_type::float32 || type == element_type::float64 || type == element_type::float16 ||
         type == element_type::bfloat16;
}

ODT_INLINE std::vector<double> to_doubles(element_type type, std::span<const std::byte> bytes) {
  namespace d = detail::values;
  switch (type) {
    case element_type::float32:
      return d::convert<float>(bytes);
    case element_type::float64:
      return d::convert<double>(bytes);
    case element_type::float16:
      return d::convert<std::uint16_t>(bytes, d::of_float16);
    case element_type::bfloat16:
      return d::convert<std::uint16_t>(bytes, d::of_bfloat16);
    case element_type::int64:
      return d::convert<std::int64_t>(bytes);
    case element_type::int32:
      return d::convert<std::int32_t>(bytes);
    case element_type::int16:
      return d::convert<std::int16_t>(bytes);
    case element_type::int8:
      return d::convert<std::int8_t>(bytes);
    case element_type::uint8:
    case element_type::boolean:
      return d::convert<std::uint8_t>(bytes);
    case element_type::string:
      break;
  }
  fail("values of ", to_string(type), " are no numbers");
}

ODT_INLINE std::vector<double> read_doubles(const checkpoint_reader& from, const tensor_info& tensor) {
  if (element_size(tensor.type) == 0)
    fail(from.prefix(), ": \"", tensor.name, "\", ", describe(tensor), ", holds no numbers");
  const std::string bytes = from.read_raw(tensor);
  return to_doubles(tensor.type, std::as_bytes(std::span(bytes)));
}

}  // namespace odt
