// SPDX-License-Identifier: MIT
// tf.Example as the API's decoder reads and its converters write it: one image and its labelled objects.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/core/image.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/mask.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// One object of a record, as it is stored there.
struct labelled_object {
  boxf bounds{};           ///< normalized (image/object/bbox/...)
  std::int64_t label = 0;  ///< label map id; 0 when the record does not say (class/label)
  std::string text;        ///< class name; empty when the record does not say (class/text)
  float weight = 1;        ///< of its losses
  float area = 0;          ///< in square pixels; 0 when the record does not say
  bool crowd = false;
  bool difficult = false;
  bool group_of = false;
  bool truncated = false;  ///< written, never used
  std::string view;        ///< the pose; written, never used
  image mask{};            ///< one channel, 1 where the object is, as large as the image; empty when there is none

  friend bool operator==(const labelled_object&, const labelled_object&) = default;
};

/// One image of a record.
struct example {
  std::string encoded;  ///< the JPEG or PNG file's bytes
  std::string format;   ///< "jpeg" or "png"; a hint, the bytes decide
  std::string filename;
  std::string source_id;
  std::string key;  ///< SHA-256 of `encoded`, in hexadecimal
  int height = 0;   ///< in pixels; 0 when the record does not say
  int width = 0;
  std::vector<labelled_object> objects;
  std::vector<std::string> problems;  ///< what did not fit together (lists of different lengths)

  /// What to call it in messages: source_id, else filename, else `otherwise`.
  std::string name(std::string_view otherwise) const;
};

/// Parses a serialized tf.Example by the API's keys. `place` starts error messages (record_file::place). Bytes that are
/// no tf.Example, a feature of another kind, and boxes with sides missing are errors; attributes (label, weight, ...)
/// that are too few or too many are listed in `problems` and left at their defaults.
/// With `masks`, they are read as they are said to be held: one for each object, or it is an error; else they are left
/// alone.
example parse_example(std::string_view serialized, std::string_view place, std::optional<mask_type> masks = {});

/// Throws where a mask is not as large as the picture, naming object and sizes after `place`.
void check_masks(const example& source, size2 picture, std::string_view place);

/// Fills a span with the bytes of one serialized example from an offset on.
using byte_source = std::function<void(std::uint64_t offset, std::span<char> out)>;

/// The same of an example of `size` bytes but for its picture and masks, which take nearly all of the bytes and are not
/// read: `encoded` stays empty.
example parse_example_labels(std::uint64_t size, const byte_source& read, std::string_view place);

/// The tf.Example with the API's keys. Area, weight, crowd, difficult, group_of, truncated and view are written when an
/// object has them. Masks are written where all objects have one; where only some have, it is an error.
std::string serialize_example(const example& source, mask_type masks = mask_type::png);

/// The ground truth of a record and what is wrong with it.
struct checked_labels {
  labels truth;                       ///< the usable objects
  std::vector<std::string> problems;  ///< one line each, with the object and its value; empty when all is well
  std::size_t objects = 0;            ///< that the record has

  /// Whether the record has objects and none of them can be used: it would teach that there is nothing.
  bool useless() const { return objects > 0 && truth.size() == 0; }
};

/// Ground truth for training and evaluation. Class text wins over the label (by name or display name of the map);
/// without a map, or without text, the label counts. An object is reported and left out when its class is unknown or
/// its box is NaN, inverted, empty or wholly outside; reported and clipped when it reaches beyond the image (by more
/// than 1e-6). Areas that the record lacks are those of the box in an image of `size`.
checked_labels to_labels(const example& source, const label_map& classes, size2 size);

/// What is said of an example that is useless.
std::string describe_useless(std::string_view place, const example& source, const checked_labels& checked);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/example.ipp>
#endif
